// Claims that wait at a server, with time moved by hand: one request for a long silence, a lease that is counted from when it
// began, and nothing claimed by a request that is no longer wanted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { QueueError } from '../../src/domain/errors.ts';
import type { Settlement } from '../../src/domain/task.ts';
import type { ClaimOptions, WorkerHandle } from '../../src/service/handles.ts';
import type { Handlers, Worker, WorkerEvent, WorkerOptions } from '../../src/worker/types.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { FakeClock, turns, until } from './fake-clock.ts';
import { MemoryStore } from './memory-store.ts';

interface Rig {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly events: WorkerEvent[];
  /** The claims as they were asked for, each a request. */
  readonly claims: ClaimOptions[];
  /** The server answers at once, whatever it was asked to wait. */
  isHasty: boolean;
  start(handlers: Handlers, options?: WorkerOptions): Worker;
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

function makeRig(t: TestContext): Rig {
  const clock = new FakeClock();
  const store = new MemoryStore(clock);
  const base = store.handle();
  const rig: Rig = {
    clock,
    store,
    events: [],
    claims: [],
    isHasty: false,
    start(handlers, options = {}) {
      const worker = startWorker(handle, handlers, { clock, random: () => 0.5, logger: silent, onEvent: (event) => rig.events.push(event), ...options });
      t.after(async () => {
        const stopped = worker.stop({ graceMs: 0 }).catch(() => undefined);
        await clock.advance(20_000);
        await stopped;
      });
      return worker;
    },
  };
  const handle: WorkerHandle = {
    ...base,
    waitsInClaim: true,
    wake: () => Promise.reject(new Error('a claim that waits is the hint')),
    async claim(options = {}) {
      rig.claims.push(options);
      const from = clock.now();
      for (;;) {
        const tasks = await base.claim(options);
        if (tasks.length > 0) return tasks.map((task) => ({ ...task, waitedMs: clock.now() - from }));
        const left = from + (options.waitMs ?? 0) - clock.now();
        if (left <= 0 || rig.isHasty) return [];
        await base.wake(left, options.signal);
        if (options.signal?.aborted === true) throw new QueueError('aborted', 'given up');
      }
    },
  };
  return rig;
}

const settled = ({ store }: Rig): readonly Settlement[] => store.calls.filter(({ op }) => op === 'settle').flatMap(({ args }) => args[0] as Settlement[]);

test('an idle worker sends one claim for a third of its lease', async (t) => {
  const rig = makeRig(t);
  rig.start({ 'A.*': () => 1 });
  await rig.clock.advance(60_000);
  assert.deepEqual([...new Set(rig.claims.map((claim) => claim.waitMs))], [10_000]);
  assert.ok(rig.claims.length >= 6 && rig.claims.length <= 8, String(rig.claims.length));
});

test('pollMs says how long a claim waits, up to what the wire takes', async (t) => {
  for (const [pollMs, waitMs] of [
    [500, 500],
    [60_000, 30_000],
  ] as const) {
    const rig = makeRig(t);
    rig.start({ 'A.*': () => 1 }, { pollMs, leaseMs: 600_000 });
    await until(() => rig.claims.length > 0, 'a claim');
    assert.equal(rig.claims[0]?.waitMs, waitMs);
  }
});

test('a task that came after a long wait has its whole lease and run time, counted from its claim', async (t) => {
  const rig = makeRig(t);
  const ends: (() => void)[] = [];
  rig.start({ 'A.*': () => new Promise<void>((resolve) => ends.push(resolve)) }, { leaseMs: 1_000 });
  await rig.clock.advance(300);
  rig.store.add('A.B', { maxRunMs: 1_000 });
  await until(() => ends.length === 1, 'a run');
  // Its lease ends 1,000 ms from here; counted from the request it would end, a margin before, 650 ms from here.
  rig.store.before.heartbeat = () => {
    throw new Error('no renewal');
  };
  await rig.clock.advance(700);
  ends[0]?.();
  await turns();
  assert.deepEqual(
    settled(rig).map((item) => [item.op, item.startedAfterMs, item.runMs]),
    [['complete', 0, 700]],
  );
});

test('a server that answers at once with nothing is asked once a second', async (t) => {
  const rig = makeRig(t);
  rig.isHasty = true;
  rig.start({ 'A.*': () => 1 });
  await rig.clock.advance(10_000);
  assert.ok(rig.claims.length >= 9 && rig.claims.length <= 12, String(rig.claims.length));
});

test('a pause, another strategy and a stop end the claim that waits', async (t) => {
  const rig = makeRig(t);
  const worker = rig.start({ 'A.*': () => 1 });
  await until(() => rig.claims.length === 1, 'a claim');
  worker.pause();
  rig.store.add('A.B');
  await rig.clock.advance(5_000);
  assert.deepEqual([rig.store.inState('queued'), rig.claims.length], [1, 1]);
  worker.resume();
  await until(() => rig.store.inState('completed') === 1, 'an end');
  await until(() => rig.claims.length === 3, 'a claim');
  await worker.strategy('LIFO');
  await until(() => rig.claims.length === 4, 'a claim of the other strategy');
  assert.equal(rig.claims[3]?.strategy, 'LIFO');
  const stopped = worker.stop();
  await turns();
  rig.store.add('A.B');
  await rig.clock.advance(1_000);
  assert.equal((await stopped).claimed, 1);
  assert.equal(rig.store.inState('queued'), 1);
  assert.deepEqual(
    rig.events.filter((event) => event.type === 'trouble'),
    [],
  );
});

test('with drain it ends when nothing is left, and looks again while something runs', async (t) => {
  const rig = makeRig(t);
  const ends: (() => void)[] = [];
  rig.store.addMany('A.B', 3);
  const worker = rig.start({ 'A.*': () => new Promise<void>((resolve) => ends.push(resolve)) }, { drain: true });
  await until(() => ends.length === 3, 'three runs');
  await rig.clock.advance(5_000);
  rig.store.add('A.B');
  await until(() => ends.length === 4, 'the fourth');
  for (const end of ends) end();
  await rig.clock.advance(3_000);
  assert.equal((await worker.done).completed, 4);
  assert.ok(rig.claims.every((claim) => (claim.waitMs ?? 0) <= 1_000));
});

test('a claim that fails is asked for again after a while, and one of another fault ends the worker', async (t) => {
  const rig = makeRig(t);
  rig.store.before.claim = (call) => {
    if (call === 1) throw new QueueError('store_unavailable', 'away');
    if (call === 2) throw new QueueError('unauthenticated', 'revoked');
  };
  const worker = rig.start({ 'A.*': () => 1 });
  worker.done.catch(() => undefined);
  await rig.clock.advance(10_000);
  await assert.rejects(worker.done, (error) => error instanceof QueueError && error.code === 'unauthenticated');
  assert.equal(rig.claims.length, 2);
});
