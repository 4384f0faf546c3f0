// Sealing, erasing and exporting over HTTP, with keys: two admins for an erasure, a reason for an export, and nothing sealed in an answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../src/client/entry.ts';
import { assertProblem } from './conforms.ts';
import { at, serve } from './stand.ts';

const open = { masterKey: 'c'.repeat(64) };

test('a sealed client works over HTTP as any other, and its erasure takes two keys', async (t) => {
  const rig = await serve(t, { open });
  const keys = { ada: await rig.key({ role: 'admin' }), bob: await rig.key({ role: 'admin' }), client: await rig.key({ role: 'client', clientId: 'acme' }) };
  const worker = await rig.key({ role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '*' }] });
  const path = '/queue/admin/clients/acme';
  const sealed = await rig.call('POST', `${path}/encrypt`, { key: keys.ada });
  assert.deepEqual([sealed.status, sealed.json], [201, { client_id: 'acme', key_no: 1 }]);
  const made = await rig.call('POST', '/queue/enqueue', { key: keys.client, body: { type: 'T.One', payload: { word: 'pelargonium' } } });
  const claimed = await rig.call('POST', '/queue/claim', { key: worker, body: {} });
  assert.deepEqual(at(claimed, 'tasks', 0, 'payload'), { word: 'pelargonium' });
  const id = at<string>(made, 'task_id');
  await rig.call('POST', `/queue/tasks/${id}/complete`, { key: worker, body: { lease_id: at(claimed, 'tasks', 0, 'lease_id'), result: { n: 1.0 } } });
  const read = await rig.call('GET', `/queue/tasks/${id}`, { key: keys.client });
  assert.deepEqual([read.json['payload'], read.json['result']], [{ word: 'pelargonium' }, { n: 1 }]);
  assert.ok(!read.text.includes('$sealed'));
  assertProblem(await rig.call('POST', `${path}/erase`, { key: keys.ada, body: {} }), 'invalid_input');
  assert.equal((await rig.call('POST', `${path}/erase`, { key: keys.ada, body: { reason: 'a request' } })).json['state'], 'asked');
  assertProblem(await rig.call('POST', `${path}/erase`, { key: keys.ada, body: { confirm: true } }), 'forbidden');
  assertProblem(await rig.call('POST', `${path}/erase`, { key: keys.client, body: { confirm: true } }), 'forbidden');
  const erased = await rig.call('POST', `${path}/erase`, { key: keys.bob, body: { confirm: true } });
  assert.deepEqual(erased.json, { client_id: 'acme', state: 'erased', tasks: 1, keys: 1 });
  assertProblem(await rig.call('GET', `/queue/tasks/${id}`, { key: keys.client }), 'client_suspended');
});

test('the typed client exports, encrypts and erases as the library does', async (t) => {
  const rig = await serve(t, { open });
  const handles = await Promise.all(['admin', 'admin'].map(async () => connect({ url: rig.url, key: await rig.key({ role: 'admin' }) }).admin()));
  const [ada, bob] = handles as [(typeof handles)[number], (typeof handles)[number]];
  await rig.queue.client('acme').enqueue('T.One', { word: 'pelargonium' });
  await assert.rejects(ada.clients.exportPage('acme', { reason: '' }), { code: 'invalid_input' });
  const page = await ada.clients.exportPage('acme', { reason: 'a request' });
  assert.equal(page.items.length, 1);
  assert.match(page.items[0]?.text ?? '', /pelargonium/);
  assert.equal((await ada.clients.exportPage('acme', { reason: 'a request', cursor: page.nextCursor ?? '' })).items[0]?.kind, 'log');
  await assert.rejects(ada.clients.exportPage('acme', { reason: 'a request', cursor: 'x' }), { code: 'invalid_input' });
  assert.equal((await ada.clients.encrypt('acme')).keyNo, 1);
  assert.equal((await ada.clients.erase('acme', 'a request')).state, 'asked');
  assert.equal((await bob.clients.confirmErase('acme')).state, 'erased');
});

test('without a master key nothing is sealed, and it says so', async (t) => {
  const rig = await serve(t);
  assertProblem(await rig.call('POST', '/queue/admin/clients/acme/encrypt', { key: await rig.key({ role: 'admin' }) }), 'invalid_input');
});
