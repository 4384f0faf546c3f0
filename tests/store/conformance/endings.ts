// Conformance: retries, hand-backs, lapses, new generations and what is left after the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { history, only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const DAY_MS = 86_400_000;

export function endingSuite(suite: Conformance): void {
  retryTests(suite);
  afterTests(suite);
}

function retryTests(suite: Conformance): void {
  test(`${suite.name}: failed attempts back off, doubling, and the last one is a dead letter`, async (t) => {
    const { client, other, clock } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', null, { maxAttempts: 3 });
    const worker = other.worker('w');
    for (const wait of [1000, 2000]) {
      assert.equal(await worker.fail(only(await worker.claim()), new Error('no')), 'failed');
      clock.now += wait - 1;
      assert.deepEqual(await worker.claim(), []);
      clock.now += 1;
    }
    assert.equal(await worker.fail(only(await worker.claim()), new Error('no')), 'dead_letter');
    const task = await client.get(taskId);
    assert.deepEqual([task.status, task.attempts, task.errorMessage], ['dead_letter', 3, 'no']);
    assert.deepEqual(await history(client, taskId), ['enqueue', 'claim', 'fail', 'retry', 'claim', 'fail', 'retry', 'claim', 'fail', 'bury']);
  });

  test(`${suite.name}: the most specific category gives the back-off and the defaults`, async (t) => {
    const { client, queue, other, clock } = await settle(suite, t);
    const backoff = { initialMs: 7000, maxMs: 7000, multiplier: 1, jitter: 0 };
    await queue.admin().categories.set({ pattern: 'T.*', priority: 5, maxAttempts: 2 });
    await queue.admin().categories.set({ pattern: 'T.X', priority: 9, backoff });
    const { taskId } = await client.enqueue('T.X');
    const before = await client.get(taskId);
    assert.deepEqual([before.priority, before.maxAttempts], [9, 2]);
    const worker = other.worker('w');
    await worker.fail(only(await worker.claim()), 'no');
    assert.equal((await client.get(taskId)).runAfterUtc, clock.now + 7000);
    await queue.admin().categories.mode('registered');
    await assert.rejects(other.client(client.clientId).enqueue('Other.One'), { code: 'unknown_category' });
  });

  test(`${suite.name}: a hand-back gives the attempt back, twenty times`, async (t) => {
    const { client, other } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const worker = other.worker('w');
    for (let i = 0; i < 20; i++) await worker.release(only(await worker.claim()));
    const back = await client.get(taskId);
    assert.deepEqual([back.status, back.attempts, back.releases], ['queued', 0, 20]);
    const lease = only(await worker.claim());
    await assert.rejects(worker.release(lease), { code: 'invalid_transition' });
    assert.equal((await client.get(taskId)).status, 'leased');
    await worker.complete(lease);
    assert.equal((await history(client, taskId)).filter((event) => event === 'release').length, 20);
  });

  test(`${suite.name}: a task that is not started by expires_at is cancelled as expired`, async (t) => {
    const { client, other, clock } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', null, { ttlMs: 1000 });
    clock.now += 999;
    await other.system().tick();
    assert.equal((await client.get(taskId)).status, 'queued');
    clock.now += 1;
    assert.deepEqual(await other.worker('w').claim(), [], 'not handed out before the janitor came');
    assert.equal((await other.system().tick()).lapsed, 1);
    assert.equal((await client.get(taskId)).status, 'cancelled');
    assert.deepEqual(await history(client, taskId), ['enqueue', 'lapse']);
  });
}

function afterTests(suite: Conformance): void {
  test(`${suite.name}: a requeued task does not expire, whatever is done to it: the instant was that of the generation before`, async (t) => {
    const { client, other, clock } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', null, { ttlMs: 1000 });
    clock.now += 1000;
    assert.equal((await other.system().tick()).lapsed, 1);
    assert.equal((await client.requeue(taskId)).expiresAtUtc, null);
    await client.reprioritise(taskId, 5);
    await client.amend(taskId, { payload: 'new' });
    const worker = other.worker('w');
    await worker.release(only(await worker.claim()));
    await worker.fail(only(await worker.claim()), 'no', { retryInMs: 0 });
    assert.equal((await other.system().tick()).lapsed, 0);
    await worker.complete(only(await worker.claim()));
    assert.equal((await client.get(taskId)).status, 'completed');
  });

  test(`${suite.name}: a requeue starts a generation with new attempts, and the fence goes on`, async (t) => {
    const { client, other } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const worker = other.worker('w');
    const first = only(await worker.claim());
    await worker.fail(first, 'no', { retry: false });
    const before = await client.get(taskId);
    const after = await client.requeue(taskId);
    assert.deepEqual([after.status, after.attempts, after.generation], ['queued', 0, before.generation + 1]);
    const second = only(await worker.claim());
    assert.equal(second.attempt, 1);
    assert.ok(second.fence > first.fence);
    await assert.rejects(worker.complete(first), { code: 'lease_lost' });
    await worker.complete(second);
    assert.deepEqual(await history(client, taskId), ['enqueue', 'claim', 'fail', 'bury', 'requeue', 'claim', 'complete']);
  });

  test(`${suite.name}: ended tasks are kept for seven days, the others for ever`, async (t) => {
    const { client, other, clock } = await settle(suite, t);
    const ended = await client.enqueue('T.X', 'secret');
    const waiting = await client.enqueue('T.Y');
    await client.cancel(ended.taskId);
    clock.now += 7 * DAY_MS - 1;
    await other.system().tick();
    assert.equal((await client.get(ended.taskId)).payload, 'secret');
    clock.now += 2;
    assert.equal((await other.system().tick()).purged, 1);
    await assert.rejects(client.get(ended.taskId), { code: 'not_found' });
    assert.equal((await client.get(waiting.taskId)).status, 'queued');
    assert.deepEqual(
      (await client.list()).items.map((task) => task.taskId),
      [waiting.taskId],
    );
  });
}
