// Leases while handlers run: kept, lost, cancelled, run out of time; on the event loop and by the thread.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QueueError } from '../../src/domain/errors.ts';
import type { LeaseRef } from '../../src/domain/task.ts';
import type { HandlerContext } from '../../src/worker/types.ts';
import { turns, until } from './fake-clock.ts';
import { gate, makeRig } from './rig.ts';

const untilAborted = (ctx: HandlerContext): Promise<unknown> =>
  new Promise((resolve) => ctx.signal.addEventListener('abort', () => resolve(ctx.signal.reason.code)));

test('running and prefetched tasks keep their leases for as long as it takes', async (t) => {
  const { store, start, clock } = makeRig(t);
  store.addMany('A.B', 5);
  const open = gate();
  start({ 'A.B': () => open.closed }, { concurrency: 1, prefetch: 4, leaseMs: 3_000 });
  await until(() => store.inState('leased') === 5, 'all are held');
  for (let i = 0; i < 20; i += 1) {
    await clock.advance(1_000);
    store.expire();
  }
  assert.equal(store.inState('leased'), 5);
  assert.deepEqual(
    [...store.rows.values()].flatMap((row) => row.ends),
    [],
  );
  open.open();
  await until(() => store.inState('completed') === 5, 'all completed');
});

test('more than 500 leases are renewed in batches of at most 500', async (t) => {
  const { store, start, clock } = makeRig(t);
  store.addMany('A.B', 700);
  const open = gate();
  start({ 'A.B': () => open.closed }, { concurrency: 700, prefetch: 0, leaseMs: 3_000 });
  await until(() => store.inState('leased') === 700, 'all are held');
  await clock.advance(1_000);
  const sizes = store.calls.filter((call) => call.op === 'heartbeat').map((call) => (call.args[0] as readonly LeaseRef[]).length);
  assert.deepEqual(sizes, [500, 200]);
  open.open();
});

test('a lease that the store says is lost ends the handler by its signal, and only that handler', async (t) => {
  const { store, start, clock } = makeRig(t);
  const [first, second] = store.addMany('A.B', 2);
  assert.ok(first !== undefined && second !== undefined);
  const seen = new Map<string, unknown>();
  const handler = async (_: unknown, ctx: HandlerContext): Promise<void> => {
    seen.set(ctx.task.taskId, await untilAborted(ctx));
  };
  const worker = start({ 'A.B': handler });
  await until(() => store.inState('leased') === 2, 'both run');
  // Both were claimed together and share their lease id.
  assert.equal(first.lease?.leaseId, second.lease?.leaseId);
  first.lease = undefined;
  await clock.advance(10_000);
  assert.deepEqual([...seen], [[first.taskId, 'lease_lost']]);
  assert.deepEqual([worker.summary.lost, second.state], [1, 'leased']);
});

test('a handler is told that its task was cancelled', async (t) => {
  const { store, start, clock, eventsOf } = makeRig(t);
  const row = store.add('A.B');
  let code: unknown;
  const worker = start({ 'A.B': async (_, ctx) => void (code = await untilAborted(ctx)) });
  await until(() => row.state === 'leased', 'it runs');
  store.cancel(row);
  await clock.advance(10_000);
  assert.equal(code, 'cancelled');
  assert.deepEqual([worker.summary.cancelled, worker.summary.lost, eventsOf('lost')[0]?.cause], [1, 0, 'cancelled']);
});

test('an attempt that runs longer than max_run_ms fails in time for the store to take it, and its late result is ignored', async (t) => {
  const { store, start, clock, eventsOf } = makeRig(t);
  const row = store.add('A.B', { maxRunMs: 60_000 });
  const open = gate<string>();
  let code: unknown;
  const handler = async (_: unknown, ctx: HandlerContext): Promise<string> => {
    code = await untilAborted(ctx);
    return open.closed;
  };
  const worker = start({ 'A.B': handler }, { maxTasks: 1 });
  await until(() => row.state === 'leased', 'it runs');
  await clock.advance(59_000);
  assert.equal(row.state, 'leased');
  await clock.advance(1_000);
  assert.deepEqual([code, row.state, row.error?.kind], ['timed_out', 'failed', 'timed_out']);
  assert.equal(eventsOf('timed_out')[0]?.maxRunMs, 60_000);
  open.open('late');
  await turns();
  assert.deepEqual([row.result, worker.summary.failed, worker.summary.completed], [undefined, 1, 0]);
});

test('a prefetched task that waited for half of its max_run_ms goes back instead of being cut short', async (t) => {
  const { store, start, clock } = makeRig(t);
  const first = store.add('A.B');
  const second = store.add('A.Short', { maxRunMs: 10_000 });
  const open = gate();
  let ran = 0;
  start({ 'A.B': () => open.closed, 'A.Short': () => (ran += 1) }, { concurrency: 1, prefetch: 1 });
  await until(() => store.inState('leased') === 2, 'both are held');
  await clock.advance(6_000);
  open.open();
  await until(() => first.state === 'completed' && second.state === 'completed', 'both completed');
  assert.deepEqual([second.releases, second.claims, ran], [1, 2, 1]);
});

test('a lease that can not be renewed ends the handler before it lapses, and what the store still takes is told', async (t) => {
  const { store, start, clock } = makeRig(t);
  const row = store.add('A.B');
  let at = 0;
  const begun = clock.now();
  const handler = async (_: unknown, ctx: HandlerContext): Promise<void> => {
    await untilAborted(ctx);
    at = clock.now() - begun;
  };
  start({ 'A.B': handler }, { leaseMs: 10_000, maxTasks: 1 });
  store.before.heartbeat = () => {
    throw new QueueError('store_busy', 'busy');
  };
  await until(() => row.state === 'leased', 'it runs');
  await clock.advance(12_000);
  assert.ok(at > 9_000 && at < 10_000, `told after ${at} ms`);
  assert.deepEqual([row.state, row.error?.kind], ['failed', 'lease_lost']);
});

test('a prefetched task whose lease ran out while the event loop was blocked is not begun', async (t) => {
  const { store, start, clock } = makeRig(t);
  const [first, second] = store.addMany('A.B', 2);
  let ran = 0;
  const blocks = (): void => {
    ran += 1;
    if (ran === 1) clock.jump(40_000);
  };
  start({ 'A.B': blocks }, { concurrency: 1, prefetch: 1, maxTasks: 2 });
  await until(() => ran === 1, 'the first ran');
  await clock.advance(0);
  assert.equal(ran, 1);
  assert.deepEqual([first?.state, second?.state], ['leased', 'leased']);
});

test('a task whose lease lapsed here and that is claimed here again runs on its new lease alone', async (t) => {
  const { store, start, clock } = makeRig(t);
  const row = store.add('A.B');
  const outcomes: unknown[] = [];
  const opens = [gate<string>(), gate<string>()];
  const handler = (_: unknown, ctx: HandlerContext): Promise<string> | undefined => {
    ctx.signal.addEventListener('abort', () => outcomes.push([ctx.fence, ctx.signal.reason.code]));
    return opens[ctx.fence - 1]?.closed;
  };
  start({ 'A.B': handler });
  await until(() => row.state === 'leased', 'it runs');
  row.state = 'queued';
  store.hint();
  await until(() => row.claims === 2, 'it is claimed again');
  assert.deepEqual(outcomes, [[1, 'lease_lost']]);
  opens[0]?.open('from the first');
  await turns();
  assert.equal(row.state, 'leased');
  opens[1]?.open('from the second');
  await until(() => row.state === 'completed', 'it completed');
  assert.equal(row.result, '"from the second"');
  await clock.advance(0);
});

test('the slot of a handler that goes on although its lease is lost is given to others after a while', async (t) => {
  const { store, start, clock, eventsOf } = makeRig(t);
  const row = store.add('A.Hangs');
  start({ 'A.Hangs': () => new Promise(() => undefined), 'A.B': () => undefined }, { concurrency: 1 });
  await until(() => row.state === 'leased', 'it runs');
  store.cancel(row);
  const next = store.add('A.B');
  await clock.advance(10_000);
  assert.equal(next.state, 'queued');
  await clock.advance(31_000);
  assert.equal(next.state, 'completed');
  assert.equal(eventsOf('abandoned').length, 1);
});

test('a signal that is asked for after it fired has fired, and none is made where nobody asks', async (t) => {
  const { store, start, clock } = makeRig(t);
  const made: unknown[] = [];
  const Original = globalThis.AbortController;
  t.mock.property(
    globalThis,
    'AbortController',
    class extends Original {
      constructor() {
        super();
        made.push(this);
      }
    },
  );
  store.addMany('A.Plain', 5);
  const open = gate();
  let late: unknown;
  const handler = async (_: unknown, ctx: HandlerContext): Promise<void> => {
    await open.closed;
    late = ctx.signal.aborted && ctx.signal.reason.code;
  };
  start({ 'A.Plain': async () => undefined, 'A.Late': handler });
  await until(() => store.inState('completed') === 5, 'the plain ones completed');
  const before = made.length;
  const row = store.add('A.Late');
  await until(() => row.state === 'leased', 'it runs');
  store.cancel(row);
  await clock.advance(10_000);
  assert.ok(before <= 1, `${before} controllers: at most the one for hints`);
  assert.equal(made.length, before);
  open.open();
  await until(() => late !== undefined, 'the late one asked');
  assert.equal(late, 'cancelled');
});

test('what a handler does by its context carries its lease, and is refused once it ended', async (t) => {
  const { store, start } = makeRig(t);
  const row = store.add('A.B', { payload: '{"n":1}' });
  let kept: HandlerContext | undefined;
  const handler = async (_: unknown, ctx: HandlerContext): Promise<void> => {
    kept = ctx;
    assert.deepEqual([ctx.attempt, ctx.fence, ctx.idempotencyKey, ctx.task.type], [1, 1, row.taskId, 'A.B']);
    await ctx.progress({ done: 50 });
    await ctx.log('half way', { n: 1 });
    await ctx.enqueueChild('C.D', { of: 'me' });
  };
  const worker = start({ 'A.B': handler, 'C.D': () => undefined }, { drain: true });
  assert.equal((await worker.done).completed, 2);
  assert.deepEqual(row.progress, { done: 50 });
  await assert.rejects(kept?.progress({ done: 100 }) ?? Promise.resolve(), { code: 'lease_lost' });
  assert.deepEqual(row.progress, { done: 50 });
  // A refusal that nobody awaits must not end the process.
  void kept?.log('nobody waits for this');
  await turns();
});
