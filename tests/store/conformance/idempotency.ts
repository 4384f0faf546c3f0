// Conformance: the same request under the same key is one task, however often and from wherever it comes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EnqueueOptions } from '../../../src/domain/task.ts';
import { freshClient, history, only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const DUE = 1_900_000_000_000;
const FIRST: EnqueueOptions = { idempotencyKey: 'k', priority: 7, compatibility: { region: 'eu', gpu: true }, delayMs: 10, dueAtUtc: DUE };

/** What makes it another request … */
const OTHER: readonly (readonly [name: string, type: string, payload: unknown, options: EnqueueOptions])[] = [
  ['type', 'T.Y', { n: 1 }, FIRST],
  ['payload', 'T.X', { n: 2 }, FIRST],
  ['priority', 'T.X', { n: 1 }, { ...FIRST, priority: 8 }],
  ['compatibility', 'T.X', { n: 1 }, { ...FIRST, compatibility: { region: 'us', gpu: true } }],
  ['schedule', 'T.X', { n: 1 }, { ...FIRST, delayMs: 11 }],
  ['due time', 'T.X', { n: 1 }, { ...FIRST, dueAtUtc: DUE + 1 }],
  ['expiry', 'T.X', { n: 1 }, { ...FIRST, ttlMs: 1000 }],
];
/** … and what does not. */
const SAME: readonly (readonly [name: string, options: EnqueueOptions])[] = [
  ['nothing', FIRST],
  ['the order of keys', { ...FIRST, compatibility: { gpu: true, region: 'eu' } }],
  ['metadata', { ...FIRST, metadata: { a: 'b' } }],
  ['who submits', { ...FIRST, createdBy: 'somebody else' }],
  ['the trace', { ...FIRST, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }],
];

export function idempotencySuite(suite: Conformance): void {
  for (const [name, type, payload, options] of OTHER)
    test(`${suite.name}: the same key with another ${name} is a conflict that changes nothing`, async (t) => {
      const { client, other, id } = await settle(suite, t);
      const { taskId } = await client.enqueue('T.X', { n: 1 }, FIRST);
      const before = await client.get(taskId);
      await assert.rejects(other.client(id).enqueue(type, payload, options), { code: 'idempotency_conflict' });
      assert.deepEqual(await client.get(taskId), before);
      assert.equal((await client.stats()).total, 1);
    });

  for (const [name, options] of SAME)
    test(`${suite.name}: a request that differs in ${name} is the same one`, async (t) => {
      const { client, other, id } = await settle(suite, t);
      const first = await client.enqueue('T.X', { n: 1 }, FIRST);
      const again = await other.client(id).enqueue('T.X', { n: 1 }, options);
      assert.deepEqual([again.taskId, again.deduplicated, again.createdAtUtc], [first.taskId, true, first.createdAtUtc]);
      assert.deepEqual(await history(client, first.taskId), ['enqueue']);
    });

  test(`${suite.name}: a repeat tells how the task stands by now, to its end and beyond`, async (t) => {
    const { client, other } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', 1, { idempotencyKey: 'k' });
    const worker = other.worker('w');
    const repeat = async (): Promise<unknown[]> => {
      const again = await client.enqueue('T.X', 1, { idempotencyKey: 'k' });
      return [again.taskId, again.status, again.deduplicated];
    };
    assert.deepEqual(await repeat(), [taskId, 'queued', true]);
    const lease = only(await worker.claim());
    assert.deepEqual(await repeat(), [taskId, 'leased', true]);
    await worker.fail(lease, 'no', { retryInMs: 1000 });
    assert.deepEqual(await repeat(), [taskId, 'failed', true]);
    await client.cancel(taskId);
    assert.deepEqual(await repeat(), [taskId, 'cancelled', true]);
    assert.deepEqual(await history(client, taskId), ['enqueue', 'claim', 'fail', 'cancel']);
  });

  test(`${suite.name}: a category's new defaults make no other request of the same one`, async (t) => {
    const { client, queue } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', 1, { idempotencyKey: 'k' });
    await queue.admin().categories.set({ pattern: 'T.*', priority: 3, maxAttempts: 9 });
    assert.equal((await client.enqueue('T.X', 1, { idempotencyKey: 'k' })).taskId, taskId);
  });

  test(`${suite.name}: many at once under one key are one task`, async (t) => {
    const { client, other, id } = await settle(suite, t);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? client : other.client(id)).enqueue('T.X', 1, { idempotencyKey: 'k' })),
    );
    assert.equal(new Set(answers.map(({ taskId }) => taskId)).size, 1);
    assert.equal(answers.filter(({ deduplicated }) => !deduplicated).length, 1);
    assert.equal((await client.stats()).total, 1);
  });

  test(`${suite.name}: one batch with a key twice is one task; atomic, a conflict stores nothing`, async (t) => {
    const { client } = await settle(suite, t);
    const item = (payload: number): { type: string; payload: number; idempotencyKey: string } => ({ type: 'T.X', payload, idempotencyKey: 'k' });
    await assert.rejects(client.enqueueMany([item(1), item(2)], { atomic: true }), { code: 'idempotency_conflict' });
    assert.equal((await client.stats()).total, 0);
    const [first, again, wrong] = await client.enqueueMany([item(1), item(1), item(2)]);
    assert.ok(first?.ok === true && again?.ok === true && wrong?.ok === false);
    assert.deepEqual([first.deduplicated, again.deduplicated, again.taskId, wrong.code], [false, true, first.taskId, 'idempotency_conflict']);
    assert.equal((await client.stats()).total, 1);
  });

  test(`${suite.name}: a key belongs to its client and is free again when its task is purged`, async (t) => {
    const { client, other, queue } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', 1, { idempotencyKey: 'k' });
    const foreign = await other.client(freshClient()).enqueue('T.X', 2, { idempotencyKey: 'k' });
    assert.equal(foreign.deduplicated, false);
    await client.cancel(taskId);
    await queue.admin().purge(taskId);
    const anew = await client.enqueue('T.X', 3, { idempotencyKey: 'k' });
    assert.deepEqual([anew.deduplicated, anew.taskId === taskId], [false, false]);
  });
}
