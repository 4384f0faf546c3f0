// What opens and what does not: each attack stands beside the key that it was made from, which does open.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { crc32, formatKey } from '../../src/domain/api-key.ts';
import { openQueue } from '../../src/index.ts';
import type { QueueError } from '../../src/index.ts';
import type { TokenVerdict } from '../../src/service/handles.ts';
import { rig, temporaryFile } from './rig.ts';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** The text with the checksum that fits it, so that nothing but a look-up can refuse it. */
function sealed(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (; digits.length < 6; rest = Math.floor(rest / 62)) digits = `${DIGITS[rest % 62] as string}${digits}`;
  return text + digits;
}
const body = (key: string): string => key.slice(0, -6);
const secretOf = (key: string): string => key.slice(-49, -6);
const idOf = (key: string): string => key.split('_')[2] as string;

test('a key opens its role, its client and its id', async (t) => {
  const { queue, make } = await rig(t);
  const client = await make();
  assert.deepEqual(await queue.principalOf(client.key), { role: 'client', clientId: 'acme', keyId: client.keyId });
  const worker = await make({ role: 'worker', name: 'mailer' });
  assert.deepEqual(await queue.principalOf(worker.key), { role: 'worker', workerId: 'mailer', keyId: worker.keyId });
  const platform = await make({ role: 'admin' });
  assert.deepEqual(await queue.principalOf(platform.key), { role: 'admin', keyId: platform.keyId });
  const auditor = await make({ role: 'auditor', clientId: 'acme', scopes: ['audit.events'] });
  assert.deepEqual(await queue.principalOf(auditor.key), { role: 'auditor', clientId: 'acme', keyId: auditor.keyId, scopes: ['audit.events'] });
});

test('a principal can not be changed by who holds it', async (t) => {
  const { queue, make } = await rig(t);
  const { key } = await make({ scopes: ['read'] });
  const principal = await queue.principalOf(key);
  assert.throws(() => Object.assign(principal, { clientId: 'globex' }), TypeError);
  assert.throws(() => (principal.scopes as string[]).push('task.*'), TypeError);
  assert.deepEqual((await queue.principalOf(key)).scopes, ['read']);
});

type Attack = (key: string, other: string) => unknown;
const ATTACKS: Readonly<Record<string, Attack>> = {
  nothing: () => '',
  'a blank': () => ' ',
  undefined: () => undefined,
  'a number': () => 42,
  'a list with the key': (key) => [key],
  'an object that pretends to be the key': (key) => ({ toString: () => key, length: key.length }),
  'a blank before it': (key) => ` ${key}`,
  'a line end behind it': (key) => `${key}\n`,
  'a NUL behind it': (key) => `${key}\0`,
  'the scheme before it': (key) => `Bearer ${key}`,
  'lower case': (key) => key.toLowerCase(),
  'upper case': (key) => key.toUpperCase(),
  'the first half': (key) => key.slice(0, key.length / 2),
  'a character more': (key) => `${key}0`,
  'its id alone': (key) => idOf(key),
  'its digest': (key) => createHash('sha256').update(key).digest('hex'),
  'its form in another product': (key) => key.replace('prismq_', 'pq_'),
  'a wrong checksum': (key) => body(key) + (key.endsWith('000000') ? '000001' : '000000'),
  'the kind of an admin, sealed': (key) => sealed(body(key).replace('_client_', '_admin_')),
  'the secret of another key, sealed': (key, other) => sealed(body(key).replace(secretOf(key), secretOf(other))),
  'the id of another key, sealed': (key, other) => sealed(body(key).replace(idOf(key), idOf(other))),
  'another last character of the secret, sealed': (key) => sealed(body(key).slice(0, -1) + (body(key).endsWith('0') ? '1' : '0')),
  'a key that was never made': () => formatKey('admin', '01'.repeat(8), '02'.repeat(32)).key,
  'a letter that looks alike': (key) => key.replace('prismq', 'рrismq'),
  'the key a thousand times': (key) => key.repeat(1000),
  'a token, where none are taken': () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"a"}').toString('base64url')}.x`,
  'a wildcard': () => 'prismq_client_%_%',
  SQL: () => `' OR '1'='1`,
  'a name of every object': () => '__proto__',
};

for (const [name, attack] of Object.entries(ATTACKS))
  test(`instead of a key, ${name} is answered unauthenticated`, async (t) => {
    const { queue, make, events } = await rig(t);
    const [{ key }, { key: other }] = [await make(), await make()];
    const tried = attack(key, other) as string;
    assert.notEqual(tried, key);
    assert.equal(sealed(body(key)), key, 'the checksum is the right one');
    await assert.rejects(queue.principalOf(tried), { code: 'unauthenticated', message: 'the key is unknown, has expired or was revoked' });
    assert.equal((await events('authenticate')).length, 1);
    assert.equal((await queue.principalOf(key)).role, 'client');
    await assert.rejects(queue.principalOf(tried), { code: 'unauthenticated' }, 'also after the key has opened');
  });

test('what does not open is answered in the same words, whatever the cause; the record tells it', async (t) => {
  const { queue, admin, clock, make, events } = await rig(t);
  const revoked = await make();
  await admin.keys.revoke(revoked.keyId);
  const expired = await make({ expiresInMs: 1000 });
  assert.equal((await queue.principalOf(expired.key)).keyId, expired.keyId);
  clock.now += 1000;
  const unknown = formatKey('client', '03'.repeat(8), '04'.repeat(32));
  const answers = new Set<string>();
  for (const key of [revoked.key, expired.key, unknown.key, `${unknown.key.slice(0, -6)}000000`, 'nonsense'])
    await assert.rejects(queue.principalOf(key, { address: '192.0.2.7' }), (error: QueueError) => {
      answers.add(JSON.stringify([error.code, error.message, error.details, error.status]));
      return true;
    });
  assert.equal(answers.size, 1);
  const told = (await events('authenticate')).map(({ actor, clientId, object, details }) => [details['because'], actor, clientId, object, details['address']]);
  assert.deepEqual(told.toReversed(), [
    ['revoked', 'client:acme', 'acme', revoked.keyId, '192.0.2.7'],
    ['expired', 'client:acme', 'acme', expired.keyId, '192.0.2.7'],
    ['unknown', 'anonymous', null, unknown.keyId, '192.0.2.7'],
    ['checksum', 'anonymous', null, null, '192.0.2.7'],
    ['malformed', 'anonymous', null, null, '192.0.2.7'],
  ]);
});

test("an admin of a client sees the refusals of its own keys, and nobody else's", async (t) => {
  const { queue, admin, make } = await rig(t);
  const [mine, theirs] = [await make(), await make({ clientId: 'globex' })];
  for (const { keyId, key } of [mine, theirs]) {
    await admin.keys.revoke(keyId);
    await assert.rejects(queue.principalOf(key), { code: 'unauthenticated' });
  }
  const { items } = await queue.as({ role: 'admin', clientId: 'acme' }).securityEvents();
  assert.deepEqual(
    items.filter((event) => event.action === 'authenticate').map((event) => event.object),
    [mine.keyId],
  );
});

test('no secret is in the file of the queue, in a list or in an event', async (t) => {
  const file = temporaryFile(t);
  const { queue, admin, make } = await rig(t, file);
  const { key, keyId } = await make();
  const mistyped = `${body(key)}000000`;
  await assert.rejects(queue.principalOf(mistyped), { code: 'unauthenticated' });
  await queue.principalOf(key);
  const shown = JSON.stringify([await admin.keys.list(), (await admin.securityEvents()).items]);
  await queue.close();
  const bytes = readFileSync(file, 'latin1');
  for (const text of [shown, bytes]) {
    assert.ok(text.includes(keyId), 'the id is there');
    assert.ok(!text.includes(secretOf(key)), 'the secret is not');
  }
  assert.ok(bytes.includes(createHash('sha256').update(key).digest('hex')), 'the digest is');
});

test('a revoked key is refused at once where it was revoked, though it was in use', async (t) => {
  const { queue, admin, make } = await rig(t);
  const [{ key, keyId }, control] = [await make(), await make()];
  await queue.principalOf(key);
  await queue.principalOf(control.key);
  await admin.keys.revoke(keyId);
  await assert.rejects(queue.principalOf(key), { code: 'unauthenticated' });
  assert.equal((await queue.principalOf(control.key)).keyId, control.keyId);
});

test('a key that another process revoked is refused within 5 seconds', async (t) => {
  const file = temporaryFile(t);
  const { queue, clock, make } = await rig(t, file);
  const { key, keyId } = await make();
  const other = await openQueue(file, { janitorMs: 0, now: () => clock.now });
  t.after(() => other.close());
  await other.principalOf(key);
  await queue.admin().keys.revoke(keyId);
  clock.now += 4999;
  assert.equal((await other.principalOf(key)).keyId, keyId, 'still remembered');
  clock.now += 1;
  await assert.rejects(other.principalOf(key), { code: 'unauthenticated' });
});

test('a clock that is set back does not lengthen what is remembered', async (t) => {
  const file = temporaryFile(t);
  const { queue, clock, make } = await rig(t, file);
  const { key, keyId } = await make();
  const other = await openQueue(file, { janitorMs: 0, now: () => clock.now });
  t.after(() => other.close());
  await other.principalOf(key);
  await queue.admin().keys.revoke(keyId);
  clock.now -= 3_600_000;
  await assert.rejects(other.principalOf(key), { code: 'unauthenticated' });
});

test('what was looked up while keys changed is answered, but not remembered', async (t) => {
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const verifyToken = async (): Promise<TokenVerdict> => {
    calls += 1;
    if (calls === 1) await gate.promise;
    return { ok: true, expiresAtUtc: Number.MAX_SAFE_INTEGER, principal: { role: 'client', clientId: 'acme' } };
  };
  const { queue, admin, make } = await rig(t, ':memory:', { verifyToken });
  const { keyId } = await make();
  const first = queue.principalOf('a.b.c');
  await admin.keys.revoke(keyId);
  gate.resolve();
  await first;
  await queue.principalOf('a.b.c');
  assert.equal(calls, 2, 'asked again after the change');
  await queue.principalOf('a.b.c');
  assert.equal(calls, 2, 'remembered when nothing changed');
});

test('a key ends at its instant, not after, though it was remembered before', async (t) => {
  const { queue, clock, make } = await rig(t);
  const made = await make({ expiresInMs: 2000 });
  assert.equal(made.expiresAtUtc, clock.now + 2000);
  clock.now += 1999;
  assert.equal((await queue.principalOf(made.key)).keyId, made.keyId);
  clock.now += 1;
  await assert.rejects(queue.principalOf(made.key), { code: 'unauthenticated' });
});

for (const [what, asked] of Object.entries({
  client: { role: 'client' },
  worker: { role: 'worker', name: 'acme:w', clientId: 'acme' },
  admin: { role: 'admin', clientId: 'acme' },
  auditor: { role: 'auditor', clientId: 'acme' },
} as const))
  test(`a ${what}'s key of a suspended client answers client_suspended until the client is resumed`, async (t) => {
    const { queue, admin, make, events } = await rig(t);
    const [{ key, keyId }, control] = [await make(asked), await make({ clientId: 'globex' })];
    await queue.principalOf(key);
    await admin.clients.suspend('acme');
    await assert.rejects(queue.principalOf(key), { code: 'client_suspended' });
    assert.equal((await events('authenticate'))[0]?.object, keyId);
    assert.equal((await queue.principalOf(control.key)).keyId, control.keyId, "another client's key opens");
    await admin.clients.resume('acme');
    assert.equal((await queue.principalOf(key)).keyId, keyId);
  });

test('use is noted to the minute, at the first look-up after it', async (t) => {
  const { queue, admin, clock, make } = await rig(t);
  const { key, keyId } = await make();
  const used = async (): Promise<number | null | undefined> => (await admin.keys.list()).find((one) => one.keyId === keyId)?.lastUsedAtUtc;
  const settled = async (): Promise<void> => void (await queue.admin().clients.weight('acme', 1));
  assert.equal(await used(), null);
  const first = clock.now;
  await queue.principalOf(key);
  await settled();
  assert.equal(await used(), first);
  clock.now += 59_000;
  await queue.principalOf(key);
  await settled();
  assert.equal(await used(), first);
  clock.now += 6000;
  await queue.principalOf(key);
  await settled();
  assert.equal(await used(), clock.now);
});

test('a key opens while the database can not be written, and its use is noted later', async (t) => {
  const file = temporaryFile(t);
  const { queue, make } = await rig(t, file, { busyTimeoutMs: 20 });
  const { key, keyId } = await make();
  const lock = new DatabaseSync(file);
  t.after(() => lock.close());
  lock.exec('BEGIN IMMEDIATE');
  assert.equal((await queue.principalOf(key)).keyId, keyId);
  await assert.rejects(queue.admin().clients.weight('acme', 2), { code: 'store_busy' }, 'it can not be written');
  lock.exec('ROLLBACK');
  assert.equal((await queue.authenticate(key)) !== undefined, true);
});

test('a worker is who its key says, and takes what was granted whatever it declares', async (t) => {
  const { queue, admin, make } = await rig(t);
  for (const client of ['acme', 'globex']) for (const type of ['Mail.Send', 'Bank.Pay']) await queue.client(client).enqueue(type);
  const { key } = await make({ role: 'worker', name: 'mailer', grants: [{ clientId: 'acme', pattern: 'Mail.*' }] });
  const worker = await queue.authenticate(key);
  assert.ok('claim' in worker);
  assert.equal(worker.workerId, 'mailer');
  await worker.register({ capabilities: { categories: ['*'], clients: ['acme', 'globex'] } });
  assert.deepEqual(
    (await worker.claim({ max: 10 })).map((task) => [task.clientId, task.type]),
    [['acme', 'Mail.Send']],
  );
  await worker.register({ workerId: 'other', capabilities: {} } as Parameters<typeof worker.register>[0]);
  assert.deepEqual(
    (await admin.workers.list()).map((one) => one.workerId),
    ['mailer'],
  );
});
