// The way of finished work back to the store when that refuses, is away, or takes only some of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QueueError } from '../../src/domain/errors.ts';
import type { SettleResult, Settlement } from '../../src/domain/task.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { turns, until } from './fake-clock.ts';
import { gate, makeRig } from './rig.ts';

const away = (): never => {
  throw new QueueError('store_unavailable', 'away');
};

test('a settle that fails is tried again until the store takes it, and the task runs once', async (t) => {
  const { store, start, clock, eventsOf } = makeRig(t);
  const row = store.add('A.B');
  let ran = 0;
  store.before.settle = (call) => (call <= 4 ? away() : undefined);
  start({ 'A.B': () => (ran += 1) });
  await until(() => store.count('settle') === 1, 'it was tried');
  await clock.advance(5_000);
  assert.deepEqual([row.state, ran, store.count('settle')], ['completed', 1, 5]);
  assert.deepEqual(
    eventsOf('trouble').map((event) => [event.where, event.failures]),
    [
      ['settle', 1],
      ['settle', 2],
      ['settle', 3],
      ['settle', 4],
    ],
  );
});

test('while the store does not take what is finished nothing more is claimed', async (t) => {
  const { store, start, clock } = makeRig(t);
  store.add('A.B');
  store.before.settle = away;
  start({ 'A.B': () => undefined });
  await until(() => store.count('settle') === 1, 'it was tried');
  await turns();
  const claims = store.count('claim');
  store.add('A.B');
  await clock.advance(3_000);
  assert.equal(store.count('claim'), claims);
  delete store.before.settle;
  await clock.advance(5_000);
  assert.equal(store.inState('completed'), 2);
});

test('what can not be delivered is given up once its lease is gone for sure, and counted as lost', async (t) => {
  const { store, start, clock, eventsOf } = makeRig(t);
  store.add('A.B');
  const worker = start({ 'A.B': () => undefined }, { leaseMs: 1_000 });
  store.before.settle = away;
  store.before.heartbeat = away;
  await until(() => store.count('settle') === 1, 'it was tried');
  await clock.advance(900);
  assert.equal(worker.summary.lost, 0);
  await clock.advance(10_000);
  assert.equal(worker.summary.lost, 1);
  assert.equal(eventsOf('lost')[0]?.cause, 'lease_lost');
  const tried = store.count('settle');
  await clock.advance(20_000);
  assert.equal(store.count('settle'), tried);
});

test('an end that comes after the lease is lost is counted so and changes nothing', async (t) => {
  const { store, start, clock } = makeRig(t);
  const row = store.add('A.B');
  const open = gate<string>();
  const worker = start({ 'A.B': () => open.closed });
  await until(() => row.state === 'leased', 'it runs');
  row.lease = { workerId: 'another', leaseId: 'x', until: 1e12, runUntil: 1e12 };
  open.open('mine');
  await until(() => worker.summary.lost === 1, 'it is counted');
  assert.deepEqual([row.state, row.result], ['leased', undefined]);
  await clock.advance(0);
});

test('one item that the store refuses does not hold up the batch around it, and ends as a failure', async (t) => {
  const { store, start } = makeRig(t);
  const bad = store.add('A.Bad');
  const good = store.addMany('A.Good', 5);
  store.before.settle = () => {
    const items = store.calls.at(-1)?.args[0] as readonly Settlement[];
    if (items.some((item) => item.op === 'complete' && item.result === '"bad"')) throw new QueueError('invalid_payload', 'has half a character');
  };
  await start({ 'A.Bad': () => 'bad', 'A.Good': () => 'good' }, { drain: true }).done;
  assert.ok(good.every((row) => row.state === 'completed'));
  assert.deepEqual([bad.state, bad.error?.kind], ['dead_letter', 'invalid_payload']);
});

test('one item that the store answers with a refusal ends as a failure, the batch around it as it is', async (t) => {
  const { store, clock } = makeRig(t);
  const bad = store.add('A.Bad');
  const good = store.addMany('A.Good', 5);
  const handle = store.handle();
  const settle: typeof handle.settle = async (items) => {
    const isBad = (item: Settlement): boolean => item.op === 'complete' && item.result === '"bad"';
    const answers = await handle.settle(items.filter((item) => !isBad(item)));
    let next = 0;
    return items.map((item) =>
      isBad(item) ? { taskId: item.taskId, ok: false, code: 'invalid_payload', message: 'nests too deep' } : (answers[next++] as SettleResult),
    );
  };
  const worker = startWorker({ ...handle, settle }, { 'A.Bad': () => 'bad', 'A.Good': () => 'good' }, { clock, drain: true, random: () => 0.5 });
  const { completed, failed, lost } = await worker.done;
  assert.deepEqual({ completed, failed, lost }, { completed: 5, failed: 1, lost: 0 });
  assert.ok(good.every((row) => row.state === 'completed'));
  assert.deepEqual([bad.state, bad.error?.kind, bad.error?.message], ['dead_letter', 'invalid_payload', 'The result was refused: nests too deep']);
});

test('a store that answers fewer items than it was given is asked again', async (t) => {
  const { store, start, clock } = makeRig(t);
  store.add('A.B');
  const handle = store.handle();
  const settle = handle.settle.bind(handle);
  let short = true;
  const worker = startWorker(
    {
      ...handle,
      settle: async (items) => {
        if (!short) return settle(items);
        short = false;
        return [];
      },
    },
    { 'A.B': () => undefined },
    { clock, maxTasks: 1, logger: { info: () => undefined, warn: () => undefined, error: () => undefined }, random: () => 0.5 },
  );
  await turns();
  await clock.advance(1_000);
  assert.equal((await worker.done).completed, 1);
  void start;
});

test('two batches may be on their way at once, never three', async (t) => {
  const { store, start } = makeRig(t);
  store.addMany('A.B', 2_500);
  const gates = [gate(), gate()];
  store.before.settle = (call) => gates[call - 1]?.closed;
  start({ 'A.B': () => undefined }, { concurrency: 500, prefetch: 500 });
  await until(() => store.count('settle') === 2, 'two are on their way');
  await turns(30);
  assert.equal(store.count('settle'), 2);
  for (const { open } of gates) open();
  await until(() => store.inState('completed') === 2_500, 'all completed');
});
