// Refusals on record: the first at once, repeats counted, a flood bounded; what changes who may do what waits for its record and
// fails without it, everything else waits for nothing.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { formatKey } from '../../src/domain/api-key.ts';
import { openQueue } from '../../src/index.ts';
import type { Queue, SecurityEvent } from '../../src/service/handles.ts';
import { rig, temporaryFile } from './rig.ts';

const hex = (n: number, bytes: number): string => n.toString(16).padStart(bytes * 2, '0');
const unknownKey = (n: number): string => formatKey('client', hex(n, 8), hex(n, 32)).key;
const narrow = (queue: Queue) => queue.as({ role: 'client', clientId: 'acme', keyId: 'k', scopes: ['task.enqueue'] });
const repeatsOf = (events: readonly SecurityEvent[]): unknown[] => events.map((event) => event.details['repeats'] ?? null);

/** The rows as another program reads them, without asking this queue to write what it still counts. */
function written(t: TestContext, file: string): () => unknown[] {
  const db = new DatabaseSync(file, { readOnly: true });
  t.after(() => db.close());
  return () => db.prepare(`SELECT action, details FROM security_events WHERE outcome = 'denied' ORDER BY event_id`).all();
}

/** Resolves when what the queue was given to write before is written. */
const settled = async (queue: Queue): Promise<void> => void (await queue.admin().clients.weight('acme', 1));

test('the first refusal is written at once, a hundred like it become one more row', async (t) => {
  const { queue, events } = await rig(t);
  for (let i = 0; i < 101; i++) await assert.rejects(narrow(queue).list(), { code: 'forbidden' });
  const found = await events('task.list');
  assert.deepEqual(repeatsOf(found), [100, null]);
  assert.deepEqual([found[0]?.actor, found[0]?.clientId, found[0]?.details['key_id']], ['client:acme', 'acme', 'k']);
});

test('refusals of another actor, action or object are told apart', async (t) => {
  const { queue, events } = await rig(t);
  await assert.rejects(narrow(queue).list(), { code: 'forbidden' });
  await assert.rejects(narrow(queue).get('x'), { code: 'forbidden' });
  await assert.rejects(queue.as({ role: 'client', clientId: 'globex', scopes: ['task.enqueue'] }).list(), { code: 'forbidden' });
  for (const n of [1, 2]) await assert.rejects(queue.principalOf(unknownKey(n)), { code: 'unauthenticated' });
  assert.deepEqual(
    (await events('task.list')).map((event) => event.actor),
    ['client:globex', 'client:acme'],
  );
  assert.equal((await events('task.get')).length, 1);
  assert.equal((await events('authenticate')).length, 2);
});

test('repeats are written by themselves within seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const file = temporaryFile(t);
  const { queue } = await rig(t, file);
  const rows = written(t, file);
  for (let i = 0; i < 3; i++) await assert.rejects(narrow(queue).list(), { code: 'forbidden' });
  await settled(queue);
  assert.equal(rows().length, 1);
  t.mock.timers.tick(4999);
  await settled(queue);
  assert.equal(rows().length, 1);
  t.mock.timers.tick(1);
  await settled(queue);
  assert.equal(rows().length, 2);
  await assert.rejects(narrow(queue).list(), { code: 'forbidden' });
  await settled(queue);
  assert.equal(rows().length, 3, 'a new window begins with a row of its own');
});

test('a queue that is closed writes what it counted', async (t) => {
  const file = temporaryFile(t);
  const { queue } = await rig(t, file);
  for (let i = 0; i < 5; i++)
    void narrow(queue)
      .list()
      .catch(() => undefined);
  await assert.rejects(narrow(queue).list(), { code: 'forbidden' });
  await queue.close();
  const again = await openQueue(file, { janitorMs: 0 });
  t.after(() => again.close());
  const { items } = await again.admin().securityEvents();
  assert.deepEqual(repeatsOf(items.filter((event) => event.action === 'task.list')), [5, null]);
});

test('a flood of different keys is a bounded number of rows, and every one of it is counted', async (t) => {
  const { queue, events } = await rig(t);
  const flood = Array.from({ length: 1000 }, (_, n) => queue.principalOf(unknownKey(n)).catch(() => undefined));
  await Promise.all(flood);
  const found = await events('authenticate');
  assert.ok(found.length <= 102, `${found.length} rows`);
  assert.equal(found.length > 90, true, 'the first are told apart');
  assert.equal(
    found.reduce((sum, event) => sum + Number(event.details['repeats'] ?? 1), 0),
    1000,
  );
  assert.deepEqual([...new Set(found.filter((event) => event.object === null).map((event) => event.actor))], ['others']);
});

test('the request that was refused first is named, and tells no kinds apart', async (t) => {
  const { queue, events } = await rig(t);
  for (const requestId of ['r1', 'r2', 'r3']) await assert.rejects(queue.principalOf('nonsense', { requestId }), { code: 'unauthenticated' });
  const found = await events('authenticate');
  assert.deepEqual(
    found.map((event) => [event.details['request_id'] ?? null, event.details['repeats'] ?? null]),
    [
      [null, 2],
      ['r1', null],
    ],
  );
});

test('what a caller sends with a refused credential does not grow the record', async (t) => {
  const { queue, events } = await rig(t);
  await assert.rejects(queue.principalOf('x', { address: 'a'.repeat(100_000), requestId: 'r'.repeat(100_000) }), { code: 'unauthenticated' });
  const [event] = await events('authenticate');
  assert.ok(JSON.stringify(event).length < 500);
  assert.equal(event?.details['address'], 'a'.repeat(64));
});

test('a refusal is answered while the database can not be written; the record follows', async (t) => {
  const file = temporaryFile(t);
  const { queue } = await rig(t, file);
  const { key } = await queue.admin().keys.create({ role: 'client', clientId: 'acme', scopes: ['task.enqueue'] });
  const handle = await queue.authenticate(key);
  assert.ok('list' in handle);
  const lock = new DatabaseSync(file);
  t.after(() => lock.close());
  lock.exec('BEGIN IMMEDIATE');
  await assert.rejects(handle.list(), { code: 'forbidden' });
  await assert.rejects(queue.principalOf('nonsense'), { code: 'unauthenticated' });
  lock.exec('ROLLBACK');
  const actions = (await queue.admin().securityEvents()).items.filter((event) => event.outcome === 'denied').map((event) => event.action);
  assert.deepEqual(actions.toSorted(), ['authenticate', 'task.list']);
});

test('a refusal of a change of keys waits for its record, and fails when there can be none', async (t) => {
  const file = temporaryFile(t);
  const { queue } = await rig(t, file, { busyTimeoutMs: 20 });
  const narrowed = queue.as({ role: 'admin', scopes: ['key.list'] });
  const lock = new DatabaseSync(file);
  t.after(() => lock.close());
  lock.exec('BEGIN IMMEDIATE');
  await assert.rejects(narrowed.keys.create({ role: 'admin' }), { code: 'store_busy' });
  lock.exec('ROLLBACK');
  await assert.rejects(narrowed.keys.create({ role: 'admin' }), { code: 'forbidden' });
  const { items } = await queue.admin().securityEvents();
  assert.equal(
    items.filter((event) => event.action === 'key.create').reduce((sum, event) => sum + Number(event.details['repeats'] ?? 1), 0),
    2,
    'also the one that failed',
  );
});

/** Nothing can be added to the security events of this file, as on a full disk. */
function breakEvents(t: TestContext, file: string): () => void {
  const db = new DatabaseSync(file);
  t.after(() => db.close());
  db.exec(`CREATE TRIGGER broken BEFORE INSERT ON security_events BEGIN SELECT RAISE(ABORT, 'no room'); END`);
  return () => db.exec('DROP TRIGGER broken');
}

const CHANGES: Readonly<Record<string, (queue: Queue, keyId: string, grantId: string) => Promise<unknown>>> = {
  'a new key': (queue) => queue.admin().keys.create({ role: 'client', clientId: 'acme' }),
  'a rotation': (queue, keyId) => queue.admin().keys.rotate(keyId),
  'a revocation': (queue, keyId) => queue.admin().keys.revoke(keyId),
  'a grant': (queue) => queue.admin().grants.create('w', { clientId: 'acme', pattern: 'A.*' }),
  'a grant taken back': (queue, _, grantId) => queue.admin().grants.delete(grantId),
  'a key with a grant': (queue) => queue.admin().keys.create({ role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '*' }] }),
  'a client': (queue) => queue.admin().clients.create('fresh'),
  'a suspension': (queue) => queue.admin().clients.suspend('acme'),
  'a weight': (queue) => queue.admin().clients.weight('acme', 9),
  'a secret of the first admin': (queue) => queue.system().openBootstrap(),
  'a purge': async (queue) => {
    const [task] = (await queue.client('acme').list()).items;
    return queue.admin().purge(task?.taskId ?? '');
  },
};
for (const [name, change] of Object.entries(CHANGES))
  test(`${name} is not done when its record can not be written`, async (t) => {
    const file = temporaryFile(t);
    const { queue, admin } = await rig(t, file);
    const client = queue.client('acme');
    const { taskId } = await client.enqueue('A.B', 'payload');
    await client.cancel(taskId);
    const { keyId } = await admin.keys.create({ role: 'client', clientId: 'acme' });
    const { grantId } = await admin.grants.create('w', { clientId: 'acme', pattern: 'B.*' });
    const state = async (): Promise<unknown> => [await admin.keys.list(), await admin.grants.list(), await admin.clients.list(), (await client.list()).items];
    const before = await state();
    const mend = breakEvents(t, file);
    await assert.rejects(change(queue, keyId, grantId));
    assert.deepEqual(await state(), before);
    mend();
    await change(queue, keyId, grantId);
    if (name !== 'a secret of the first admin') assert.notDeepEqual(await state(), before);
  });

test('work goes on while no refusal can be recorded, and what was refused is recorded afterwards', async (t) => {
  const file = temporaryFile(t);
  const { queue, events } = await rig(t, file);
  const mend = breakEvents(t, file);
  await assert.rejects(narrow(queue).list(), { code: 'forbidden' });
  await narrow(queue).enqueue('A.B');
  assert.deepEqual(await events('task.list'), []);
  mend();
  assert.equal((await events('task.list')).length, 1);
});
