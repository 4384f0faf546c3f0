// How a worker stops: what was not begun goes back, what runs may end, then it is told to, then it is given back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QueueError } from '../../src/domain/errors.ts';
import type { HandlerContext } from '../../src/worker/types.ts';
import { turns, until } from './fake-clock.ts';
import { gate, makeRig } from './rig.ts';

test('stop hands back what was claimed and not begun, with its attempt, and lets what runs end', async (t) => {
  const { store, start } = makeRig(t);
  store.addMany('A.B', 6);
  const open = gate();
  const worker = start({ 'A.B': () => open.closed }, { concurrency: 2, prefetch: 4 });
  await until(() => store.inState('leased') === 6, 'all are held');
  const stopped = worker.stop();
  await until(() => store.inState('queued') === 4, 'four went back');
  assert.deepEqual(
    [...store.rows.values()].map((row) => row.attempt),
    [1, 1, 0, 0, 0, 0],
  );
  open.open();
  assert.deepEqual(await stopped, { claimed: 6, completed: 2, failed: 0, released: 4, lost: 0, cancelled: 0 });
});

test('a handler that outlasts the first phase is told by its signal and may hand its task back', async (t) => {
  const { store, start, clock } = makeRig(t);
  const row = store.add('A.B');
  let reason: unknown;
  const handler = async (_: unknown, ctx: HandlerContext): Promise<void> => {
    await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
    reason = ctx.signal.reason.code;
    throw ctx.signal.reason;
  };
  const worker = start({ 'A.B': handler });
  await until(() => row.state === 'leased', 'it runs');
  const stopped = worker.stop({ graceMs: 8_000 });
  await clock.advance(6_900);
  assert.equal(reason, undefined);
  await clock.advance(200);
  assert.equal(reason, 'shutdown');
  assert.equal((await stopped).released, 1);
  assert.deepEqual([row.state, row.attempt], ['queued', 0]);
});

test('a handler that ignores its signal is given back at the end of the grace and its late result is refused', async (t) => {
  const { store, start, clock } = makeRig(t);
  const row = store.add('A.B');
  const open = gate<string>();
  const worker = start({ 'A.B': () => open.closed });
  await until(() => row.state === 'leased', 'it runs');
  const stopped = worker.stop({ graceMs: 4_000 });
  await clock.advance(4_000);
  assert.equal((await stopped).released, 1);
  open.open('too late');
  await turns();
  assert.deepEqual([row.state, row.result, worker.summary.completed], ['queued', undefined, 0]);
});

test('a result that comes in the second phase still counts', async (t) => {
  const { store, start, clock } = makeRig(t);
  const row = store.add('A.B');
  const handler = async (_: unknown, ctx: HandlerContext): Promise<string> => {
    await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
    return 'saved';
  };
  const worker = start({ 'A.B': handler });
  await until(() => row.state === 'leased', 'it runs');
  const stopped = worker.stop({ graceMs: 2_000 });
  await clock.advance(1_500);
  assert.equal((await stopped).completed, 1);
  assert.equal(row.result, '"saved"');
});

test('stop may be called again, and a shorter grace shortens the wait', async (t) => {
  const { store, start, clock } = makeRig(t);
  const row = store.add('A.B');
  const worker = start({ 'A.B': () => new Promise(() => undefined) });
  await until(() => row.state === 'leased', 'it runs');
  const first = worker.stop({ graceMs: 60_000 });
  await clock.advance(1_000);
  const second = worker.stop({ graceMs: 0 });
  await turns();
  assert.equal(row.state, 'queued');
  assert.deepEqual(await first, await second);
  assert.deepEqual(await worker.stop(), await first);
  assert.equal(store.count('deregister'), 1);
});

test('stop before the start is over ends it, and nothing is ever claimed', async (t) => {
  const { store, start, events } = makeRig(t);
  store.add('A.B');
  const worker = start({ 'A.B': () => undefined });
  assert.equal((await worker.stop()).claimed, 0);
  await turns();
  assert.equal(store.count('claim'), 0);
  assert.equal(store.registered, false, 'the farewell comes after the registration');
  assert.equal(events.filter((event) => event.type === 'ready').length, 0);
});

test('stop while the store can not be reached for registering ends it too', async (t) => {
  const { store, start, clock } = makeRig(t);
  store.before.register = () => {
    throw new QueueError('store_unavailable', 'away');
  };
  const worker = start({ 'A.B': () => undefined });
  await clock.advance(3_000);
  assert.ok(store.count('register') > 3, 'it is tried again');
  await worker.stop();
  const tried = store.count('register');
  await clock.advance(60_000);
  assert.equal(store.count('register'), tried);
});

test('what a claim brings that was on its way when the worker stopped goes straight back', async (t) => {
  const { store, start } = makeRig(t);
  store.addMany('A.B', 3);
  const slow = gate();
  store.before.claim = () => slow.closed;
  let ran = 0;
  const worker = start({ 'A.B': () => (ran += 1) });
  await until(() => store.count('claim') === 1, 'a claim is on its way');
  const stopped = worker.stop();
  await turns();
  slow.open();
  assert.equal((await stopped).released, 3);
  assert.deepEqual([ran, store.inState('queued')], [0, 3]);
});

test('stop is bounded also when the store takes nothing any more', async (t) => {
  const { store, start, clock } = makeRig(t);
  const row = store.add('A.B');
  const open = gate();
  const worker = start({ 'A.B': () => open.closed });
  await until(() => row.state === 'leased', 'it runs');
  store.before.settle = () => {
    throw new QueueError('store_unavailable', 'away');
  };
  store.before.deregister = () => new Promise(() => undefined);
  const stopped = worker.stop({ graceMs: 1_000 });
  await clock.advance(1_000);
  await clock.advance(5_000);
  await clock.advance(5_000);
  assert.equal((await stopped).lost, 1);
  assert.equal(clock.pending, 0, 'no alarm is left');
});

test('`await using` stops the worker', async (t) => {
  const { store, start } = makeRig(t);
  let status = '';
  {
    await using worker = start({ 'A.B': () => undefined });
    await turns();
    status = worker.status;
  }
  assert.equal(status, 'ready');
  assert.equal(store.registered, false);
});

test('nothing is left behind by a worker that stopped: no alarm, no hint that is waited for', async (t) => {
  const { store, start, clock } = makeRig(t);
  store.addMany('A.B', 3);
  const worker = start({ 'A.B': async () => undefined });
  await until(() => store.inState('completed') === 3, 'all completed');
  await clock.advance(5_000);
  await worker.stop();
  await turns();
  assert.equal(clock.pending, 0);
});
