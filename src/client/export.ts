// The audit as a stream of records. It is whole, or it throws: one that broke off is never taken for the end.
import { decode } from '../contract/wire.ts';
import type { AuditRecord } from '../domain/audit-check.ts';
import { QueueError } from '../domain/errors.ts';
import type { ExportHeader } from '../service/handles.ts';
import { alarmAfter, isAborted, requestOf, send } from './call.ts';
import { abortedError, failureOf, unreached } from './failure.ts';
import type { Line } from './line.ts';
import { linesOf } from './sse.ts';

/** Who reads takes the time that it needs. */
const FOR_EVER_MS = 2_147_483_647;

export async function* exportOf(
  { settings, headers }: Pick<Line, 'settings' | 'headers'>,
  clientId: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ExportHeader | AuditRecord> {
  const signals = [signal, settings.signal];
  const alarm = alarmAfter(settings.timeoutMs, signals);
  let ended = false;
  try {
    const request = requestOf(settings, 'exportAudit', { query: { clientId }, headers: { ...headers, accept: 'application/x-ndjson' } });
    const response = await send(settings, request, alarm.signal);
    if (!response.ok) throw failureOf(settings.base, response, await response.text()).error;
    if (response.body === null) throw unreached(`${settings.base} answered nothing`).error;
    alarm.reset(FOR_EVER_MS);
    for await (const line of linesOf(response.body, () => undefined)) {
      const record = decode(JSON.parse(line)) as ExportHeader | AuditRecord;
      ended ||= record.kind === 'end';
      yield record;
    }
    if (!ended) throw unreached(`the export of ${settings.base} broke off`).error;
  } catch (error) {
    if (isAborted(signals)) throw abortedError();
    throw error instanceof QueueError && error.code !== 'aborted' ? error : unreached(`the export of ${settings.base} broke off`, error).error;
  } finally {
    alarm.cancel();
  }
}
