// Sealed payloads, erasure by two, export: the same on every engine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import { settle as plain } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

const MASTER = 'a'.repeat(64);
const open = { masterKey: MASTER };

const SECRET = 'pelargonium';

/** With its client made. */
async function settle(...given: Parameters<typeof plain>): Promise<Setting> {
  const setting = await plain(...given);
  await setting.queue.admin().clients.create(setting.id);
  return setting;
}

export function privacySuite(suite: Conformance): void {
  test(`${suite.name}: what is a client's own is sealed, and whoever may read it reads it`, async (t) => {
    const { queue, client, id } = await settle(suite, t, open);
    const before = await client.enqueue('T.Plain', { word: SECRET });
    assert.deepEqual(await queue.admin().clients.encrypt(id), { clientId: id, keyNo: 1 });
    const after = await client.enqueue('T.Sealed', { word: SECRET, nested: [1, { $sealed: 'x' }] });
    const worker = queue.worker('w');
    const [first, second] = await worker.claim({ max: 2, strategy: 'FIFO' });
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual([JSON.parse(first.payload), JSON.parse(second.payload)], [{ word: SECRET }, { word: SECRET, nested: [1, { $sealed: 'x' }] }]);
    await worker.progress(second, { at: SECRET });
    await worker.log(second, SECRET, { more: SECRET });
    await worker.complete(second, { done: SECRET });
    await worker.complete(second, { done: SECRET });
    await assert.rejects(worker.complete(second, { done: 'other' }), { code: 'lease_lost' });
    await worker.fail(first, Object.assign(new Error(SECRET.repeat(2000)), { stack: SECRET }), { retry: false });
    const read = await client.get(after.taskId);
    assert.deepEqual([read.payload, read.result, read.format], [{ word: SECRET, nested: [1, { $sealed: 'x' }] }, { done: SECRET }, null]);
    const failed = await client.get(before.taskId);
    assert.match(failed.errorMessage ?? '', /^(pelargonium)+/);
    assert.deepEqual(failed.payload, { word: SECRET });
    const listed = (await client.list()).items.map((task) => task.payload);
    assert.ok(listed.every((payload) => JSON.stringify(payload).includes(SECRET)));
    assert.equal('payload' in (await queue.admin().get(after.taskId)), false);
    const raw = queue.as({ role: 'client', clientId: id }, { raw: true });
    assert.equal(
      String(((await raw.get(after.taskId)) as unknown as { payload: { text: string } }).payload.text),
      JSON.stringify({ word: SECRET, nested: [1, { $sealed: 'x' }] }),
    );
  });

  test(`${suite.name}: a repeat of an idempotency key is known and a changed one is a conflict, though nothing tells what was asked`, async (t) => {
    const { queue, client, id } = await settle(suite, t, open);
    await queue.admin().clients.encrypt(id);
    const first = await client.enqueue('T.Keyed', { n: 1 }, { idempotencyKey: 'k' });
    assert.deepEqual(await client.enqueue('T.Keyed', { n: 1 }, { idempotencyKey: 'k' }).then(({ taskId, deduplicated }) => [taskId, deduplicated]), [
      first.taskId,
      true,
    ]);
    await assert.rejects(client.enqueue('T.Keyed', { n: 2 }, { idempotencyKey: 'k' }), { code: 'idempotency_conflict' });
    await queue.admin().clients.encrypt(id);
    assert.equal((await client.enqueue('T.Keyed', { n: 1 }, { idempotencyKey: 'k' })).taskId, first.taskId);
  });

  test(`${suite.name}: a new key seals what is new, and what the old one sealed still opens; amended payloads are sealed`, async (t) => {
    const { queue, client, id } = await settle(suite, t, open);
    await queue.admin().clients.encrypt(id);
    const old = await client.enqueue('T.Old', SECRET);
    assert.equal((await queue.admin().clients.encrypt(id)).keyNo, 2);
    const fresh = await client.enqueue('T.New', SECRET);
    await client.amend(old.taskId, { payload: { amended: SECRET } });
    assert.deepEqual([(await client.get(old.taskId)).payload, (await client.get(fresh.taskId)).payload], [{ amended: SECRET }, SECRET]);
    const logs = JSON.stringify((await client.logs(old.taskId)).items);
    assert.ok(!logs.includes(createHash('sha256').update(JSON.stringify(SECRET)).digest('hex')), 'the digest of the audit tells nothing of the text');
  });

  test(`${suite.name}: results of parents, payloads of schedules and what is asked again are opened for whoever may read them`, async (t) => {
    const { queue, client, id, clock } = await settle(suite, t, open);
    await queue.admin().clients.encrypt(id);
    const parent = await client.enqueue('T.Parent', 1);
    const child = await client.enqueue('T.Child', { word: SECRET }, { dependsOn: [parent.taskId] });
    const worker = queue.worker('w', [{ clientId: id, pattern: '*' }]);
    const [first] = await worker.claim();
    assert.ok(first !== undefined);
    await worker.complete(first, { of: SECRET });
    const [second] = await worker.claim();
    assert.ok(second !== undefined && second.taskId === child.taskId);
    const [told] = (await worker.parents(second)).items;
    assert.deepEqual(JSON.parse(told?.result ?? ''), { of: SECRET });
    const made = await worker.enqueueChild(second, 'T.Grandchild', { word: SECRET });
    await worker.fail(second, new Error(SECRET), { retry: false });
    await client.requeue(child.taskId);
    const again = await worker.claim({ max: 2, strategy: 'FIFO' });
    assert.deepEqual(new Set(again.map(({ taskId }) => taskId)), new Set([child.taskId, made.taskId]));
    for (const { payload } of again) assert.deepEqual(JSON.parse(payload), { word: SECRET });
    for (const lease of again) await worker.complete(lease);
    await client.schedules.set('nightly', { everyMs: 60_000, type: 'T.Nightly', payload: { word: SECRET } });
    assert.deepEqual((await client.schedules.get('nightly')).payload, { word: SECRET });
    assert.deepEqual(
      (await client.schedules.list()).items.map(({ payload }) => payload),
      [{ word: SECRET }],
    );
    await client.schedules.run('nightly');
    clock.now += 60_000;
    assert.equal(await queue.system().fire(), 1);
    const ran = await worker.claim({ max: 3 });
    assert.deepEqual(
      ran.map(({ type, payload }) => [type, JSON.parse(payload) as unknown]),
      Array.from({ length: 2 }, () => ['T.Nightly', { word: SECRET }]),
    );
  });

  test(`${suite.name}: an erasure takes two, shreds, empties, and leaves an audit that holds`, async (t) => {
    const { queue, client, id, clock } = await settle(suite, t, open);
    const [ada, bob] = ['ada', 'bob'].map((keyId) => queue.as({ role: 'admin', keyId })) as [ReturnType<typeof queue.admin>, ReturnType<typeof queue.admin>];
    await ada.clients.encrypt(id);
    await client.schedules.set('nightly', { everyMs: 60_000, type: 'T.Nightly', payload: SECRET, paused: true });
    const other = queue.client(`${id}-other`);
    const kept = await other.enqueue('T.Kept', SECRET);
    const ids: string[] = [];
    for (const type of ['T.Done', 'T.Dead', 'T.Held', 'T.Waits'])
      ids.push((await client.enqueue(type, { word: SECRET }, { metadata: { word: SECRET } })).taskId);
    const worker = queue.worker('w', [{ clientId: id, pattern: '*' }]);
    const [done, dead] = await worker.claim({ max: 3, strategy: 'FIFO' });
    assert.ok(done !== undefined && dead !== undefined);
    await worker.complete(done, SECRET);
    await worker.fail(dead, new Error(SECRET), { retry: false });
    await assert.rejects(bob.clients.confirmErase(id), { code: 'invalid_transition' });
    await assert.rejects(ada.clients.erase(id, ' '), { code: 'invalid_input' });
    assert.equal((await ada.clients.erase(id, 'a request')).state, 'asked');
    await assert.rejects(ada.clients.confirmErase(id), { code: 'forbidden' });
    clock.now += 86_400_001;
    await assert.rejects(bob.clients.confirmErase(id), { code: 'invalid_transition' });
    await ada.clients.erase(id, 'a request');
    assert.deepEqual(await bob.clients.confirmErase(id), { clientId: id, state: 'erased', tasks: 4, keys: 1 });
    await assert.rejects(bob.clients.confirmErase(id), { code: 'invalid_transition' });
    for (const taskId of ids) await assert.rejects(client.get(taskId), { code: 'not_found' });
    assert.deepEqual((await client.schedules.list()).items, []);
    assert.equal((await ada.clients.list()).find((one) => one.clientId === id)?.status, 'suspended');
    assert.equal((await other.get(kept.taskId)).payload, SECRET);
    await queue.system().seal();
    const verdict = await queue.admin().audit.verify({ clientId: id });
    assert.deepEqual(verdict.faults, []);
    const trail = JSON.stringify((await queue.admin().audit.trail({ clientId: id, limit: 1000 })).items);
    assert.ok(!trail.includes(SECRET));
    assert.match(trail, /"step":"asked".*|"step":"confirmed"/);
  });

  test(`${suite.name}: an export has everything of the client and nothing of another, each line with its digest, and is on record`, async (t) => {
    const { queue, client, id } = await settle(suite, t, open);
    await queue.admin().clients.encrypt(id);
    await queue.client(`${id}-other`).enqueue('T.Other', 'of another');
    const { taskId } = await client.enqueue('T.Mine', { word: SECRET });
    await client.cancel(taskId, 'enough');
    const admin = queue.as({ role: 'admin', clientId: id });
    const lines: { kind: string; sha256: string; text: string }[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: Awaited<ReturnType<typeof admin.clients.exportPage>> = await admin.clients.exportPage(id, {
        reason: '',
        ...(cursor === undefined ? {} : { cursor }),
      });
      lines.push(...page.items);
      cursor = page.nextCursor;
    }
    assert.deepEqual([...new Set(lines.map(({ kind }) => kind))], ['task', 'log', 'event']);
    for (const { sha256, text } of lines) assert.equal(sha256, createHash('sha256').update(text).digest('hex'));
    const all = lines.map(({ text }) => text).join('\n');
    assert.ok(all.includes(SECRET) && all.includes('enough') && !all.includes('of another'));
    await assert.rejects(admin.clients.exportPage(`${id}-other`, { reason: 'x' }), { code: 'not_found' });
    await assert.rejects(queue.admin().clients.exportPage(id, { reason: '' }), { code: 'invalid_input' });
    assert.ok((await admin.securityEvents()).items.some((event) => event.action === 'client.export' && event.outcome === 'done'));
  });
}
