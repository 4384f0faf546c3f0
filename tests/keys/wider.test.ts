// No key is wider than its maker: not by role, client, scopes, grants, the id of a worker, nor by rotation. Each refusal stands
// beside what the same admin may make.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdminHandle, NewKey, Queue } from '../../src/service/handles.ts';
import { rig } from './rig.ts';

const adminOf = (queue: Queue, scopes?: readonly string[]): AdminHandle =>
  queue.as({ role: 'admin', clientId: 'acme', keyId: 'maker', ...(scopes === undefined ? {} : { scopes }) });

test('an admin of a client makes keys of its client, whatever role they have', async (t) => {
  const { queue } = await rig(t);
  const acme = adminOf(queue);
  for (const asked of [{ role: 'client' }, { role: 'admin' }, { role: 'auditor' }, { role: 'worker', name: 'acme:w' }] satisfies NewKey[]) {
    const { key, clientId, createdBy } = await acme.keys.create(asked);
    assert.deepEqual([clientId, createdBy], ['acme', 'key:maker']);
    const principal = await queue.principalOf(key);
    assert.equal(principal.role, asked.role);
    if (principal.role !== 'worker') assert.equal(principal.clientId, 'acme', 'never of the platform');
  }
});

test('an admin of a client makes no key of another client, which answers like an absent one, and the try is recorded', async (t) => {
  const { queue, admin, events } = await rig(t);
  const acme = adminOf(queue);
  for (const role of ['client', 'admin', 'auditor'] as const)
    for (const clientId of ['globex', 'nobody'])
      await assert.rejects(acme.keys.create({ role, clientId }), { code: 'not_found', message: 'there is no such client' });
  assert.deepEqual(await admin.keys.list(), []);
  const [event] = await events('key.create');
  assert.deepEqual([event?.actor, event?.clientId, event?.details['key_id']], ['admin:acme', 'acme', 'maker']);
  assert.equal((await acme.keys.create({ role: 'client', clientId: 'acme' })).clientId, 'acme');
});

test("an admin of a client neither sees, rotates nor revokes another's keys", async (t) => {
  const { queue, admin, make } = await rig(t);
  const [own, foreign, platform] = [await make(), await make({ clientId: 'globex' }), await make({ role: 'admin' })];
  const acme = adminOf(queue);
  assert.deepEqual(
    (await acme.keys.list()).map((key) => key.keyId),
    [own.keyId],
  );
  for (const { keyId } of [foreign, platform, { keyId: 'none' }]) {
    await assert.rejects(acme.keys.rotate(keyId), { code: 'not_found' });
    await assert.rejects(acme.keys.revoke(keyId), { code: 'not_found' });
  }
  for (const { key } of [foreign, platform]) await queue.principalOf(key);
  assert.equal((await admin.keys.list()).length, 3);
  await acme.keys.rotate(own.keyId);
  await acme.keys.revoke(own.keyId);
});

test("an admin of a client grants its own client's tasks only, with a key as without", async (t) => {
  const { queue, admin, events } = await rig(t);
  const acme = adminOf(queue);
  for (const clientId of ['globex', '*']) {
    await assert.rejects(acme.grants.create('acme:w', { clientId, pattern: '*' }), { code: 'not_found' });
    await assert.rejects(acme.keys.create({ role: 'worker', name: 'acme:w', grants: [{ clientId, pattern: '*' }] }), { code: 'not_found' });
  }
  assert.deepEqual([await admin.grants.list(), await admin.keys.list()], [[], []], 'neither a grant nor half a key is left');
  assert.ok((await events('grant.create')).length >= 2);
  await acme.keys.create({ role: 'worker', name: 'acme:w', grants: [{ clientId: 'acme', pattern: '*' }] });
  assert.equal((await admin.grants.list()).length, 1);
});

test('an admin of a client can not make a key for a worker of others and so take its grants', async (t) => {
  const { queue, admin, make } = await rig(t);
  await queue.client('globex').enqueue('Bank.Pay', 'secret');
  await make({ role: 'worker', name: 'mailer', grants: [{ clientId: 'globex', pattern: '*' }] });
  await admin.grants.create('acme:lent', { clientId: 'globex', pattern: '*' });
  await make({ role: 'worker', name: 'acme:platform' });
  queue.worker('acme:program');
  await queue.worker('acme:program').register();
  const acme = adminOf(queue);
  for (const name of ['mailer', 'globex:w', 'acme', 'acme-w', 'acmex:w', 'ACME:w', '*'])
    await assert.rejects(acme.keys.create({ role: 'worker', name }), { code: 'invalid_input' }, name);
  for (const name of ['acme:lent', 'acme:platform', 'acme:program'])
    await assert.rejects(acme.keys.create({ role: 'worker', name }), { code: 'already_exists' }, name);
  const { key } = await acme.keys.create({ role: 'worker', name: 'acme:own', grants: [{ clientId: 'acme', pattern: '*' }] });
  const worker = await queue.authenticate(key);
  assert.ok('claim' in worker);
  assert.deepEqual(await worker.claim({ max: 10 }), []);
  await queue.client('acme').enqueue('Mail.Send');
  assert.equal((await worker.claim({ max: 10 })).length, 1);
});

test('an admin of a client can not rotate the key of its worker once others granted that worker something', async (t) => {
  const { queue, admin } = await rig(t);
  const acme = adminOf(queue);
  const { keyId } = await acme.keys.create({ role: 'worker', name: 'acme:w' });
  await acme.keys.rotate(keyId);
  await admin.grants.create('acme:w', { clientId: 'globex', pattern: '*' });
  await assert.rejects(acme.keys.rotate(keyId), { code: 'already_exists' });
  await admin.keys.rotate(keyId);
});

test('only an admin of the platform makes its keys; a client, a worker and an auditor make none', async (t) => {
  const { queue, admin, make } = await rig(t);
  for (const asked of [{ role: 'client' }, { role: 'worker', name: 'w' }, { role: 'auditor' }] as const) {
    const handle = await queue.authenticate((await make(asked)).key);
    assert.ok(!('keys' in handle), 'there is no method for it');
  }
  const opened = await queue.authenticate((await make({ role: 'admin' })).key);
  assert.ok('keys' in opened);
  assert.equal((await opened.keys.create({ role: 'admin' })).clientId, null);
  assert.equal((await admin.keys.list()).filter((one) => one.role === 'admin').length, 2);
});

test('a key with scopes makes keys within them only', async (t) => {
  const { queue, admin, events } = await rig(t);
  const scoped = adminOf(queue, ['key.create', 'key.list', 'task.enqueue', 'task.list']);
  const wider: readonly NewKey[] = [
    { role: 'client' },
    { role: 'admin' },
    { role: 'auditor' },
    { role: 'worker', name: 'acme:w' },
    { role: 'client', scopes: ['read'] },
    { role: 'client', scopes: ['task.*'] },
    { role: 'client', scopes: ['task.enqueue', 'task.get'] },
    { role: 'admin', scopes: ['key.*'] },
    { role: 'admin', scopes: ['grant.create'] },
  ];
  for (const asked of wider) await assert.rejects(scoped.keys.create(asked), { code: 'forbidden' }, JSON.stringify(asked));
  assert.deepEqual(await admin.keys.list(), []);
  assert.equal((await events('key.create'))[0]?.details['because'], 'scopes');
  for (const asked of [
    { role: 'client', scopes: ['task.enqueue'] },
    { role: 'admin', scopes: ['key.create', 'task.list'] },
  ] as const)
    assert.deepEqual((await scoped.keys.create(asked)).scopes, asked.scopes);
});

test('a key with scopes can not rotate a wider one and so take its place', async (t) => {
  const { queue, admin, make } = await rig(t);
  const [whole, narrow, root] = [await make(), await make({ scopes: ['task.list'] }), await make({ role: 'admin', clientId: 'acme' })];
  const scoped = adminOf(queue, ['key.rotate', 'task.list']);
  for (const { keyId } of [whole, root]) await assert.rejects(scoped.keys.rotate(keyId), { code: 'forbidden' });
  assert.equal((await admin.keys.list()).length, 3);
  assert.deepEqual((await scoped.keys.rotate(narrow.keyId)).scopes, ['task.list']);
});

test('scopes are kept by what an admin does inside a client', async (t) => {
  const { queue } = await rig(t);
  const inside = queue.as({ role: 'admin', scopes: ['task.enqueue'] }).inside('acme', 'a ticket');
  const { taskId } = await inside.enqueue('A.B');
  await assert.rejects(inside.reprioritise(taskId, 1), { code: 'forbidden' });
  await assert.rejects(inside.list(), { code: 'forbidden' });
});

test('a key is for a client that there is', async (t) => {
  const { admin, make } = await rig(t);
  await assert.rejects(make({ clientId: 'acmee' }), { code: 'unknown_client' });
  assert.deepEqual(await admin.keys.list(), []);
  await make({ clientId: 'acme' });
});

const WRONG: Readonly<Record<string, unknown>> = {
  'a role that there is not': { role: 'system' },
  'no role': { role: undefined },
  'a client without its id': { role: 'client', clientId: undefined },
  'an id that is none': { role: 'client', clientId: '../acme' },
  'a worker without a name': { role: 'worker' },
  'grants for a client': { role: 'client', clientId: 'acme', grants: [{ clientId: 'acme', pattern: '*' }] },
  'a grant that is none': { role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '**' }] },
  'no scopes at all': { role: 'client', clientId: 'acme', scopes: [] },
  'scopes of another role': { role: 'client', clientId: 'acme', scopes: ['lease.claim'] },
  'a life of nothing': { role: 'client', clientId: 'acme', expiresInMs: 0 },
  'a life that ended': { role: 'client', clientId: 'acme', expiresInMs: -1 },
  'a life for ever': { role: 'client', clientId: 'acme', expiresInMs: Number.MAX_SAFE_INTEGER },
  'a life in words': { role: 'client', clientId: 'acme', expiresInMs: '30d' },
  'a name with a line end': { role: 'client', clientId: 'acme', name: 'a\nb' },
};
for (const [name, asked] of Object.entries(WRONG))
  test(`a key with ${name} is refused, and none is made`, async (t) => {
    const { admin } = await rig(t);
    await assert.rejects(admin.keys.create(asked as NewKey), { code: /^invalid_(input|category)$/ });
    assert.deepEqual([await admin.keys.list(), await admin.grants.list()], [[], []]);
    await admin.keys.create({ role: 'client', clientId: 'acme', name: 'a b', scopes: ['read'], expiresInMs: 1000 });
  });
