// Rotation: two keys for an overlap, then one; the new one has the rights and the length of life of the old one, never more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rig } from './rig.ts';

const HOUR = 3_600_000;

test('both keys open during the overlap, then only the new one', async (t) => {
  const { queue, admin, clock, make } = await rig(t);
  const old = await make({ scopes: ['read'], name: 'backend' });
  const made = await admin.keys.rotate(old.keyId, { overlapMs: HOUR });
  assert.deepEqual([made.role, made.clientId, made.scopes, made.name, made.rotatedFrom], ['client', 'acme', ['read'], 'backend', old.keyId]);
  assert.notEqual(made.key, old.key);
  clock.now += HOUR - 1;
  assert.equal((await queue.principalOf(old.key)).keyId, old.keyId);
  clock.now += 1;
  await assert.rejects(queue.principalOf(old.key), { code: 'unauthenticated' });
  assert.deepEqual(await queue.principalOf(made.key), { role: 'client', clientId: 'acme', keyId: made.keyId, scopes: ['read'] });
});

test('without an overlap the old key ends at once, though it was in use', async (t) => {
  const { queue, admin, make } = await rig(t);
  const old = await make();
  await queue.principalOf(old.key);
  const made = await admin.keys.rotate(old.keyId, { overlapMs: 0 });
  await assert.rejects(queue.principalOf(old.key), { code: 'unauthenticated' });
  assert.equal((await queue.principalOf(made.key)).keyId, made.keyId);
});

test('an overlap never lengthens the life of the old key, and the new one lives as long as the old one was given', async (t) => {
  const { admin, clock, make } = await rig(t);
  const old = await make({ expiresInMs: 10 * HOUR });
  clock.now += 9 * HOUR;
  const made = await admin.keys.rotate(old.keyId, { overlapMs: 5 * HOUR });
  const [before] = (await admin.keys.list()).filter((key) => key.keyId === old.keyId);
  assert.deepEqual([before?.expiresAtUtc, made.expiresAtUtc], [old.expiresAtUtc, clock.now + 10 * HOUR]);
  const short = await admin.keys.rotate(made.keyId, { expiresInMs: HOUR });
  assert.equal(short.expiresAtUtc, clock.now + HOUR);
});

test('a key that was revoked or has ended is not rotated', async (t) => {
  const { admin, clock, make } = await rig(t);
  const [revoked, ended, good] = [await make(), await make({ expiresInMs: HOUR }), await make()];
  await admin.keys.revoke(revoked.keyId);
  clock.now += HOUR;
  for (const { keyId } of [revoked, ended]) await assert.rejects(admin.keys.rotate(keyId), { code: 'invalid_transition' });
  await assert.rejects(admin.keys.rotate('none'), { code: 'not_found' });
  for (const overlapMs of [-1, 1.5, Number.NaN, 31 * 24 * HOUR]) await assert.rejects(admin.keys.rotate(good.keyId, { overlapMs }), { code: 'invalid_input' });
  assert.equal((await admin.keys.list()).length, 3);
  await admin.keys.rotate(good.keyId, { overlapMs: 30 * 24 * HOUR });
});

test('a worker keeps its id and its grants', async (t) => {
  const { queue, admin, make } = await rig(t);
  await queue.client('acme').enqueue('Mail.Send');
  const old = await make({ role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: 'Mail.*' }] });
  const made = await admin.keys.rotate(old.keyId, { overlapMs: 0 });
  const worker = await queue.authenticate(made.key);
  assert.ok('claim' in worker);
  assert.deepEqual([worker.workerId, (await worker.claim()).length, (await admin.grants.list()).length], ['w', 1, 1]);
});

test('a rotation is one security event that names both keys', async (t) => {
  const { admin, make, events } = await rig(t);
  const old = await make();
  const made = await admin.keys.rotate(old.keyId);
  const [event, ...more] = await events('key.rotate', 'done');
  assert.deepEqual([event?.clientId, event?.object, event?.details['new_key_id'], more.length], ['acme', old.keyId, made.keyId, 0]);
});

test('the end of a key that is being rotated can be revoked before its time', async (t) => {
  const { queue, admin, make } = await rig(t);
  const old = await make();
  const made = await admin.keys.rotate(old.keyId);
  await queue.principalOf(old.key);
  await admin.keys.revoke(old.keyId);
  await assert.rejects(queue.principalOf(old.key), { code: 'unauthenticated' });
  await queue.principalOf(made.key);
});
