// Conformance: another client's task answers like an absent one and is not touched; keys open what they say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshClient, history, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const ABSENT = '01890000-0000-7000-8000-000000000000';

export function isolationSuite(suite: Conformance): void {
  test(`${suite.name}: another client's task answers not_found and stays as it is`, async (t) => {
    const { client, other } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', 'secret');
    const ended = await client.enqueue('T.X');
    await client.cancel(ended.taskId);
    const stranger = other.client(freshClient());
    await stranger.enqueue('T.Own');
    const before = (await client.list()).items;
    for (const id of [taskId, ended.taskId, ABSENT])
      for (const call of [
        () => stranger.get(id),
        () => stranger.logs(id),
        () => stranger.cancel(id),
        () => stranger.requeue(id),
        () => stranger.reprioritise(id, 1),
        () => stranger.amend(id, { payload: 1 }),
        () => stranger.wait(id, { timeoutMs: 1 }),
      ])
        await assert.rejects(call, { code: 'not_found' });
    assert.deepEqual((await client.list()).items, before);
    assert.deepEqual(await history(client, taskId), ['enqueue']);
    assert.deepEqual(
      (await stranger.list()).items.map((task) => task.type),
      ['T.Own'],
    );
    assert.deepEqual([(await stranger.stats()).total, (await client.stats()).total], [1, 2]);
  });

  test(`${suite.name}: a key opens its own client until it is revoked`, async (t) => {
    const { client, queue, other, id, clock } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const { key, keyId } = await queue.admin().keys.create({ role: 'client', clientId: id });
    const opened = await other.authenticate(key);
    assert.ok('get' in opened);
    assert.equal((await opened.get(taskId)).taskId, taskId);
    assert.ok(!JSON.stringify(await queue.admin().keys.list()).includes(key), 'the key is shown once');
    await queue.authenticate(key);
    await queue.admin().keys.revoke(keyId);
    await assert.rejects(queue.authenticate(key), { code: 'unauthenticated' }, 'at once where it was revoked');
    clock.now += 5000;
    for (const wrong of [key, '', 'prismq_client_0', key.replace(/.$/, (c) => (c === '0' ? '1' : '0'))])
      await assert.rejects(other.authenticate(wrong), { code: 'unauthenticated' });
    await assert.rejects(queue.admin().keys.revoke('0000000000000000'), { code: 'not_found' });
  });

  test(`${suite.name}: an auditor reads the log of any task, one of a client that of its own, and neither sees what was in it`, async (t) => {
    const { client, queue, other, id } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', 'secret');
    const whole = (await client.logs(taskId)).items;
    assert.equal(whole.length, 1);
    await other.client(freshClient()).enqueue('T.X');
    for (const auditor of [queue.as({ role: 'auditor' }), other.as({ role: 'auditor', clientId: id })]) {
      assert.deepEqual((await auditor.logs(taskId)).items, whole);
      await assert.rejects(auditor.logs(ABSENT), { code: 'not_found' });
      assert.deepEqual(Object.keys(auditor).toSorted(), ['audit', 'events', 'logs', 'metrics', 'securityEvents', 'stats']);
    }
    await assert.rejects(queue.as({ role: 'auditor', clientId: 'another' }).logs(taskId), { code: 'not_found' });
    await client.cancel(taskId);
    await queue.admin().purge(taskId);
    assert.deepEqual(
      (await queue.as({ role: 'auditor' }).logs(taskId)).items.map(({ event }) => event),
      ['enqueue', 'cancel', 'purge'],
    );
  });
}
