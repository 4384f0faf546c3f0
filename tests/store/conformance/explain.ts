// Conformance: why a task does not run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientHandle } from '../../../src/service/handles.ts';
import { freshClient, only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const saidOf = async (client: ClientHandle, taskId: string): Promise<string[]> => (await client.explain(taskId)).reasons.map(({ code }) => code);
const wordsOf = async (client: ClientHandle, taskId: string): Promise<string> =>
  (await client.explain(taskId)).reasons.map(({ message }) => message).join('; ');

export function explainSuite(suite: Conformance): void {
  test(`${suite.name}: a task says what keeps it from running, one reason after the other`, async (t) => {
    const { client, queue, other, clock, id } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', null, { compatibility: { region: 'eu' }, delayMs: 60_000, limitKey: 'host:a' });
    const { limits } = queue.admin().inside(id, 'a test');
    await limits.set('hosts', { key: 'host:*', concurrency: 0 });
    await queue.admin().clients.suspend(id);
    assert.deepEqual(await saidOf(client, taskId), ['not_due', 'client_suspended', 'limit', 'no_worker']);
    clock.now += 60_000;
    await queue.admin().clients.resume(id);
    await limits.delete('hosts');
    const said: string[] = [await wordsOf(client, taskId)];
    const worker = other.as({ role: 'worker', workerId: `w-${id}` });
    await queue.admin().grants.create(`w-${id}`, { clientId: freshClient(), pattern: '*' });
    await worker.register();
    said.push(await wordsOf(client, taskId));
    await queue.admin().grants.create(`w-${id}`, { clientId: id, pattern: 'Other.*' });
    said.push(await wordsOf(client, taskId));
    await queue.admin().grants.create(`w-${id}`, { clientId: id, pattern: 'T.*' });
    await worker.register({ capabilities: { categories: ['Other.*'] } });
    said.push(await wordsOf(client, taskId));
    await worker.register();
    said.push(await wordsOf(client, taskId));
    await worker.register({ capabilities: { attributes: { region: 'eu' } } });
    await worker.beat('draining');
    said.push(await wordsOf(client, taskId));
    assert.deepEqual(
      said.map((words) => words.replace('no live worker can run this, because ', '')),
      [
        'none was granted anything of this client',
        'none was granted anything of this client',
        'none was granted T.X',
        'those that were granted T.X do not declare it, or not this client',
        'none has what it needs: region',
        'those that can have given no sign of life lately, or are going',
      ],
    );
    await worker.beat('ready');
    assert.deepEqual(await saidOf(client, taskId), ['waits_its_turn']);
    clock.now += 61_000;
    assert.deepEqual(await saidOf(client, taskId), ['no_worker']);
    await worker.beat('ready');
    const lease = only(await worker.claim());
    assert.deepEqual(await saidOf(client, taskId), ['running']);
    await worker.fail(lease, 'no', { retryInMs: 5000 });
    assert.deepEqual(await saidOf(client, taskId), ['back_off']);
    await client.cancel(taskId);
    assert.deepEqual(await saidOf(client, taskId), ['ended']);
    await assert.rejects(other.client(freshClient()).explain(taskId), { code: 'not_found' });
  });

  test(`${suite.name}: a limit says how many run and how many may, a line how many are before`, async (t) => {
    const { client, queue, id } = await settle(suite, t);
    await queue.admin().clients.create(id);
    const { limits } = queue.admin().inside(id, 'a test');
    await limits.set('two', { pattern: 'T.*', concurrency: 2, rate: 2, perMs: 1000 });
    const made = await client.enqueueMany(Array.from({ length: 4 }, () => ({ type: 'T.X' })));
    const last = made.at(-1) as { taskId: string };
    await queue.worker(`x-${id}`).register();
    assert.match(await wordsOf(client, last.taskId), /^3 tasks of the client are more urgent$/);
    await queue.worker(`x-${id}`).claim({ max: 10 });
    assert.equal(await wordsOf(client, last.taskId), 'two lets 2 run at once, and 2 do; two lets 2 start in 1000 ms, and 2 did');
    await limits.pause({ pattern: 'T.*' });
    assert.match(await wordsOf(client, last.taskId), /it is paused until it is resumed/);
  });

  test(`${suite.name}: work that no live worker may take is listed by what it needs, with the reason, until one comes`, async (t) => {
    const { client, queue, other, clock, id } = await settle(suite, t);
    const stranger = other.client(freshClient());
    await stranger.enqueue('T.Strange');
    for (const host of ['a', 'a', 'b']) await client.enqueue('T.Gpu', null, { compatibility: { gpu: true }, limitKey: host });
    await client.enqueue('T.Plain');
    await client.enqueue('T.Later', null, { delayMs: 60_000 });
    const worker = other.as({ role: 'worker', workerId: `u-${id}` });
    await queue.admin().grants.create(`u-${id}`, { clientId: id, pattern: '*' });
    await worker.register();
    const found = async (): Promise<unknown[]> =>
      (await client.unroutable()).map(({ clientId, type, compatibility, waiting }) => [clientId, type, compatibility, waiting]);
    assert.deepEqual(await found(), [[id, 'T.Gpu', { gpu: true }, 3]]);
    assert.match((await client.unroutable())[0]?.message ?? '', /none has what it needs: gpu/);
    await worker.beat('draining');
    assert.deepEqual((await found()).length, 2);
    assert.deepEqual((await client.unroutable({ limit: 1 })).length, 1);
    await worker.register({ capabilities: { attributes: { gpu: true } } });
    assert.deepEqual(await found(), []);
    clock.now += 61_000;
    assert.deepEqual((await found()).length, 2);
    const all = await queue.admin().unroutable({ limit: 1000 });
    assert.ok(all.some(({ type }) => type === 'T.Strange') && all.some(({ type }) => type === 'T.Gpu'));
  });
}
