// What a worker does with tasks: which it runs, how many at once, what it answers, when it ends by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QueueError } from '../../src/domain/errors.ts';
import { createRegistry } from '../../src/worker/registry.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { turns, until } from './fake-clock.ts';
import { gate, makeRig } from './rig.ts';

test('a task is run with its parsed payload and its result is stored as JSON', async (t) => {
  const { store, start } = makeRig(t);
  const row = store.add('Mail.Send', { payload: '{"to":"ada"}' });
  const worker = start({ 'Mail.*': (input: { to: string }) => ({ sent: input.to }) }, { drain: true });
  assert.deepEqual(await worker.done, { claimed: 1, completed: 1, failed: 0, released: 0, lost: 0, cancelled: 0 });
  assert.equal(row.state, 'completed');
  assert.equal(row.result, '{"sent":"ada"}');
});

test('a handler that returns nothing completes without a result', async (t) => {
  const { store, start } = makeRig(t);
  const row = store.add('A.B');
  await start({ 'A.B': async () => undefined }, { drain: true }).done;
  assert.deepEqual([row.state, row.result], ['completed', undefined]);
});

test('never more handlers run at once than the concurrency, and all tasks get their turn', async (t) => {
  const { store, start } = makeRig(t);
  store.addMany('A.B', 40);
  let running = 0;
  let most = 0;
  const handler = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await turns(2);
    running -= 1;
  };
  await start({ 'A.B': handler }, { concurrency: 3, drain: true }).done;
  assert.equal(most, 3);
  assert.equal(store.inState('completed'), 40);
});

test('without prefetch only free slots are claimed', async (t) => {
  const { store, start } = makeRig(t);
  store.addMany('A.B', 10);
  const open = gate();
  start({ 'A.B': () => open.closed }, { concurrency: 4, prefetch: 0 });
  await until(() => store.inState('leased') === 4, 'four are claimed');
  await turns();
  assert.equal(store.inState('leased'), 4);
  open.open();
  await until(() => store.inState('completed') === 10, 'all completed');
});

test('with prefetch as many more are claimed and wait here', async (t) => {
  const { store, start } = makeRig(t);
  store.addMany('A.B', 30);
  const open = gate();
  let started = 0;
  const handler = (): Promise<void> => {
    started += 1;
    return open.closed;
  };
  start({ 'A.B': handler }, { concurrency: 4, prefetch: 8 });
  await until(() => store.inState('leased') === 12, 'twelve are claimed');
  await turns();
  assert.deepEqual([store.inState('leased'), started], [12, 4]);
  open.open();
  await until(() => store.inState('completed') === 30, 'all completed');
});

test('the prefetch that a worker finds by itself keeps slow tasks for others', async (t) => {
  const { store, start, clock } = makeRig(t);
  store.addMany('A.B', 40);
  const slow = (): Promise<void> => new Promise((resolve) => void clock.after(5_000, resolve));
  start({ 'A.B': slow }, { concurrency: 2 });
  await until(() => store.inState('leased') === 2, 'two are claimed');
  await clock.advance(5_000);
  await until(() => store.inState('completed') === 2, 'two completed');
  assert.equal(store.inState('leased'), 2);
});

test('a settle and the claim that follows are asked for in the same turn', async (t) => {
  const { store, start } = makeRig(t);
  store.addMany('A.B', 4);
  await start({ 'A.B': () => undefined }, { concurrency: 1, prefetch: 0, maxTasks: 4 }).done;
  const order = store.calls.map((call) => call.op).filter((op) => op === 'settle' || op === 'claim');
  assert.deepEqual(order, ['claim', 'settle', 'claim', 'settle', 'claim', 'settle', 'claim', 'settle']);
});

test('ends of handlers without promises are settled in batches of at most 500', async (t) => {
  const { store, start } = makeRig(t);
  store.addMany('A.B', 1_200);
  await start({ 'A.B': () => undefined }, { concurrency: 500, prefetch: 500, drain: true }).done;
  const sizes = store.calls.filter((call) => call.op === 'settle').map((call) => (call.args[0] as readonly unknown[]).length);
  assert.equal(store.inState('completed'), 1_200);
  assert.ok(Math.max(...sizes) <= 500, `batches of ${sizes.join(', ')}`);
  assert.ok(sizes.length <= 12, `${sizes.length} batches`);
});

test('a type without a handler fails for good and the known patterns are named', async (t) => {
  const { store, start } = makeRig(t);
  const row = store.add('Other.Thing');
  await start({ 'Mail.*': () => undefined, 'Pdf.Make': () => undefined }, { drain: true }).done;
  assert.equal(row.state, 'dead_letter');
  assert.equal(row.error?.kind, 'unknown_type');
  assert.match(row.error?.message ?? '', /Other\.Thing.*Mail\.\*, Pdf\.Make/);
});

test('a payload that is not JSON fails for good', async (t) => {
  const { store, start } = makeRig(t);
  const row = store.add('A.B', { payload: '{' });
  await start({ 'A.B': () => undefined }, { drain: true }).done;
  assert.deepEqual([row.state, row.error?.kind], ['dead_letter', 'invalid_payload']);
});

test('what a handler throws fails the attempt with its name, message and stack, to be tried again', async (t) => {
  const { store, start } = makeRig(t);
  const row = store.add('A.B');
  const broken = (): never => {
    throw new TypeError('no such thing');
  };
  await start({ 'A.B': broken }, { maxTasks: 1 }).done;
  assert.equal(row.state, 'failed');
  assert.equal(row.error?.message, 'TypeError: no such thing');
  assert.equal(row.error?.kind, 'TypeError');
  assert.match(row.error?.stack ?? '', /worker\.test/);
});

const circular: Record<string, unknown> = {};
circular['self'] = circular;
const STRANGE: readonly (readonly [name: string, thrown: unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a string', 'just text'],
  ['a symbol', Symbol('odd')],
  ['a function', () => 1],
  ['a circular object', circular],
  [
    'an object whose getters throw',
    {
      get message() {
        throw new Error('trap');
      },
      get name() {
        throw new Error('trap');
      },
    },
  ],
  [
    'a proxy that throws',
    new Proxy(
      {},
      {
        get() {
          throw new Error('trap');
        },
        has() {
          throw new Error('trap');
        },
      },
    ),
  ],
  ['an object without a prototype', Object.create(null)],
  ['text with NUL and half a pair', new Error('a\0b\uD800')],
];
for (const [name, thrown] of STRANGE) {
  for (const way of ['thrown', 'rejected', 'returned'] as const) {
    test(`${name}, ${way} by a handler, ends the attempt and nothing else`, async (t) => {
      const { store, start } = makeRig(t);
      const odd = store.add('Odd.One');
      const next = store.add('Plain.One');
      const handler = (): unknown => {
        if (way === 'thrown') throw thrown;
        return way === 'rejected' ? Promise.reject(thrown) : thrown;
      };
      await start({ 'Odd.One': handler, 'Plain.One': () => 1 }, { maxTasks: 2 }).done;
      assert.equal(next.state, 'completed');
      assert.ok(odd.state !== 'leased' && odd.state !== 'queued', `it is ${odd.state}`);
      if (way !== 'returned') assert.ok((odd.error?.message ?? '').length > 0);
      const text = `${odd.error?.message}${odd.error?.stack}`;
      assert.ok(text.isWellFormed() && !text.includes('\0'));
    });
  }
}

test('drain ends the worker when nothing is claimable and nothing runs, not before', async (t) => {
  const { store, start } = makeRig(t);
  const open = gate();
  store.add('A.Slow');
  const worker = start({ 'A.Slow': () => open.closed, 'A.Child': () => undefined }, { drain: true });
  await until(() => store.inState('leased') === 1, 'it runs');
  await turns(50);
  assert.equal(worker.status, 'busy');
  store.add('A.Child');
  open.open();
  assert.equal((await worker.done).completed, 2);
  assert.equal(worker.status, 'offline');
});

test('drain leaves a task that is not due', async (t) => {
  const { store, start } = makeRig(t);
  const row = store.add('A.B');
  row.runAfter = 1e9;
  assert.equal((await start({ 'A.B': () => undefined }, { drain: true }).done).claimed, 0);
});

test('maxTasks ends the worker after exactly so many', async (t) => {
  const { store, start } = makeRig(t);
  store.addMany('A.B', 20);
  const summary = await start({ 'A.B': async () => undefined }, { concurrency: 3, prefetch: 10, maxTasks: 7 }).done;
  assert.deepEqual([summary.claimed, summary.completed, store.inState('queued')], [7, 7, 13]);
});

test('an idle worker takes a task as soon as it is hinted, and by its poll when the hint is missed', async (t) => {
  const { store, start, clock } = makeRig(t);
  start({ 'A.B': () => undefined });
  await turns();
  const idle = store.count('claim');
  await turns(100);
  assert.equal(store.count('claim'), idle, 'an idle worker does not ask again and again');
  const hinted = store.add('A.B');
  await until(() => hinted.state === 'completed', 'the hinted task');
  await turns();
  const missed = store.add('A.B');
  missed.runAfter = clock.now() + 500;
  await turns();
  assert.equal(missed.state, 'queued');
  await clock.advance(1_200);
  assert.equal(missed.state, 'completed');
});

test('the strategy can be switched while the worker runs', async (t) => {
  const { store, start } = makeRig(t);
  const worker = start({ 'A.B': () => undefined }, { strategy: 'FIFO' });
  await turns();
  await worker.strategy('LIFO');
  store.add('A.B');
  await until(() => store.inState('completed') === 1, 'it completed');
  const asked = store.calls.filter((call) => call.op === 'claim').map((call) => (call.args[0] as { strategy?: string }).strategy);
  assert.deepEqual([asked[0], asked.at(-1)], ['FIFO', 'LIFO']);
});

test('a strategy that the store does not know is refused and the worker goes on with the one it had', async (t) => {
  const { store, start } = makeRig(t);
  const worker = start({ 'A.B': () => undefined }, { strategy: 'FIFO' });
  await turns();
  store.before.register = () => {
    throw new QueueError('unknown_strategy', 'no such strategy');
  };
  await assert.rejects(worker.strategy('NONSENSE'), { code: 'unknown_strategy' });
  store.add('A.B');
  await until(() => store.inState('completed') === 1, 'it completed');
  assert.equal((store.calls.findLast((call) => call.op === 'claim')?.args[0] as { strategy?: string } | undefined)?.strategy, 'FIFO');
});

test('a paused worker claims nothing, lets what runs end, and goes on when resumed', async (t) => {
  const { store, start } = makeRig(t);
  const open = gate();
  const first = store.add('A.B');
  const worker = start({ 'A.B': () => open.closed }, { concurrency: 5 });
  await until(() => first.state === 'leased', 'the first runs');
  worker.pause();
  const second = store.add('A.B');
  open.open();
  await until(() => first.state === 'completed', 'the first completed');
  await turns();
  assert.equal(second.state, 'queued');
  worker.resume();
  await until(() => second.state === 'completed', 'the second completed');
});

test('it registers what it can do, says how it is, and deregisters', async (t) => {
  const { store, start, clock } = makeRig(t);
  const open = gate();
  const registry = createRegistry({ 'Mail.*': { run: () => open.closed, version: '7' } });
  const worker = start(registry, { clients: ['acme'], attributes: { region: 'eu' }, strategy: 'DEADLINE' });
  await turns();
  assert.equal(worker.status, 'ready');
  assert.deepEqual(store.calls.find((call) => call.op === 'register')?.args[0], {
    capabilities: { categories: ['Mail.*'], clients: ['acme'], attributes: { region: 'eu' } },
    strategy: 'DEADLINE',
    versions: { 'Mail.*': '7' },
  });
  store.add('Mail.Send');
  await until(() => worker.status === 'busy', 'it is busy');
  await clock.advance(1_000);
  const stopped = worker.stop();
  await turns();
  assert.equal(worker.status, 'draining');
  open.open();
  await stopped;
  assert.deepEqual(store.statuses, ['ready', 'busy', 'draining']);
  assert.equal(worker.status, 'offline');
  assert.equal(store.registered, false);
});

test('a worker that the store forgot registers again and goes on', async (t) => {
  const { store, start, clock } = makeRig(t);
  start({ 'A.B': () => undefined });
  await turns();
  store.registered = false;
  const row = store.add('A.B');
  await clock.advance(2_000);
  assert.equal(row.state, 'completed');
  assert.equal(store.count('register'), 2);
});

test('an event tells each accepted end', async (t) => {
  const { store, start, eventsOf } = makeRig(t);
  const row = store.add('A.B');
  await start({ 'A.B': () => 1 }, { drain: true }).done;
  const [ended] = eventsOf('ended');
  assert.deepEqual([ended?.taskId, ended?.op, ended?.status, ended?.attempt], [row.taskId, 'complete', 'completed', 1]);
  assert.deepEqual([eventsOf('ready').length, eventsOf('stopped').length], [1, 1]);
});

test('a listener that throws and a logger that throws do not disturb the work', async (t) => {
  const { store, start } = makeRig(t);
  store.add('A.B');
  const shout = (): never => {
    throw new Error('not listening');
  };
  const summary = await start({ 'A.B': () => 1 }, { drain: true, onEvent: shout, logger: { info: shout, warn: shout, error: shout } }).done;
  assert.equal(summary.completed, 1);
});

test('a worker without handlers, or with an option out of bounds, is refused at once', (t) => {
  const { store } = makeRig(t);
  const handler = { 'A.B': () => undefined };
  assert.throws(() => startWorker(store.handle(), {}), { code: 'invalid_input' });
  for (const options of [
    { concurrency: 0 },
    { concurrency: 1.5 },
    { prefetch: 501 },
    { leaseMs: 999 },
    { graceMs: -1 },
    { pollMs: 0 },
    { maxTasks: 0 },
    { maxBlockMs: 0 },
  ])
    assert.throws(() => startWorker(store.handle(), handler, options), { code: 'invalid_input' }, JSON.stringify(options));
});

test('a task that was released twenty times fails instead of being kept until its lease ends', async (t) => {
  const { store, start } = makeRig(t);
  const row = store.add('A.B');
  row.releases = 20;
  const { release } = await import('../../src/worker/outcome.ts');
  await start({ 'A.B': () => release() }, { maxTasks: 1 }).done;
  assert.deepEqual([row.state, row.error?.kind], ['failed', 'released_too_often']);
});
