// Server-sent events that go on: where a stream breaks off, the next request names the last event that came, so that nothing is
// left out or told twice. Ends when the caller leaves the loop or its signal fires; throws when going on does not help.
import type { OperationName } from '../contract/operations.ts';
import { QueueError } from '../domain/errors.ts';
import { alarmAfter, isAborted, requestOf, send, sleep } from './call.ts';
import { abortedError, backoffMs, failureOf, unreached } from './failure.ts';
import type { Line } from './line.ts';
import type { Settings } from './options.ts';
import { eventsOf } from './sse.ts';
import type { ServerEvent } from './sse.ts';

export interface StreamInput {
  readonly lastEventId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The server says something at least every 15 s; after so long a silence the line is dead. */
const SILENCE_MS = 60_000;

export async function* streamOf(
  { settings, headers }: Pick<Line, 'settings' | 'headers'>,
  name: OperationName,
  input: StreamInput,
): AsyncGenerator<ServerEvent> {
  const { signal } = input;
  const signals = [signal, settings.signal];
  let lastEventId = input.lastEventId;
  for (let failures = 0; !isAborted(signals); ) {
    try {
      const last = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
      for await (const event of open(settings, name, { ...headers, ...last }, signals)) {
        failures = 0;
        if (event.id !== undefined) lastEventId = event.id;
        if (event.data !== '') yield event;
      }
      failures += 1;
    } catch (error) {
      if (isAborted(signals)) return;
      if (!(error instanceof QueueError) || !error.retryable) throw error;
      failures += 1;
    }
    await sleep(backoffMs(failures, Math.random), signals).catch(() => undefined);
  }
}

/** One connection, until it ends. Throws `store_unavailable` when it breaks. */
async function* open(
  settings: Settings,
  name: OperationName,
  headers: Line['headers'],
  signals: readonly (AbortSignal | undefined)[],
): AsyncGenerator<ServerEvent> {
  const alarm = alarmAfter(settings.timeoutMs, signals);
  try {
    const request = requestOf(settings, name, { headers: { ...headers, accept: 'text/event-stream' } });
    const response = await send(settings, request, alarm.signal);
    if (!response.ok) throw failureOf(settings.base, response, await response.text()).error;
    if (response.body === null) throw unreached(`${settings.base} answered nothing`).error;
    yield* eventsOf(response.body, () => alarm.reset(SILENCE_MS));
  } catch (error) {
    if (isAborted(signals)) throw abortedError();
    throw error instanceof QueueError && error.code !== 'aborted' ? error : unreached(`the stream of ${settings.base} broke off`, error).error;
  } finally {
    alarm.cancel();
  }
}
