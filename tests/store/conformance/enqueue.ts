// Conformance: what an enqueue stores, what it repeats and what it refuses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { history, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

export function enqueueSuite(suite: Conformance): void {
  test(`${suite.name}: an enqueued task has the defaults and one audit row`, async (t) => {
    const { client, clock, id } = await settle(suite, t);
    const { taskId, deduplicated } = await client.enqueue('Mail.Send', { to: 'a' });
    const task = await client.get(taskId);
    assert.equal(deduplicated, false);
    assert.deepEqual(
      [task.clientId, task.type, task.status, task.priority, task.attempts, task.maxAttempts, task.maxRunMs, task.createdAtUtc, task.generation],
      [id, 'Mail.Send', 'queued', 100, 0, 5, 3_600_000, clock.now, 0],
    );
    assert.deepEqual(task.payload, { to: 'a' });
    assert.deepEqual(await history(client, taskId), ['enqueue']);
  });

  test(`${suite.name}: a repeat under the same idempotency key is the first task, other content is a conflict`, async (t) => {
    const { client, other, id } = await settle(suite, t);
    const first = await client.enqueue('Mail.Send', { n: 1 }, { idempotencyKey: 'k' });
    const again = await other.client(id).enqueue('Mail.Send', { n: 1 }, { idempotencyKey: 'k' });
    assert.deepEqual([again.taskId, again.deduplicated], [first.taskId, true]);
    await assert.rejects(client.enqueue('Mail.Send', { n: 2 }, { idempotencyKey: 'k' }), { code: 'idempotency_conflict' });
    await assert.rejects(client.enqueue('Mail.Send', { n: 1 }, { idempotencyKey: '' }), { code: 'invalid_input' });
    const foreign = await other.client(`${id}x`).enqueue('Mail.Send', { n: 2 }, { idempotencyKey: 'k' });
    assert.equal(foreign.deduplicated, false, 'a key belongs to its client');
    assert.equal((await client.stats()).total, 1);
  });

  test(`${suite.name}: an atomic batch stores none when one is bad, any other stores the good`, async (t) => {
    const { client } = await settle(suite, t);
    const items = [{ type: 'A.B' }, { type: 'A..B' }, { type: 'A.C' }];
    await client.enqueue('First.One');
    await assert.rejects(client.enqueueMany(items, { atomic: true }), { code: 'invalid_category' });
    assert.equal((await client.stats()).total, 1);
    const answers = await client.enqueueMany(items);
    assert.deepEqual(
      answers.map((answer) => (answer.ok ? 'ok' : answer.code)),
      ['ok', 'invalid_category', 'ok'],
    );
    assert.equal((await client.stats()).total, 3);
  });

  test(`${suite.name}: bad input gets its code and writes nothing`, async (t) => {
    const { client } = await settle(suite, t);
    const kept = await client.enqueue('Mail.Send');
    let deep: unknown = 1;
    for (let i = 0; i < 40; i++) deep = [deep];
    const bad = [
      ['', {}, {}, 'invalid_category'],
      ['Mail..Send', {}, {}, 'invalid_category'],
      ['Mail.*', {}, {}, 'invalid_category'],
      ['Mail.Send', {}, { priority: 0 }, 'invalid_input'],
      ['Mail.Send', {}, { priority: 1001 }, 'invalid_input'],
      ['Mail.Send', {}, { priority: 1.5 }, 'invalid_input'],
      ['Mail.Send', {}, { maxAttempts: 0 }, 'invalid_input'],
      ['Mail.Send', {}, { maxAttempts: 101 }, 'invalid_input'],
      ['Mail.Send', 'x'.repeat(256_001), {}, 'payload_too_large'],
      ['Mail.Send', deep, {}, 'invalid_payload'],
      ['Mail.Send', '\ud800', {}, 'invalid_payload'],
      ['Mail.Send', JSON.parse('{"__proto__":1}'), {}, 'invalid_payload'],
      ['Mail.Send', 1n, {}, 'invalid_payload'],
    ] as const;
    for (const [type, payload, options, code] of bad) await assert.rejects(client.enqueue(type, payload, options), { code }, `${type} ${code}`);
    await assert.rejects(client.reprioritise(kept.taskId, 0), { code: 'invalid_input' });
    await assert.rejects(client.amend(kept.taskId, { maxAttempts: 0 }), { code: 'invalid_input' });
    await assert.rejects(client.list({ limit: 0 }), { code: 'invalid_input' });
    assert.equal((await client.stats()).total, 1);
    assert.deepEqual(await history(client, kept.taskId), ['enqueue']);
  });
}
