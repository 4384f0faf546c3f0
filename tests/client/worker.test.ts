// The handle of a worker over HTTP against the real server: leases are opaque receipts, every write names one and may come twice.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { QueueError } from '../../src/domain/errors.ts';
import type { ClaimedTask } from '../../src/domain/task.ts';
import type { ClientHandle, WorkerHandle } from '../../src/service/handles.ts';
import { MAILER, serve } from './served.ts';
import type { Served } from './served.ts';

let served: Served;
let acme: ClientHandle;
let worker: WorkerHandle;
before(async () => (served = await serve()));
after(() => served[Symbol.asyncDispose]());
let count = 0;
beforeEach(async () => {
  acme = served.queue.client('acme');
  worker = (await served.as({ ...MAILER, name: `mailer-${(count += 1)}` })).worker();
  for (const { taskId, status } of (await acme.list({ limit: 1000 })).items) if (status === 'queued') await acme.cancel(taskId);
});

const code = (expected: string) => (error: unknown) => error instanceof QueueError && error.code === expected;
async function claimOne(): Promise<ClaimedTask> {
  const [task] = await worker.claim();
  assert.ok(task);
  return task;
}

describe('a worker over HTTP', () => {
  it('registers under the name of its key, shows its status and leaves', async () => {
    assert.equal(worker.workerId, '');
    const info = await worker.register({
      capabilities: { categories: ['Mail.*'], attributes: { Region_Name: 'eu', memory_gb: 16 } },
      strategy: 'FIFO',
      versions: { 'Mail.*': '3' },
    });
    assert.equal(worker.workerId, info.workerId);
    assert.deepEqual([info.strategy, info.versions, info.capabilities.attributes], ['FIFO', { 'Mail.*': '3' }, { Region_Name: 'eu', memory_gb: 16 }]);
    await worker.beat('busy');
    assert.equal((await served.queue.admin().workers.list()).find((one) => one.workerId === worker.workerId)?.status, 'busy');
    await worker.deregister();
    await assert.rejects(worker.beat('ready'), code('worker_outdated'));
    await assert.rejects((await served.as(MAILER)).worker('another').register(), code('not_found'));
  });

  it('claims what the handle in process would, with the payload as the text that was stored', async () => {
    const made = await acme.enqueue(
      'Mail.Send',
      { a: [1, { b: null }], é: '✓' },
      { compatibility: { region: ['eu'] }, metadata: { k: 'v' }, createdBy: 'ada' },
    );
    assert.deepEqual(await worker.register({ capabilities: { attributes: { region: 'eu' } } }).then(() => worker.inbox()), [
      {
        taskId: made.taskId,
        clientId: 'acme',
        type: 'Mail.Send',
        priority: 100,
        attempts: 0,
        runAfterUtc: made.createdAtUtc,
        compatibility: '{"region":["eu"]}',
      },
    ]);
    const task = await claimOne();
    const { leaseId, leaseUntilUtc, fence, ...rest } = task;
    assert.match(leaseId, /^[A-Za-z0-9_-]+$/);
    assert.ok(leaseUntilUtc > made.createdAtUtc && fence > 0);
    assert.deepEqual(rest, {
      taskId: made.taskId,
      clientId: 'acme',
      type: 'Mail.Send',
      payload: '{"a":[1,{"b":null}],"é":"✓"}',
      compatibility: '{"region":["eu"]}',
      priority: 100,
      attempt: 1,
      maxAttempts: 5,
      leaseMs: 30_000,
      maxRunMs: 3_600_000,
      createdAtUtc: made.createdAtUtc,
      createdBy: 'ada',
      metadata: '{"k":"v"}',
      traceparent: null,
      waitedMs: 0,
    });
    assert.deepEqual(await worker.claim(), []);
  });

  it('waits for a task at the server', async () => {
    const claiming = worker.claim({ waitMs: 20_000 });
    const { taskId } = await acme.enqueue('Mail.Late');
    assert.deepEqual(
      (await claiming).map((task) => task.taskId),
      [taskId],
    );
  });

  it('takes no task when it gave up waiting, and lets the next one have it', async () => {
    const controller = new AbortController();
    const claiming = worker.claim({ waitMs: 20_000, signal: controller.signal });
    controller.abort();
    await assert.rejects(claiming, code('aborted'));
    const { taskId } = await acme.enqueue('Mail.Next');
    assert.equal((await worker.claim({ waitMs: 5_000 }))[0]?.taskId, taskId);
  });

  it('completes, fails and releases, and the same again is accepted', async () => {
    for (const type of ['End.A', 'End.B', 'End.C']) await acme.enqueue(type);
    const [a, b, c] = (await worker.claim({ max: 3 })) as [ClaimedTask, ClaimedTask, ClaimedTask];
    for (let i = 0; i < 2; i += 1) {
      await worker.complete(a, { done: [1n.toString()] }, { startedAfterMs: 1, runMs: 2 });
      assert.equal(await worker.fail(b, new TypeError('no mail box'), { retryInMs: 60_000 }), 'failed');
      await worker.release(c, { delayMs: 60_000 });
    }
    assert.deepEqual((await acme.get(a.taskId)).result, { done: ['1'] });
    assert.match(String((await acme.get(b.taskId)).errorMessage), /no mail box/);
    assert.deepEqual([(await acme.get(c.taskId)).status, (await acme.get(c.taskId)).releases], ['queued', 1]);
    await assert.rejects(worker.complete(b), code('lease_lost'));
    assert.deepEqual(
      (await acme.logs(a.taskId)).items.map((entry) => entry.event),
      ['enqueue', 'claim', 'complete'],
    );
  });

  it('settles a batch, each answered by itself and in order', async () => {
    for (const type of ['Batch.A', 'Batch.B', 'Batch.C']) await acme.enqueue(type);
    const [a, b, c] = (await worker.claim({ max: 3 })) as [ClaimedTask, ClaimedTask, ClaimedTask];
    const answers = await worker.settle([
      { op: 'complete', clientId: 'acme', taskId: a.taskId, leaseId: a.leaseId, result: '{"x":1.50}' },
      { op: 'complete', clientId: 'acme', taskId: b.taskId, leaseId: c.leaseId },
      { op: 'fail', clientId: 'acme', taskId: c.taskId, leaseId: c.leaseId, error: { message: 'broken', kind: 'Oops', stack: 'at x' }, retry: false },
    ]);
    assert.deepEqual(
      answers.map((answer) => (answer.ok ? answer.status : answer.code)),
      ['completed', 'lease_lost', 'dead_letter'],
    );
    assert.deepEqual(await worker.settle([]), []);
  });

  it('sends large results in several bodies that the server takes', async () => {
    await acme.enqueueMany(Array.from({ length: 8 }, () => ({ type: 'Large.Result' })));
    const tasks = await worker.claim({ max: 8 });
    const result = JSON.stringify('x'.repeat(900_000));
    const answers = await worker.settle(tasks.map(({ clientId, taskId, leaseId }) => ({ op: 'complete', clientId, taskId, leaseId, result })));
    assert.deepEqual(
      answers.map((answer) => answer.taskId),
      tasks.map((task) => task.taskId),
    );
    assert.ok(answers.every((answer) => answer.ok));
  });

  it('renews its leases, and hears of those that are lost or cancelled', async () => {
    for (const type of ['Held.A', 'Held.B', 'Held.C']) await acme.enqueue(type);
    const [a, b, c] = (await worker.claim({ max: 3 })) as [ClaimedTask, ClaimedTask, ClaimedTask];
    await acme.cancel(b.taskId);
    await worker.release(c, { delayMs: 60_000 });
    const { extended, lost, cancelled, timedOut } = await worker.heartbeat([a, b, c, { ...a, taskId: b.taskId }], 60_000);
    assert.deepEqual([extended, cancelled, timedOut], [[a.taskId], [b.taskId], []]);
    assert.deepEqual(lost.toSorted(), [b.taskId, c.taskId].toSorted());
    assert.deepEqual(await worker.heartbeat([]), { extended: [], lost: [], cancelled: [], timedOut: [] });
  });

  it('shows progress, logs, and enqueues for the client of its task', async () => {
    await acme.enqueue('Parent.Task', null, { createdBy: 'ada', priority: 9 });
    const task = await claimOne();
    await worker.progress(task, { Done_So_Far: 0.5 });
    await worker.log(task, 'half', { Some_Key: 1 });
    const child = await worker.enqueueChild(task, 'Child.Task', { n: 1 });
    assert.equal(child.deduplicated, false);
    assert.deepEqual((await acme.get(task.taskId)).progress, { Done_So_Far: 0.5 });
    const stored = await acme.get(child.taskId);
    assert.deepEqual([stored.createdBy, stored.priority, stored.payload], ['ada', 9, { n: 1 }]);
    await worker.complete(task);
    await assert.rejects(worker.progress(task, 1), code('lease_lost'));
    await assert.rejects(worker.log(task, 'late'), code('lease_lost'));
    await assert.rejects(worker.enqueueChild(task, 'Child.Late'), code('lease_lost'));
  });

  it('can do nothing with the receipt of another worker, or one that it made up', async () => {
    await acme.enqueue('Stolen.Task');
    const task = await claimOne();
    const thief = (await served.as({ ...MAILER, name: 'thief' })).worker();
    for (const leaseId of [task.leaseId, 'AAAA', `${task.leaseId.slice(0, -2)}AA`])
      await assert.rejects(thief.complete({ ...task, leaseId }), code('lease_lost'));
    await assert.rejects(worker.complete({ ...task, leaseId: `A${task.leaseId.slice(1)}` }), code('lease_lost'));
    await worker.complete(task);
  });

  it('waits with wake for its time or its signal, and asks nothing', async () => {
    await worker.wake(1);
    await worker.wake(60_000, AbortSignal.abort());
  });
});
