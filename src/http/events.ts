// What happens to tasks, as server-sent events: from the audit, so that `Last-Event-ID` goes on where a stream broke off and
// nothing is told twice or left out. Ends when the caller goes, the server drains, or the credential no longer opens.
import { encode } from '../contract/wire.ts';
import type { LogEntry } from '../domain/task.ts';
import type { TaskReads } from '../service/handles.ts';
import { LOOK_MS } from './bench.ts';
import type { Call } from './reply.ts';

export type EventStream = (call: Call, reads: Pick<TaskReads, 'events'>, from: { readonly after?: number }) => AsyncIterable<string>;

/** A line without meaning this often, so that nothing between here and there takes the silence for the end. */
const LOOKS_A_BEAT = 15;

const frame = (entry: LogEntry): string => `id: ${entry.logId}\nevent: ${entry.event}\ndata: ${encode(entry)}\n\n`;

export const streamEvents: EventStream = async function* (call, reads, from) {
  const ended = new AbortController();
  const signal = AbortSignal.any([call.signal, ended.signal]);
  const entries = reads.events({ ...from, signal })[Symbol.asyncIterator]();
  let next = entries.next();
  try {
    yield ': open\n\n';
    for (let looks = 1; !call.signal.aborted; looks++) {
      const step = await Promise.race([next, wait(LOOK_MS, call.signal)]);
      if (step === null) {
        await call.stillOpen();
        if (looks % LOOKS_A_BEAT === 0) yield ': on\n\n';
      } else if (step.done === true) return;
      else {
        next = entries.next();
        yield frame(step.value);
      }
    }
  } finally {
    ended.abort();
    await next.catch(() => undefined);
  }
};

function wait(ms: number, signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve(null);
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
