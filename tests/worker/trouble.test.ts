// What goes wrong around the work: the store away, refusals that do not pass, bugs. Loops can not die without a word.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QueueError } from '../../src/domain/errors.ts';
import { backoffMs } from '../../src/worker/clock.ts';
import { turns, until } from './fake-clock.ts';
import { gate, makeRig } from './rig.ts';

test('claims that fail are tried again with growing pauses up to five seconds, reported, and work goes on', async (t) => {
  const { store, start, clock, eventsOf } = makeRig(t);
  store.before.claim = (call) => {
    if (call <= 12) throw new Error('the network is away');
  };
  const row = store.add('A.B');
  start({ 'A.B': () => undefined });
  await clock.advance(60_000);
  assert.equal(row.state, 'completed');
  const troubles = eventsOf('trouble').filter((event) => event.where === 'claim');
  assert.deepEqual(
    troubles.map((event) => event.failures),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  );
});

test('pauses are capped and jittered over their whole length', () => {
  assert.deepEqual(
    [1, 2, 3, 6, 7, 50, 2_000].map((failures) => backoffMs(failures, () => 0.9999999)),
    [100, 200, 400, 1_000, 1_000, 1_000, 1_000],
  );
  assert.equal(
    backoffMs(50, () => 0),
    1,
  );
});

test('a handle that throws at once is one that refused', async (t) => {
  const { store, clock } = makeRig(t);
  const row = store.add('A.B');
  const handle = store.handle();
  let thrown = 0;
  const { startWorker } = await import('../../src/worker/worker.ts');
  const once = (): void => {
    thrown += 1;
    if (thrown <= 3) throw new Error('at once');
  };
  const worker = startWorker(
    {
      ...handle,
      claim: (options) => {
        once();
        return handle.claim(options);
      },
    },
    { 'A.B': () => undefined },
    { clock, maxTasks: 1, random: () => 0.5, logger: { info: () => undefined, warn: () => undefined, error: () => undefined } },
  );
  await turns();
  await clock.advance(5_000);
  assert.equal((await worker.done).completed, 1);
  assert.equal(row.state, 'completed');
});

for (const code of ['unauthenticated', 'forbidden', 'store_corrupt', 'unknown_strategy'] as const) {
  test(`${code} at a claim ends the worker: done rejects with it, and what ran may end`, async (t) => {
    const { store, start, eventsOf } = makeRig(t);
    const row = store.add('A.B');
    const open = gate();
    store.before.claim = (call) => {
      if (call > 1) throw new QueueError(code, 'no');
    };
    const worker = start({ 'A.B': () => open.closed });
    await until(() => row.state === 'leased', 'it runs');
    await until(() => worker.status === 'draining', 'it drains');
    open.open();
    await assert.rejects(worker.done, { code });
    assert.equal(row.state, 'completed');
    assert.deepEqual(
      eventsOf('trouble').map((event) => event.fatal),
      [true],
    );
    await assert.rejects(worker.stop(), { code });
  });
}

test('a refusal at registering ends the worker', async (t) => {
  const { store, start } = makeRig(t);
  store.before.register = () => {
    throw new QueueError('invalid_input', 'no such attribute');
  };
  await assert.rejects(start({ 'A.B': () => undefined }).done, { code: 'invalid_input' });
  assert.equal(store.count('claim'), 0);
});

test('a queue that is closed under the worker ends it at once, without a wait for its handlers', async (t) => {
  const { store, start } = makeRig(t);
  const row = store.add('A.B');
  const closed = (): never => {
    throw new QueueError('closed', 'the queue is closed');
  };
  const worker = start({ 'A.B': () => new Promise(() => undefined) });
  await until(() => row.state === 'leased', 'it runs');
  await turns();
  Object.assign(store.before, { claim: closed, settle: closed, beat: closed, heartbeat: closed, deregister: closed });
  store.hint();
  await assert.rejects(worker.done, { code: 'closed' });
  assert.equal(worker.summary.lost, 1);
});

test('a bug rejects done instead of ending the loop without a word', async (t) => {
  const { store, start } = makeRig(t);
  store.add('A.B');
  const clockless = store.handle();
  // An answer of a shape that no store gives.
  clockless.claim = async () => [null] as never;
  const { startWorker } = await import('../../src/worker/worker.ts');
  const worker = startWorker(
    clockless,
    { 'A.B': () => undefined },
    { graceMs: 0, logger: { info: () => undefined, warn: () => undefined, error: () => undefined } },
  );
  await assert.rejects(worker.done, TypeError);
  void start;
});

test('beats that fail are reported and tried again', async (t) => {
  const { store, start, clock, eventsOf } = makeRig(t);
  store.before.beat = (call) => {
    if (call <= 2) throw new QueueError('store_busy', 'busy');
  };
  start({ 'A.B': () => undefined });
  await clock.advance(5_000);
  assert.deepEqual(store.statuses, ['ready']);
  assert.deepEqual(
    eventsOf('trouble').map((event) => event.where),
    ['beat', 'beat'],
  );
});

test('what is behind a refusal of the store is in the log and in the event, not in the message of the error', async (t) => {
  const { store, start, clock, eventsOf } = makeRig(t);
  const refusal = new QueueError('internal', 'something went wrong inside the store', {}, new Error('a gremlin in the disk'));
  store.before.claim = (call) => {
    if (call === 1) throw refusal;
  };
  const logged: string[] = [];
  const keep = (details: object, message: string): void => void logged.push(`${message} ${JSON.stringify(details)}`);
  start({ 'A.B': () => undefined }, { logger: { info: () => undefined, warn: keep, error: keep } });
  await clock.advance(1_000);
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /claim failed, trying again: QueueError: something went wrong inside the store, because: Error: a gremlin in the disk /);
  assert.equal(eventsOf('trouble')[0]?.error, refusal);
  assert.doesNotMatch(refusal.message, /gremlin/);
});
