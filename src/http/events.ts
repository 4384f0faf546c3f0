// What happens to tasks, as server-sent events: from the audit, so that `Last-Event-ID` goes on where a stream broke off and
// nothing is told twice or left out. Ends when the caller goes, the server drains, or the credential no longer opens.
import { encode } from '../contract/wire.ts';
import { QueueError } from '../domain/errors.ts';
import type { StreamEntry } from '../domain/task.ts';
import type { TaskReads } from '../service/handles.ts';
import { LOOK_MS } from './bench.ts';
import type { Call } from './reply.ts';

export type EventStream = (call: Call, reads: Pick<TaskReads, 'events'>, from: { readonly after?: number }) => AsyncIterable<string>;

/** A line without meaning this often, so that nothing between here and there takes the silence for the end. */
const LOOKS_A_BEAT = 15;

const frame = (entry: StreamEntry): string => `id: ${entry.position}\nevent: ${entry.event}\ndata: ${encode(entry)}\n\n`;

/** Streams, at most so many of one key at once. */
export function createStreams(most: number): EventStream {
  const open = new Map<string, number>();
  const add = (name: string, change: 1 | -1): void => {
    const count = (open.get(name) ?? 0) + change;
    if (count === 0) open.delete(name);
    else open.set(name, count);
  };
  return (call, reads, from) => {
    const name = call.principal.keyId ?? JSON.stringify(call.principal);
    if ((open.get(name) ?? 0) >= most) throw new QueueError('rate_limited', `this key has ${most} streams open: close one first`);
    return counted(streamEvents(call, reads, from), (change) => add(name, change));
  };
}

/** Counts from the first read: a stream that nobody reads is none. */
async function* counted(stream: AsyncIterable<string>, add: (change: 1 | -1) => void): AsyncIterable<string> {
  add(1);
  try {
    yield* stream;
  } finally {
    add(-1);
  }
}

async function* streamEvents(call: Call, reads: Pick<TaskReads, 'events'>, from: { readonly after?: number }): AsyncIterable<string> {
  const ended = new AbortController();
  const signal = AbortSignal.any([call.signal(), ended.signal]);
  const place = createPlace();
  const entries = reads.events({ ...from, signal, reached: place.reached })[Symbol.asyncIterator]();
  let next = entries.next();
  let pause = createPause(signal);
  try {
    // Who comes back before anything happened goes on from here.
    await Promise.race([place.known, next, pause.over]);
    yield `: open\n${place.line()}\n`;
    for (let looks = 1; !call.isGone(); ) {
      const step = await Promise.race([next, pause.over]);
      // Looked at by the clock, not when nothing happens: a busy stream ends with its key as well.
      if (pause.isOver()) {
        if (!(await isOpen(call))) return;
        if (looks++ % LOOKS_A_BEAT === 0) yield `: on\n${place.line()}\n`;
        pause = createPause(signal);
      }
      if (step === null) continue;
      if (step.done === true) return;
      next = entries.next();
      yield frame(step.value);
    }
  } finally {
    ended.abort();
    await next.catch(() => undefined);
  }
}

interface Place {
  readonly reached: (logId: number) => void;
  readonly known: Promise<void>;
  /** An id without an event: whoever hears it goes on from there. */
  line(): string;
}

function createPlace(): Place {
  let at: number | null = null;
  const { promise: known, resolve } = Promise.withResolvers<void>();
  return {
    reached(logId) {
      at = logId;
      resolve();
    },
    known,
    line: () => (at === null ? '' : `id: ${at}\n`),
  };
}

/** A key that was revoked ends the stream; who comes back with it is told why. */
const isOpen = (call: Call): Promise<boolean> =>
  call.stillOpen().then(
    () => true,
    () => false,
  );

interface Pause {
  /** Resolves after a look's time, or when the signal fires. */
  readonly over: Promise<null>;
  isOver(): boolean;
}

function createPause(signal: AbortSignal): Pause {
  let isOver = false;
  const over = new Promise<null>((resolve) => {
    const end = (): void => {
      isOver = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve(null);
    };
    const timer = setTimeout(end, LOOK_MS);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
  return { over, isOver: () => isOver };
}
