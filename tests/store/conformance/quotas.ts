// Conformance: quotas. What is unfinished of a client is never more than its quota lets it, over two connections, and what ends makes room.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { freshClient, settle } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

async function begin(suite: Conformance, t: TestContext): Promise<Setting> {
  const setting = await settle(suite, t);
  await setting.queue.admin().clients.create(setting.id);
  return setting;
}
const codes = (answers: readonly { readonly ok: boolean; readonly code?: string }[]): string[] => answers.map((one) => (one.ok ? 'ok' : (one.code ?? '')));
const many = (n: number, payload: unknown = 1): { type: string; payload: unknown }[] => Array.from({ length: n }, () => ({ type: 'T.X', payload }));

export function quotaSuite(suite: Conformance): void {
  test(`${suite.name}: a client has no more unfinished than its quota lets it, and room again when some are done`, async (t) => {
    const { client, other, queue, id } = await begin(suite, t);
    const set = await queue.admin().clients.quota(id, { tasks: 5 });
    assert.deepEqual([set.tasks, set.bytes, set.usedTasks], [5, null, 0]);
    assert.deepEqual(codes(await client.enqueueMany(many(3))), ['ok', 'ok', 'ok']);
    assert.deepEqual(codes(await other.client(id).enqueueMany(many(4))), ['ok', 'ok', 'quota_exceeded', 'quota_exceeded']);
    await assert.rejects(client.enqueue('T.X'), (error: { code?: string; status?: number; details?: unknown }) => {
      assert.deepEqual([error.code, error.status, error.details], ['quota_exceeded', 429, { quota_tasks: 5, quota_bytes: null }]);
      return true;
    });
    const worker = queue.worker(`q-${id}`, [{ clientId: id, pattern: '*' }]);
    const [first, second] = await worker.claim({ max: 2 });
    assert.ok(first !== undefined && second !== undefined);
    // What runs is not done; what is handed back or tried again takes nothing.
    await assert.rejects(client.enqueue('T.X'), { code: 'quota_exceeded' });
    await worker.release(first);
    await worker.complete(second);
    await client.enqueue('T.X');
    await assert.rejects(other.client(id).enqueue('T.X'), { code: 'quota_exceeded' });
    assert.deepEqual((await client.quota()).usedTasks, 5);
    await queue.admin().clients.quota(id, {});
    assert.deepEqual(
      codes(await client.enqueueMany(many(20))),
      Array.from({ length: 20 }, () => 'ok'),
    );
    assert.deepEqual((await client.quota()).tasks, null);
  });

  test(`${suite.name}: bytes of payloads are counted as they are stored, and what is too big alone is refused alone`, async (t) => {
    const { client, queue, id } = await begin(suite, t);
    await queue.admin().clients.quota(id, { bytes: 100 });
    const big = 'é'.repeat(40);
    assert.deepEqual(
      codes(
        await client.enqueueMany([
          { type: 'T.X', payload: big },
          { type: 'T.X', payload: big },
          { type: 'T.X', payload: 'small' },
        ]),
      ),
      ['ok', 'quota_exceeded', 'ok'],
    );
    assert.deepEqual((await client.quota()).usedBytes, 82 + 7);
    const { items } = await client.list({ type: 'T.X' });
    await client.amend(items.find(({ payload }) => payload === big)?.taskId ?? '', { payload: 'less' });
    await client.enqueue('T.X', big.slice(0, 30));
    await assert.rejects(client.enqueue('T.X', big.slice(0, 30)), { code: 'quota_exceeded' });
  });

  test(`${suite.name}: many that enqueue at once over two connections take what there is, and not one more`, async (t) => {
    const { client, other, queue, id } = await begin(suite, t);
    await queue.admin().clients.quota(id, { tasks: 40 });
    const stranger = freshClient();
    const calls = Array.from({ length: 60 }, (_, i) =>
      (i % 2 === 0 ? client : other.client(id)).enqueue('T.X', i).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      ),
    );
    const free = Array.from({ length: 10 }, () => other.client(stranger).enqueue('T.X'));
    const outcomes = await Promise.all(calls);
    await Promise.all(free);
    assert.deepEqual([outcomes.filter((one) => one === 'ok').length, outcomes.filter((one) => one === 'quota_exceeded').length], [40, 20]);
    assert.equal((await client.stats()).byStatus.queued, 40);
  });

  test(`${suite.name}: all or none is none where there is no room; a repeat is answered though there is none; what is requeued counts`, async (t) => {
    const { client, queue, id } = await begin(suite, t);
    await queue.admin().clients.quota(id, { tasks: 3 });
    await assert.rejects(client.enqueueMany(many(4), { atomic: true }), { code: 'quota_exceeded' });
    const kept = await client.enqueue('T.X', 1, { idempotencyKey: 'k' });
    const off = await client.enqueue('T.X', 2);
    await client.enqueue('T.X', 3, { delayMs: 60_000 });
    assert.equal((await client.enqueue('T.X', 1, { idempotencyKey: 'k' })).taskId, kept.taskId);
    await client.cancel(off.taskId);
    await client.enqueue('T.X', 4);
    await client.requeue(off.taskId);
    assert.equal((await client.quota()).usedTasks, 4);
    await client.cancel(kept.taskId);
    await assert.rejects(client.enqueue('T.X', 5), { code: 'quota_exceeded' });
    await client.cancel(off.taskId);
    await client.enqueue('T.X', 5);
  });

  test(`${suite.name}: who sets a quota is the platform, and it is on record`, async (t) => {
    const { queue, other, id } = await begin(suite, t);
    await assert.rejects(queue.as({ role: 'admin', clientId: id }).clients.quota(id, { tasks: 1 }), { code: 'forbidden' });
    await assert.rejects(queue.admin().clients.quota(freshClient(), { tasks: 1 }), { code: 'not_found' });
    await assert.rejects(queue.admin().clients.quota(id, { tasks: -1 }), { code: 'invalid_input' });
    await assert.rejects(other.client(freshClient()).quota(), { code: 'not_found' });
    await queue.admin().clients.quota(id, { tasks: 7 });
    const { items } = await queue.as({ role: 'admin', clientId: id }).securityEvents();
    assert.ok(items.some(({ action, details }) => action === 'client.quota' && details['tasks'] === 7));
  });
}
