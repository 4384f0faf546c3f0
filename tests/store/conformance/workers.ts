// Conformance: who works, how it is seen, and how it goes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { history, only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const STALE_MS = 300_000;

export function workerSuite(suite: Conformance): void {
  test(`${suite.name}: a worker shows what it declared, its status and what it holds`, async (t) => {
    const { client, queue, other, clock } = await settle(suite, t);
    await client.enqueueMany([{ type: 'T.X' }, { type: 'T.X' }]);
    const worker = other.worker('w');
    const start = clock.now;
    const registered = await worker.register({ capabilities: { categories: ['T.*'], attributes: { gpu: true } }, strategy: 'FIFO', versions: { 'T.*': '7' } });
    const [seen] = await queue.admin().workers.list();
    assert.deepEqual(seen, registered);
    assert.deepEqual(seen, {
      workerId: 'w',
      capabilities: { categories: ['T.*'], attributes: { gpu: true } },
      strategy: 'FIFO',
      status: 'ready',
      versions: { 'T.*': '7' },
      registeredAtUtc: start,
      heartbeatUtc: start,
      activeTasks: 0,
    });
    await worker.claim({ max: 2 });
    clock.now += 1000;
    await worker.beat('busy');
    const [busy] = await queue.admin().workers.list();
    assert.deepEqual([busy?.status, busy?.heartbeatUtc, busy?.registeredAtUtc, busy?.activeTasks], ['busy', start + 1000, start, 2]);
  });

  test(`${suite.name}: a worker is stale beyond ${STALE_MS} ms without a sign of life, and active within 60,000`, async (t) => {
    const { queue, other, clock } = await settle(suite, t);
    const worker = other.worker('w');
    await worker.register();
    const look = async (): Promise<unknown[]> => {
      const { total, active, stale } = (await queue.admin().stats()).workers;
      return [(await queue.admin().workers.list())[0]?.status, total, active, stale];
    };
    clock.now += 60_000;
    assert.deepEqual(await look(), ['ready', 1, 1, 0]);
    clock.now += 1;
    assert.deepEqual(await look(), ['ready', 1, 0, 0]);
    clock.now += STALE_MS - 60_001;
    assert.deepEqual(await look(), ['ready', 1, 0, 0]);
    clock.now += 1;
    assert.deepEqual(await look(), ['stale', 1, 0, 1]);
    await worker.beat('ready');
    assert.deepEqual(await look(), ['ready', 1, 1, 0]);
  });

  test(`${suite.name}: a worker that is removed is gone, its leases lapse by themselves, and it may come again`, async (t) => {
    const { client, queue, other, clock } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const worker = other.worker('w');
    const lease = only(await worker.claim({ leaseMs: 1000 }));
    await queue.admin().workers.remove('w');
    assert.deepEqual(await queue.admin().workers.list(), []);
    await assert.rejects(queue.admin().workers.remove('w'), { code: 'not_found' });
    await assert.rejects(worker.beat('ready'), { code: 'worker_outdated' });
    assert.equal((await client.get(taskId)).status, 'leased');
    clock.now += 1000;
    await assert.rejects(worker.complete(lease), { code: 'lease_lost' });
    await queue.system().tick();
    assert.equal(only(await worker.claim()).taskId, taskId, 'a claim registers it again');
    assert.deepEqual(await history(client, taskId), ['enqueue', 'claim', 'expire', 'retry', 'claim']);
    assert.equal((await queue.admin().workers.list()).length, 1);
  });

  test(`${suite.name}: a worker that was removed while it holds a lease can still end it`, async (t) => {
    const { client, queue, other } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const worker = other.worker('w');
    const lease = only(await worker.claim());
    await queue.admin().workers.remove('w');
    await worker.complete(lease, 'done');
    assert.equal((await client.get(taskId)).result, 'done');
  });

  test(`${suite.name}: to prune takes the workers that are stale and hold nothing, and no other`, async (t) => {
    const { client, queue, other, clock } = await settle(suite, t);
    await client.enqueue('T.X');
    await other.worker('idle').register();
    only(await other.worker('holder').claim({ leaseMs: 3_600_000 }));
    clock.now += 1;
    await other.worker('late').register();
    const names = async (): Promise<string[]> => (await queue.admin().workers.list()).map(({ workerId }) => workerId).toSorted();
    clock.now += STALE_MS;
    await other.worker('fresh').register();
    assert.equal(await queue.admin().workers.prune(), 1, 'beyond the bound, not at it');
    assert.deepEqual(await names(), ['fresh', 'holder', 'late']);
    clock.now += 1;
    assert.equal(await queue.admin().workers.prune(), 1);
    assert.deepEqual(await names(), ['fresh', 'holder']);
    assert.equal(await queue.admin().workers.prune(0), 1, 'whoever gave no sign in this very millisecond');
    assert.deepEqual(await names(), ['holder']);
    assert.equal(await queue.admin().workers.prune(0), 0);
  });

  test(`${suite.name}: a worker leaves by itself, and keeps what an admin granted`, async (t) => {
    const { client, queue, other, id } = await settle(suite, t);
    await client.enqueue('T.X');
    await queue.admin().grants.create('w', { clientId: id, pattern: 'T.*' });
    const worker = other.as({ role: 'worker', workerId: 'w' });
    await worker.register();
    await worker.deregister();
    await worker.deregister();
    assert.deepEqual(await queue.admin().workers.list(), []);
    assert.equal((await queue.admin().grants.list('w')).length, 1);
    assert.equal((await worker.claim()).length, 1);
    const ofProgram = other.worker('p', [{ clientId: id, pattern: 'T.*' }]);
    await ofProgram.register();
    assert.equal((await queue.admin().grants.list('p')).length, 1);
    await ofProgram.deregister();
    assert.deepEqual(await queue.admin().grants.list('p'), [], 'what the program gave goes with the worker');
  });

  test(`${suite.name}: an admin of a client sees the workers that are granted into it`, async (t) => {
    const { queue, other, id } = await settle(suite, t);
    await other.worker('inside', [{ clientId: id, pattern: 'T.*' }]).register();
    await other.worker('outside', [{ clientId: 'another', pattern: '*' }]).register();
    const own = await queue.as({ role: 'admin', clientId: id }).workers.list();
    assert.deepEqual(
      own.map(({ workerId }) => workerId),
      ['inside'],
    );
    assert.equal((await queue.admin().workers.list()).length, 2);
  });
}
