// The worker over HTTP against the real server: the same handlers and the same outcomes as in process, with one option changed.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { QueueError } from '../../src/domain/errors.ts';
import type { RequestEvent } from '../../src/http/answer.ts';
import { deadLetter, release, retryIn, startWorker } from '../../src/worker/entry.ts';
import type { Handlers, Worker, WorkerEvent, WorkerOptions, WorkerTarget } from '../../src/worker/entry.ts';
import type { ClientHandle } from '../../src/service/handles.ts';
import { proxy } from '../client/scripted.ts';
import { serve } from '../client/served.ts';
import type { Served } from '../client/served.ts';

let served: Served;
let acme: ClientHandle;
const requests: RequestEvent[] = [];
before(async () => {
  served = await serve({ janitorMs: 50 }, { onRequest: (event) => void requests.push(event) });
  acme = served.queue.client('acme');
});
after(() => served[Symbol.asyncDispose]());
beforeEach(() => void requests.splice(0));

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
let names = 0;
const key = (pattern: string): Promise<string> => served.key({ role: 'worker', name: `w-${(names += 1)}`, grants: [{ clientId: 'acme', pattern }] });

interface Started {
  readonly worker: Worker;
  /** Resolves with the first event of this kind, also one that was before. */
  event<Type extends WorkerEvent['type']>(type: Type, fits?: (event: EventOf<Type>) => boolean): Promise<EventOf<Type>>;
}
type EventOf<Type extends WorkerEvent['type']> = Extract<WorkerEvent, { readonly type: Type }>;

const workers: Worker[] = [];
afterEach(() => Promise.allSettled(workers.splice(0).map((worker) => worker.stop({ graceMs: 0 }))));

function start(target: WorkerTarget, handlers: Handlers, options: WorkerOptions = {}): Started {
  const events: WorkerEvent[] = [];
  const checks: (() => void)[] = [];
  const onEvent = (event: WorkerEvent): void => {
    events.push(event);
    for (const check of checks) check();
  };
  const worker = startWorker(target, handlers, { logger: silent, ...options, onEvent });
  workers.push(worker);
  const event: Started['event'] = <Type extends WorkerEvent['type']>(type: Type, fits: (event: EventOf<Type>) => boolean = () => true) =>
    new Promise<EventOf<Type>>((resolve) => {
      const check = (): void => {
        const found = (events.filter((one) => one.type === type) as EventOf<Type>[]).find(fits);
        if (found !== undefined) resolve(found);
      };
      checks.push(check);
      check();
    });
  return { worker, event };
}

/** Does this, and resolves when the server has answered one more such request, or heard that its caller left. */
async function ended(operation: RequestEvent['operation'], act: () => void): Promise<void> {
  const count = (): number => requests.filter((request) => request.operation === operation).length;
  const before = count();
  act();
  while (count() === before) await new Promise((resolve) => setImmediate(resolve));
}

const fieldOf = (input: unknown, name: string): unknown => (input as Readonly<Record<string, unknown>>)[name];

describe('a remote worker', () => {
  it('runs the handlers of a worker in process, with the same outcomes', async () => {
    let failures = 0;
    const handlers: Handlers = {
      'Same.Echo': (input, ctx) => ({ seen: input, attempt: ctx.attempt, fence: ctx.fence > 0, key: ctx.idempotencyKey === ctx.task.taskId }),
      'Same.Child': async (_, ctx) => {
        await ctx.progress({ At: 1 });
        await ctx.log('a line', { Some_Key: 1 });
        return (await ctx.enqueueChild('Same.Echo', { child: true })).deduplicated;
      },
      'Same.Fail': () => {
        failures += 1;
        throw new TypeError('no luck');
      },
      'Same.Once': (_, ctx) => (ctx.attempt === 1 ? retryIn(0, 'once more') : 'twice'),
      'Same.Dead': () => deadLetter('no use'),
      'Same.Back': (_, ctx) => (ctx.task.fence % 2 === 1 ? release(0) : 'later'),
    };
    const outcomes: Readonly<Record<string, unknown>>[] = [];
    for (const target of [{ url: served.url, key: await key('Same.*') }, connect({ url: served.url, key: await key('Same.*') }), served.queue]) {
      const types = ['Echo', 'Child', 'Fail', 'Once', 'Dead', 'Back'].map((name) => `Same.${name}`);
      const made = await Promise.all(
        types.map((type) => acme.enqueue(type, { Some_Key: [1, 'é'] }, { maxAttempts: type === 'Same.Fail' ? 1 : 3, createdBy: 'ada' })),
      );
      const { worker } = start(target, handlers, { clients: ['acme'], drain: true });
      const { completed, failed, released, lost } = await worker.done;
      const tasks = await Promise.all(made.map(async ({ taskId }) => acme.get(taskId)));
      outcomes.push({
        counts: { completed, failed, released, lost },
        tasks: tasks.map(({ status, result, errorMessage, attempts, releases, progress }) => ({ status, result, errorMessage, attempts, releases, progress })),
      });
    }
    assert.equal(failures, 3);
    assert.deepEqual(outcomes[0], outcomes[2]);
    assert.deepEqual(outcomes[1], outcomes[2]);
    assert.deepEqual(
      ((outcomes[2] ?? {})['tasks'] as { status: string }[]).map((task) => task.status),
      ['completed', 'completed', 'dead_letter', 'completed', 'dead_letter', 'completed'],
    );
  });

  it('waits for tasks at the server, and asks no more than it has to', async () => {
    const { worker, event } = start({ url: served.url, key: await key('Wait.*') }, { 'Wait.*': () => 'done' });
    await event('ready');
    for (let i = 0; i < 5; i += 1) assert.equal(await (await acme.enqueue('Wait.Task')).result({ timeoutMs: 20_000 }), 'done');
    await worker.stop();
    const claims = requests.filter((request) => request.operation === 'claim');
    // One for each task, the one that waits at the end, and as many again where an answer came in between.
    assert.ok(claims.length <= 12, `${claims.length} claims`);
  });

  it('is named by its key', async () => {
    const workerKey = await key('Named.*');
    const { worker, event } = start({ url: served.url, key: workerKey }, { 'Named.*': () => 1 });
    assert.equal(worker.workerId, '');
    const ready = await event('ready');
    const { workerId } = await connect({ url: served.url, key: workerKey }).whoami();
    assert.deepEqual([ready.workerId, worker.workerId], [workerId, workerId]);
    await worker.stop();
    const other = start({ url: served.url, key: workerKey }, { 'Named.*': () => 1 }, { workerId: 'another' });
    await assert.rejects(other.worker.done, (error) => error instanceof QueueError && error.code === 'not_found');
    const client = start({ url: served.url, key: await served.key({ role: 'client', clientId: 'acme' }) }, { 'Named.*': () => 1 });
    await assert.rejects(client.worker.done, (error) => error instanceof QueueError && error.code === 'forbidden' && /key of a client/.test(error.message));
  });

  it('leaves nothing leased when it pauses, changes its strategy or stops while it waits', async () => {
    const { worker, event } = start({ url: served.url, key: await key('Idle.*') }, { 'Idle.*': () => 'ran' });
    await event('ready');
    await acme.enqueue('Idle.Task').then((task) => task.result());
    await ended('claim', () => worker.pause());
    const waiting = await acme.enqueue('Idle.Task');
    await worker.strategy('FIFO');
    assert.equal((await acme.get(waiting.taskId)).status, 'queued');
    worker.resume();
    assert.equal(await waiting.result(), 'ran');
    const { claimed } = await worker.stop();
    assert.equal(claimed, 2);
    const left = await acme.enqueue('Idle.Task');
    assert.equal((await acme.get(left.taskId)).status, 'queued');
    await acme.cancel(left.taskId);
  });

  it('hears that its task was cancelled, and stops the handler', async () => {
    const { worker, event } = start(
      { url: served.url, key: await key('Cancel.*') },
      { 'Cancel.*': (_, ctx) => new Promise((resolve) => ctx.signal.addEventListener('abort', () => resolve(fieldOf(ctx.signal.reason, 'code')))) },
      { leaseMs: 1_000 },
    );
    const { taskId } = await acme.enqueue('Cancel.Task');
    await event('ready');
    while ((await acme.get(taskId)).status !== 'leased') await acme.wait(taskId, { timeoutMs: 20 }).catch(() => undefined);
    await acme.cancel(taskId);
    assert.equal((await event('lost')).cause, 'cancelled');
    assert.equal((await worker.stop()).cancelled, 1);
  });

  it('keeps its leases over many times their length', async () => {
    const open = Promise.withResolvers<string>();
    const { worker, event } = start({ url: served.url, key: await key('Long.*') }, { 'Long.*': () => open.promise }, { leaseMs: 1_000 });
    await event('ready');
    const task = await acme.enqueue('Long.Task');
    const beats = () => requests.filter((request) => request.operation === 'beat' && request.status === 200).length;
    while ((await acme.get(task.taskId)).status !== 'leased') await acme.wait(task.taskId, { timeoutMs: 20 }).catch(() => undefined);
    const before = beats();
    // Three leases and more.
    while (beats() < before + 12) await acme.wait(task.taskId, { timeoutMs: 200 }).catch(() => undefined);
    open.resolve('kept');
    assert.equal(await task.result(), 'kept');
    assert.equal((await acme.get(task.taskId)).attempts, 1);
    await worker.stop();
  });

  it('ends when its key is revoked, and hands its failure on', async () => {
    const made = await served.queue.admin().keys.create({ role: 'worker', name: 'revoked', grants: [{ clientId: 'acme', pattern: 'Revoked.*' }] });
    const { worker, event } = start({ url: served.url, key: made.key }, { 'Revoked.*': () => 1 });
    await event('ready');
    await served.queue.admin().keys.revoke(made.keyId);
    await assert.rejects(worker.done, (error) => error instanceof QueueError && error.code === 'unauthenticated');
  });
});

describe('a remote worker whose server is away', () => {
  it('starts when the server comes, works on after it went and came back, and settles what it finished meanwhile', async () => {
    await using away = await serve({ janitorMs: 50 });
    const workerKey = await away.key({ role: 'worker', name: 'stayer', grants: [{ clientId: 'acme', pattern: '*' }] });
    await away.stop();
    const open = Promise.withResolvers<void>();
    const running = Promise.withResolvers<void>();
    const { worker, event } = start(
      { url: away.url, key: workerKey },
      {
        'Away.Task': async (input) => {
          if (fieldOf(input, 'hold') === true) {
            running.resolve();
            await open.promise;
          }
          return input;
        },
      },
    );
    await event('trouble', ({ where }) => where === 'register');
    await away.start();
    await event('ready');
    const client = () => away.queue.client('acme');
    const held = await client().enqueue('Away.Task', { hold: true });
    await running.promise;
    await away.stop();
    open.resolve();
    await event('trouble', ({ where }) => where === 'settle');
    await away.start();
    assert.equal((await client().wait(held.taskId)).status, 'completed');
    const after = await client().enqueue('Away.Task', { hold: false });
    assert.equal((await client().wait(after.taskId)).status, 'completed');
    const { completed, lost } = await worker.stop();
    assert.deepEqual([completed, lost], [2, 0]);
    assert.deepEqual(
      (await client().logs(held.taskId)).items.map((entry) => entry.event),
      ['enqueue', 'claim', 'complete'],
    );
  });

  it('stops all the same: idle, with a handler that does not end, and on a line that says nothing', async () => {
    await using away = await serve();
    await using line = await proxy(away.url);
    const workerKey = await away.key({ role: 'worker', name: 'leaver', grants: [{ clientId: 'acme', pattern: '*' }] });
    for (const mode of ['refuse', 'hole'] as const) {
      line.mode = 'pass';
      const running = Promise.withResolvers<void>();
      const { worker, event } = start(
        { url: line.url, key: workerKey, timeoutMs: 1_000 },
        {
          'Never.Ends': () => {
            running.resolve();
            return new Promise(() => undefined);
          },
        },
      );
      await event('ready');
      await away.queue.client('acme').enqueue('Never.Ends');
      await running.promise;
      line.mode = mode;
      line.cutAll();
      const { claimed, lost, released } = await worker.stop({ graceMs: 100 });
      assert.deepEqual([claimed, lost, released], [1, 1, 0], mode);
    }
  });

  it('loses nothing that is cut: every task completes once', async () => {
    await using away = await serve({ janitorMs: 50 });
    await using line = await proxy(away.url);
    const workerKey = await away.key({ role: 'worker', name: 'cut', grants: [{ clientId: 'acme', pattern: '*' }] });
    const client = away.queue.client('acme');
    await client.enqueueMany(Array.from({ length: 300 }, (_, n) => ({ type: 'Cut.Task', payload: { n }, maxAttempts: 100 })));
    let ran = 0;
    // Answers to claims, to settles and to signs of life, whichever it hits.
    line.cutAt = (piece) => piece % 5 === 0 && piece <= 60;
    const { worker } = start(
      { url: line.url, key: workerKey },
      {
        'Cut.Task': (input) => {
          ran += 1;
          return fieldOf(input, 'n');
        },
      },
      { leaseMs: 1_000, concurrency: 4, prefetch: 4 },
    );
    for (const { taskId } of (await client.list({ limit: 1000 })).items) assert.equal((await client.wait(taskId, { timeoutMs: 60_000 })).status, 'completed');
    await worker.stop();
    const { completed, lost, unexplainedDuplicates, incompleteLogs } = await away.queue.auditSummary();
    assert.deepEqual({ completed, lost, unexplainedDuplicates, incompleteLogs }, { completed: 300, lost: 0, unexplainedDuplicates: 0, incompleteLogs: 0 });
    assert.ok(ran >= 300 && line.cuts === 12, `${ran} runs, ${line.cuts} answers cut`);
  });
});
