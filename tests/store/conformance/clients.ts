// Conformance: which clients there are, what a suspended one still may, and how many kinds of tasks one may have.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshClient, history, only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

export function clientSuite(suite: Conformance): void {
  test(`${suite.name}: a queue that makes no clients refuses one that was not created`, async (t) => {
    const { client, queue, other, id } = await settle(suite, t, { createClients: false });
    await assert.rejects(client.enqueue('T.X'), { code: 'unknown_client', message: new RegExp(id) });
    assert.deepEqual(
      (await client.enqueueMany([{ type: 'T.X' }, { type: 'T..X' }])).map((answer) => (answer.ok ? 'ok' : answer.code)),
      ['unknown_client', 'invalid_category'],
    );
    await assert.rejects(client.enqueueMany([{ type: 'T.X' }], { atomic: true }), { code: 'unknown_client' });
    assert.deepEqual((await client.list()).items, []);
    assert.deepEqual(
      (await queue.admin().clients.list()).filter(({ clientId }) => clientId === id),
      [],
    );
    await queue.admin().clients.create(id);
    const { taskId } = await other.client(id).enqueue('T.X');
    assert.equal((await client.get(taskId)).status, 'queued');
  });

  test(`${suite.name}: a principal makes no client, whatever the queue does`, async (t) => {
    const { queue, id } = await settle(suite, t);
    await assert.rejects(queue.as({ role: 'client', clientId: id }).enqueue('T.X'), { code: 'unknown_client' });
    await assert.rejects(queue.admin().inside(id, 'a ticket').enqueue('T.X'), { code: 'unknown_client' });
    await queue.client(id).enqueue('T.X');
    await queue.as({ role: 'client', clientId: id }).enqueue('T.X');
    assert.equal((await queue.client(id).stats()).total, 2);
  });

  test(`${suite.name}: a client is created once, with the weight that is asked for`, async (t) => {
    const { queue, other, clock, id } = await settle(suite, t);
    const made = await queue.admin().clients.create(id, { weight: 7 });
    assert.deepEqual(made, { clientId: id, status: 'active', weight: 7, createdAtUtc: clock.now });
    await assert.rejects(other.admin().clients.create(id), { code: 'already_exists' });
    for (const call of [() => queue.admin().clients.suspend('absent'), () => queue.admin().clients.weight('absent', 2)])
      await assert.rejects(call, { code: 'not_found' });
    await assert.rejects(queue.admin().clients.create('no such id'), { code: 'invalid_input' });
  });

  test(`${suite.name}: a suspended client enqueues nothing and nothing of it is claimed; what it has goes on being its own`, async (t) => {
    const { client, queue, other, id } = await settle(suite, t);
    const held = await client.enqueue('T.Held');
    const worker = other.worker('w');
    const lease = only(await worker.claim());
    const waiting = await client.enqueue('T.Waits');
    const { status } = await queue.admin().clients.suspend(id);
    assert.equal(status, 'suspended');
    for (const handle of [client, other.client(id), queue.as({ role: 'client', clientId: id })])
      await assert.rejects(handle.enqueue('T.X'), { code: 'client_suspended', message: new RegExp(id) });
    assert.deepEqual(await worker.claim({ max: 10 }), []);
    assert.deepEqual(await worker.claim({ max: 10, fairness: 'none' }), []);
    await worker.complete(lease, 'done');
    assert.equal((await client.get(held.taskId)).result, 'done');
    assert.equal((await client.reprioritise(waiting.taskId, 3)).priority, 3);
    assert.equal((await client.cancel(waiting.taskId)).status, 'cancelled');
    await client.requeue(waiting.taskId);
    assert.deepEqual(await worker.claim(), []);
    await queue.admin().clients.resume(id);
    assert.equal(only(await worker.claim()).taskId, waiting.taskId);
    assert.deepEqual(await history(client, waiting.taskId), ['enqueue', 'reprioritise', 'cancel', 'requeue', 'claim']);
  });

  test(`${suite.name}: a client has so many lanes and no more; what varies belongs into the payload`, async (t) => {
    const { client, other } = await settle(suite, t, { lanesPerClient: 3 });
    await client.enqueueMany([{ type: 'T.A' }, { type: 'T.A', compatibility: { region: 'eu' } }]);
    const answers = await client.enqueueMany([{ type: 'T.B' }, { type: 'T.C' }, { type: 'T.A', payload: 'a known one' }, { type: 'T.B' }]);
    assert.deepEqual(
      answers.map((answer) => (answer.ok ? 'ok' : answer.code)),
      ['ok', 'too_many_lanes', 'ok', 'ok'],
    );
    await assert.rejects(client.enqueue('T.A', null, { compatibility: { region: 'us' } }), { code: 'too_many_lanes', message: /3/ });
    await assert.rejects(client.enqueueMany([{ type: 'T.A' }, { type: 'T.D' }], { atomic: true }), { code: 'too_many_lanes' });
    assert.equal((await client.stats()).total, 5);
    await other.client(freshClient()).enqueue('T.D');
    const lease = only(await other.worker('w').claim({ types: ['T.B'] }));
    await assert.rejects(other.worker('w').enqueueChild(lease, 'T.D'), { code: 'too_many_lanes' });
  });
}
