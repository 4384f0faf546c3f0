// Scopes at work: what a narrowed key still does, and that everything else is refused and recorded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientHandle, NewKey, WorkerHandle } from '../../src/service/handles.ts';
import { rig } from './rig.ts';
import type { Rig } from './rig.ts';

async function client({ queue, make }: Rig, scopes: readonly string[]): Promise<ClientHandle> {
  const handle = await queue.authenticate((await make({ scopes })).key);
  assert.ok('enqueue' in handle);
  return handle;
}
async function worker({ queue, make }: Rig, asked: Partial<NewKey>): Promise<WorkerHandle> {
  const handle = await queue.authenticate((await make({ role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '*' }], ...asked })).key);
  assert.ok('claim' in handle);
  return handle;
}

test('a key that only enqueues does nothing else', async (t) => {
  const here = await rig(t);
  const handle = await client(here, ['task.enqueue']);
  const { taskId, result } = await handle.enqueue('A.B', 'secret');
  assert.equal((await handle.enqueueMany([{ type: 'A.B' }])).length, 1);
  const refused = [
    () => handle.get(taskId),
    () => handle.list(),
    () => handle.logs(taskId),
    () => handle.stats(),
    () => handle.wait(taskId, { timeoutMs: 1 }),
    () => result({ timeoutMs: 1 }),
    () => handle.cancel(taskId),
    () => handle.requeue(taskId),
    () => handle.reprioritise(taskId, 1),
    () => handle.amend(taskId, { payload: 1 }),
  ];
  for (const call of refused) await assert.rejects(call, { code: 'forbidden' });
  const [task] = (await here.queue.client('acme').list({ limit: 10 })).items.filter((one) => one.taskId === taskId);
  assert.deepEqual([task?.status, task?.priority, task?.payload], ['queued', 100, 'secret']);
  const denied = (await here.admin.securityEvents({ limit: 100 })).items.filter((event) => event.outcome === 'denied');
  assert.deepEqual([...new Set(denied.map((event) => event.details['because']))], ['scopes']);
  assert.equal(
    denied.reduce((sum, event) => sum + Number(event.details['repeats'] ?? 1), 0),
    refused.length,
  );
});

test('a key that reads changes nothing', async (t) => {
  const here = await rig(t);
  const { taskId } = await here.queue.client('acme').enqueue('A.B', 'secret');
  const handle = await client(here, ['read']);
  assert.equal((await handle.get(taskId)).payload, 'secret');
  assert.equal((await handle.list()).items.length, 1);
  const refused = [() => handle.enqueue('A.B'), () => handle.cancel(taskId), () => handle.reprioritise(taskId, 1), () => handle.amend(taskId, { payload: 1 })];
  for (const call of refused) await assert.rejects(call, { code: 'forbidden' });
  assert.equal((await here.queue.client('acme').stats()).total, 1);
});

test('without the scope of payloads a task is shown without what is in it, also as the answer to a change', async (t) => {
  const here = await rig(t);
  const { taskId } = await here.queue.client('acme').enqueue('A.B', 'secret', { metadata: { card: 'secret' }, idempotencyKey: 'secret' });
  const handle = await client(here, ['task.get', 'task.list', 'task.reprioritise', 'task.wait', 'task.cancel']);
  const shown = [
    await handle.get(taskId),
    (await handle.list()).items,
    await handle.reprioritise(taskId, 3),
    await handle.cancel(taskId),
    await handle.wait(taskId),
  ];
  assert.ok(!JSON.stringify(shown).includes('secret'));
  assert.ok(JSON.stringify(shown).includes(taskId));
  const whole = await client(here, ['task.get', 'task.payload']);
  assert.equal((await whole.get(taskId)).payload, 'secret');
});

test('an admin of a client without the scope of payloads sees none, inside its client neither', async (t) => {
  const { queue } = await rig(t);
  const { taskId } = await queue.client('acme').enqueue('A.B', 'secret');
  const blind = queue.as({ role: 'admin', clientId: 'acme', scopes: ['task.get'] });
  for (const handle of [blind, blind.inside('acme', 'a ticket')]) assert.ok(!JSON.stringify(await handle.get(taskId)).includes('secret'));
  const seeing = queue.as({ role: 'admin', clientId: 'acme', scopes: ['task.get', 'task.payload'] });
  for (const handle of [seeing, seeing.inside('acme', 'a ticket')]) assert.equal((await handle.get(taskId)).payload, 'secret');
});

test('a batch of ends is what its items are', async (t) => {
  const here = await rig(t);
  for (let i = 0; i < 2; i++) await here.queue.client('acme').enqueue('A.B');
  const handle = await worker(here, { scopes: ['worker.register', 'lease.claim', 'lease.complete'] });
  const [one, two] = await handle.claim({ max: 2 });
  assert.ok(one !== undefined && two !== undefined);
  const complete = { op: 'complete', clientId: 'acme', taskId: one.taskId, leaseId: one.leaseId } as const;
  const fail = { op: 'fail', clientId: 'acme', taskId: two.taskId, leaseId: two.leaseId, error: { message: 'no' } } as const;
  await assert.rejects(handle.settle([complete, fail]), { code: 'forbidden' });
  await assert.rejects(handle.settle([{ ...complete, op: 'release' }]), { code: 'forbidden' });
  await assert.rejects(handle.fail(two, 'no'), { code: 'forbidden' });
  assert.equal((await here.queue.client('acme').get(one.taskId)).status, 'leased', 'nothing of the batch was done');
  assert.deepEqual(
    (await handle.settle([complete])).map((answer) => answer.ok),
    [true],
  );
});

test('a worker enqueues children only with the scope for it', async (t) => {
  const here = await rig(t);
  await here.queue.client('acme').enqueue('A.B');
  const narrow = await worker(here, { scopes: ['worker.register', 'lease.claim', 'lease.progress'] });
  const [task] = await narrow.claim();
  assert.ok(task !== undefined);
  await narrow.progress(task, 1);
  await assert.rejects(narrow.enqueueChild(task, 'A.Child'), { code: 'forbidden' });
  const whole = await worker(here, {});
  assert.equal((await whole.enqueueChild(task, 'A.Child')).status, 'queued');
});

test('numbers of the queue and the janitor are for admins who have the scope', async (t) => {
  const { queue } = await rig(t);
  const numbers = queue.as({ role: 'admin', scopes: ['metrics.read'] });
  assert.equal((await numbers.metrics()).total, 0);
  await assert.rejects(numbers.stats(), { code: 'forbidden' });
  await assert.rejects(numbers.tick(), { code: 'forbidden' });
  await queue.as({ role: 'admin', scopes: ['janitor.tick'] }).tick();
  await assert.rejects(queue.as({ role: 'admin', clientId: 'acme' }).tick(), { code: 'forbidden' });
});
