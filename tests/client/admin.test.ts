// The handles of admins and auditors over HTTP against the real server.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { QueueError } from '../../src/domain/errors.ts';
import type { AdminHandle } from '../../src/service/handles.ts';
import { ACME, MAILER, serve } from './served.ts';
import type { Served } from './served.ts';

let served: Served;
let admin: AdminHandle;
before(async () => {
  served = await serve();
  admin = (await served.as({ role: 'admin' })).admin();
});
after(() => served[Symbol.asyncDispose]());

const code = (expected: string) => (error: unknown) => error instanceof QueueError && error.code === expected;

describe('an admin over HTTP', () => {
  it('keeps the book of clients', async () => {
    const made = await admin.clients.create('gamma', { weight: 3 });
    assert.deepEqual([made.clientId, made.weight, made.status], ['gamma', 3, 'active']);
    await assert.rejects(admin.clients.create('gamma'), code('already_exists'));
    assert.equal((await admin.clients.suspend('gamma')).status, 'suspended');
    assert.equal((await admin.clients.resume('gamma')).status, 'active');
    assert.equal((await admin.clients.weight('gamma', 5)).weight, 5);
    assert.deepEqual(await admin.clients.list(), await served.queue.admin().clients.list());
    await assert.rejects(admin.clients.suspend('nobody'), code('not_found'));
  });

  it('grants, lists and takes back', async () => {
    const grant = await admin.grants.create('mailer', { clientId: 'acme', pattern: 'Mail.*', attributes: { Region: ['eu', 1, true] } });
    assert.deepEqual((await admin.grants.list('mailer'))[0], grant);
    assert.deepEqual(grant.attributes, { Region: ['eu', 1, true] });
    assert.deepEqual(await admin.grants.list('nobody'), []);
    await admin.grants.delete(grant.grantId);
    assert.deepEqual(await admin.grants.list(), []);
  });

  it('makes, rotates and revokes keys, shown once', async () => {
    const made = await admin.keys.create({
      role: 'worker',
      name: 'w1',
      grants: [{ clientId: 'acme', pattern: 'Mail.*' }],
      scopes: ['lease.*'],
      expiresInMs: 60_000,
    });
    assert.match(made.key, /^prismq_worker_/);
    const { key: _, ...info } = made;
    const listed = (await admin.keys.list()).find((one) => one.keyId === info.keyId);
    assert.deepEqual(listed, info);
    assert.deepEqual([listed?.scopes, listed?.workerId], [['lease.*'], 'w1']);
    const rotated = await admin.keys.rotate(info.keyId, { overlapMs: 0, expiresInMs: 120_000 });
    assert.equal(rotated.rotatedFrom, info.keyId);
    assert.equal(Number(rotated.expiresAtUtc) - rotated.createdAtUtc, 120_000);
    await admin.keys.revoke(rotated.keyId);
    assert.notEqual((await admin.keys.list()).find((one) => one.keyId === rotated.keyId)?.revokedAtUtc, null);
    await assert.rejects(admin.keys.create({ role: 'client', clientId: 'nobody' }), code('unknown_client'));
  });

  it('keeps the registry of categories', async () => {
    const schema = { type: 'object', Some_Key: { 'x-y': 1 } };
    const backoff = { initialMs: 10, maxMs: 100, multiplier: 2, jitter: 0.1 };
    const set = await admin.categories.set({ pattern: 'Mail.*', priority: 5, maxAttempts: 2, backoff, schema });
    assert.deepEqual(set, { pattern: 'Mail.*', priority: 5, maxAttempts: 2, maxRunMs: null, backoff, schema, maxWaitMs: null, version: 1 });
    assert.deepEqual(await admin.categories.list(), [set]);
    assert.equal(await admin.categories.mode(), 'open');
    assert.equal(await admin.categories.mode('hierarchical'), 'hierarchical');
    assert.equal(await admin.categories.mode('open'), 'open');
    await admin.categories.delete('Mail.*');
    await assert.rejects(admin.categories.delete('Mail.*'), code('not_found'));
  });

  it('lists, removes and prunes workers', async () => {
    await served.queue.worker('idle-1').register({ capabilities: { attributes: { Some_Key: 'x' } } });
    assert.deepEqual(await admin.workers.list(), await served.queue.admin().workers.list());
    assert.equal(await admin.workers.prune(60_000), 0);
    await admin.workers.remove('idle-1');
    await assert.rejects(admin.workers.remove('idle-1'), code('not_found'));
  });

  it('acts inside a client that it names with a reason in any script, on record', async () => {
    await assert.rejects(admin.inside('acme', '  ').enqueue('Inside.Task'), code('invalid_input'));
    const inside = admin.inside('acme', 'der Kunde wünscht es — 客户要求');
    const { taskId } = await inside.enqueue('Inside.Task', { secret: 1 });
    assert.equal((await inside.reprioritise(taskId, 2)).priority, 2);
    const seen = await admin.get(taskId);
    assert.deepEqual([seen.clientId, 'payload' in seen], ['acme', false]);
    const { items } = await admin.securityEvents({ limit: 10 });
    assert.ok(
      items.some((event) => event.action === 'task.enqueue' && event.details['reason'] === 'der Kunde wünscht es — 客户要求'),
      JSON.stringify(items),
    );
    await admin.cancel(taskId, 'enough');
    await admin.purge(taskId);
    const page = await admin.securityEvents({ limit: 2 });
    assert.equal(page.items.length, 2);
    assert.notDeepEqual((await admin.securityEvents({ limit: 2, cursor: page.nextCursor as string })).items, page.items);
  });

  it('reads a payload with a reason, on record where the client sees it', async () => {
    const own = (await served.as({ role: 'admin', clientId: 'acme' })).admin();
    const { taskId } = await served.queue.client('acme').enqueue('Look.Task', { n: 1 }, { metadata: { order: '1' } });
    const { taskId: foreign } = await served.queue.client('beta').enqueue('Look.Task', { n: 2 });
    const looks = async (): Promise<readonly unknown[]> =>
      (await own.securityEvents()).items.filter((event) => event.action === 'task.payload').map(({ object, details }) => [object, details['reason']]);
    await assert.rejects(admin.payload(taskId, ' '), code('invalid_input'));
    assert.deepEqual(await looks(), []);
    assert.deepEqual(await admin.payload(taskId, 'ticket 7 — 客户要求'), await served.queue.client('acme').get(taskId));
    assert.deepEqual(await looks(), [[taskId, 'ticket 7 — 客户要求']]);
    assert.deepEqual((await own.payload(taskId, 'its own')).payload, { n: 1 });
    assert.equal((await looks()).length, 1, 'what is its own is no event');
    await assert.rejects(own.payload(foreign, 'ticket 7'), code('not_found'));
    for (const handle of [admin, admin.inside('acme', 'ticket 7')]) {
      assert.equal('payload' in (await handle.get(taskId)), false);
      await assert.rejects(handle.list({ metadata: { order: '1' } }), code('forbidden'));
    }
  });

  it('is asked for a payload by whoever has it anyway, and by nobody else', async () => {
    const { taskId } = await served.queue.client('acme').enqueue('Look.Task', { n: 1 });
    assert.deepEqual((await (await served.as(ACME)).admin().payload(taskId, '')).payload, { n: 1 });
    await assert.rejects((await served.as({ role: 'client', clientId: 'beta' })).admin().payload(taskId, 'mine'), code('not_found'));
    for (const key of [MAILER, { role: 'auditor' }, { role: 'auditor', clientId: 'acme' }, { role: 'admin', scopes: ['task.get'] }] as const)
      await assert.rejects((await served.as(key)).admin().payload(taskId, 'ticket 7'), code('forbidden'), JSON.stringify(key));
  });

  it('of a client reaches its own client, payloads too', async () => {
    const own = (await served.as({ role: 'admin', clientId: 'acme' })).admin();
    const { taskId } = await served.queue.client('acme').enqueue('Own.Task', { n: 1 });
    assert.deepEqual((await own.get(taskId)).payload, { n: 1 });
    await assert.rejects(own.clients.list(), code('forbidden'));
    const { taskId: foreign } = await served.queue.client('beta').enqueue('Own.Task');
    await assert.rejects(own.get(foreign), code('not_found'));
  });

  it('reads the numbers, and leaves the steps of the janitor to the server', async () => {
    assert.deepEqual(Object.keys((await admin.metrics()).byStatus).length, 7);
    await assert.rejects(admin.tick(), code('forbidden'));
  });

  it('an auditor reads what happened, and nothing of tasks', async () => {
    const { taskId } = await served.queue.client('acme').enqueue('Audit.Task', { n: 1 });
    const connection = await served.as({ role: 'auditor', clientId: 'acme' });
    const auditor = connection.auditor();
    assert.deepEqual(
      (await auditor.logs(taskId)).items.map((entry) => entry.event),
      ['enqueue'],
    );
    assert.ok((await auditor.securityEvents()).items.length > 0);
    assert.ok((await auditor.stats()).total > 0);
    await assert.rejects(connection.admin().get(taskId), code('forbidden'));
    await assert.rejects((await served.as(ACME)).admin().keys.list(), code('forbidden'));
  });
});
