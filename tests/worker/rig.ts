// One worker on a memory store with a clock moved by hand, and what it reported. Fails the test on an unhandled rejection.
import type { TestContext } from 'node:test';
import type { Handlers, Worker, WorkerEvent, WorkerOptions } from '../../src/worker/types.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryStore } from './memory-store.ts';

export interface Rig {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly events: WorkerEvent[];
  start(handlers: Handlers, options?: WorkerOptions): Worker;
  eventsOf<Type extends WorkerEvent['type']>(type: Type): readonly (WorkerEvent & { readonly type: Type })[];
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

export function makeRig(t: TestContext): Rig {
  const clock = new FakeClock();
  const store = new MemoryStore(clock);
  const events: WorkerEvent[] = [];
  const workers: Worker[] = [];
  t.after(async () => {
    for (const worker of workers) {
      const stopped = worker.stop({ graceMs: 0 }).catch(() => undefined);
      await clock.advance(20_000);
      await stopped;
    }
  });
  return {
    clock,
    store,
    events,
    start(handlers, options = {}) {
      const worker = startWorker(store.handle(), handlers, { clock, random: () => 0.5, logger: silent, onEvent: (event) => events.push(event), ...options });
      workers.push(worker);
      return worker;
    },
    eventsOf: <Type extends WorkerEvent['type']>(type: Type) => events.filter((event): event is WorkerEvent & { readonly type: Type } => event.type === type),
  };
}

/** A handler that ends when it is told to, and what it holds until then. */
export function gate<Value = void>(): { readonly open: (value: Value) => void; readonly closed: Promise<Value>; readonly fail: (error: unknown) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  return { open: resolve, closed: promise, fail: reject };
}
