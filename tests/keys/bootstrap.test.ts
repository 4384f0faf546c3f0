// The first admin: one secret, once, for 15 minutes, and only while the platform has no admin.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openQueue } from '../../src/index.ts';
import { rig, temporaryFile } from './rig.ts';

const QUARTER = 15 * 60_000;

test('the secret makes the key of an admin of the platform, once', async (t) => {
  const { queue, events, clock } = await rig(t);
  const made = await queue.system().openBootstrap();
  assert.ok(made !== null);
  assert.equal(made.expiresAtUtc, clock.now + QUARTER);
  const { key, keyId, role, clientId } = await queue.bootstrap(made.secret);
  assert.deepEqual([role, clientId], ['admin', null]);
  assert.deepEqual(await queue.principalOf(key), { role: 'admin', keyId });
  await assert.rejects(queue.bootstrap(made.secret, { address: '192.0.2.7' }), { code: 'unauthenticated' });
  assert.deepEqual(
    (await events('key.bootstrap')).map((event) => [event.actor, event.details['address']]),
    [['anonymous', '192.0.2.7']],
  );
  assert.deepEqual(
    (await events('key.bootstrap', 'done')).map((event) => event.object),
    [keyId, 'secret'],
  );
});

test('a secret that was used stays used, also when its admin is gone', async (t) => {
  const { queue, admin } = await rig(t);
  const made = await queue.system().openBootstrap();
  const { keyId } = await queue.bootstrap(made?.secret ?? '');
  await admin.keys.revoke(keyId);
  await assert.rejects(queue.bootstrap(made?.secret ?? ''), { code: 'unauthenticated' });
  const again = await queue.system().openBootstrap();
  assert.equal((await queue.bootstrap(again?.secret ?? '')).role, 'admin');
});

test('the secret ends after 15 minutes', async (t) => {
  const { queue, clock } = await rig(t);
  const made = await queue.system().openBootstrap();
  clock.now += QUARTER;
  await assert.rejects(queue.bootstrap(made?.secret ?? ''), { code: 'unauthenticated' });
  const again = await queue.system().openBootstrap();
  clock.now += QUARTER - 1;
  assert.equal((await queue.bootstrap(again?.secret ?? '')).role, 'admin');
});

test('no secret is given, and none opens, while the platform has an admin', async (t) => {
  const { queue, admin, make } = await rig(t);
  const made = await queue.system().openBootstrap();
  const { keyId } = await make({ role: 'admin' });
  assert.equal(await queue.system().openBootstrap(), null);
  await assert.rejects(queue.bootstrap(made?.secret ?? ''), { code: 'unauthenticated' });
  await admin.keys.revoke(keyId);
  assert.equal((await queue.bootstrap(made?.secret ?? '')).role, 'admin', 'it was good for nothing else');
});

test("an admin of a client, and a key that has ended, are not the platform's admin", async (t) => {
  const { queue, clock, make } = await rig(t);
  await make({ role: 'admin', clientId: 'acme' });
  await make({ role: 'admin', expiresInMs: 1000 });
  assert.equal(await queue.system().openBootstrap(), null);
  clock.now += 1000;
  const made = await queue.system().openBootstrap();
  assert.equal((await queue.bootstrap(made?.secret ?? '')).clientId, null);
});

test('of several secrets only the newest opens, and of two who use it at once one gets a key', async (t) => {
  const file = temporaryFile(t);
  const { queue, admin, clock } = await rig(t, file);
  const other = await openQueue(file, { janitorMs: 0, now: () => clock.now });
  t.after(() => other.close());
  const first = await queue.system().openBootstrap();
  const second = await other.system().openBootstrap();
  await assert.rejects(queue.bootstrap(first?.secret ?? ''), { code: 'unauthenticated' });
  const answers = await Promise.allSettled([queue.bootstrap(second?.secret ?? ''), other.bootstrap(second?.secret ?? '')]);
  assert.deepEqual(answers.map((answer) => answer.status).toSorted(), ['fulfilled', 'rejected']);
  assert.equal((await admin.keys.list()).length, 1);
});

test('what is not the secret makes no admin', async (t) => {
  const { queue, admin } = await rig(t);
  for (const wrong of ['', 'prismq_bootstrap_', undefined, null, {}, 'x'.repeat(66)])
    await assert.rejects(queue.bootstrap(wrong as string), { code: 'unauthenticated' });
  const { secret } = (await queue.system().openBootstrap()) ?? { secret: '' };
  for (const wrong of [`${secret} `, secret.toUpperCase(), secret.slice(0, -1), secret.replace('bootstrap', 'admin'), secret.replace(/.{6}$/, '000000')])
    await assert.rejects(queue.bootstrap(wrong), { code: 'unauthenticated' }, wrong);
  await assert.rejects(queue.principalOf(secret), { code: 'unauthenticated' }, 'it is no key');
  assert.deepEqual(await admin.keys.list(), []);
  await queue.bootstrap(secret);
  assert.equal((await admin.keys.list()).length, 1);
});

test('the secret is not in the file of the queue', async (t) => {
  const file = temporaryFile(t);
  const { queue } = await rig(t, file);
  const { secret } = (await queue.system().openBootstrap()) ?? { secret: '' };
  await queue.close();
  const bytes = readFileSync(file, 'latin1');
  assert.ok(bytes.includes('bootstrap'));
  assert.ok(!bytes.includes(secret.slice(17, -6)));
});
