// Conformance: who holds a task, until when, and what the late are told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { history, only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

export function leaseSuite(suite: Conformance): void {
  test(`${suite.name}: a stale lease is refused and changes nothing`, async (t) => {
    const { client, queue, other, clock } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const [one, two] = [queue.worker('one'), other.worker('two')];
    const stale = only(await one.claim({ leaseMs: 1000 }));
    assert.deepEqual([stale.attempt, (await client.get(taskId)).attempts], [1, 1]);
    clock.now += 1001;
    await assert.rejects(one.complete(stale, 'late'), { code: 'lease_lost' });
    await other.system().tick();
    const second = only(await two.claim());
    assert.equal(second.attempt, 2);
    assert.ok(second.fence > stale.fence);
    const before = await client.get(taskId);
    const forged = { ...second, leaseId: stale.leaseId };
    for (const call of [
      () => one.complete(stale, 1),
      () => one.fail(stale, 'x'),
      () => one.release(stale),
      () => one.progress(stale, 1),
      () => one.log(stale, 'x'),
      () => two.complete(forged),
    ])
      await assert.rejects(call, { code: 'lease_lost' });
    await assert.rejects(one.complete(second), { code: 'lease_lost' }, 'the lease of another worker');
    assert.deepEqual((await one.heartbeat([stale])).lost, [taskId]);
    assert.deepEqual(await client.get(taskId), before);
    await two.complete(second, 'done');
    assert.deepEqual(await history(client, taskId), ['enqueue', 'claim', 'expire', 'retry', 'claim', 'complete']);
  });

  test(`${suite.name}: three lost leases in a row bury a task`, async (t) => {
    const { client, other, clock } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', null, { maxAttempts: 10 });
    const worker = other.worker('w');
    for (let i = 0; i < 3; i++) {
      only(await worker.claim({ leaseMs: 1000 }));
      clock.now += 1001;
      assert.equal((await other.system().tick()).expired, 1);
    }
    const task = await client.get(taskId);
    assert.deepEqual([task.status, task.attempts], ['dead_letter', 3]);
    const { items } = await client.logs(taskId);
    assert.match(JSON.stringify(items.at(-1)?.details), /worker_lost/);
    assert.equal((await history(client, taskId)).at(-1), 'bury');
  });

  test(`${suite.name}: a heartbeat extends a lease, never past max_run_ms`, async (t) => {
    const { client, other, clock } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', null, { maxRunMs: 5000 });
    const worker = other.worker('w');
    const start = clock.now;
    const lease = only(await worker.claim({ leaseMs: 3000 }));
    clock.now += 2000;
    assert.deepEqual((await worker.heartbeat([lease], 2000)).extended, [taskId]);
    assert.equal((await client.get(taskId)).leaseUntilUtc, start + 4000);
    clock.now += 1000;
    await worker.heartbeat([lease], 60_000);
    assert.equal((await client.get(taskId)).leaseUntilUtc, start + 5000);
    assert.deepEqual(await history(client, taskId), ['enqueue', 'claim'], 'a heartbeat is not audited');
  });

  test(`${suite.name}: a heartbeat never shortens what the claim gave`, async (t) => {
    const { client, other, clock } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', null, { maxRunMs: 20_000 });
    const worker = other.worker('w');
    const start = clock.now;
    const lease = only(await worker.claim({ leaseMs: 30_000 }));
    clock.now += 10_000;
    await worker.heartbeat([lease], 1000);
    assert.equal((await client.get(taskId)).leaseUntilUtc, start + 30_000);
    clock.now += 12_000;
    await worker.complete(lease, 'late, but inside its lease');
    assert.equal((await client.get(taskId)).status, 'completed');
  });

  test(`${suite.name}: the same end again is ok, another one is lease_lost`, async (t) => {
    const { client, other } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const worker = other.worker('w');
    const lease = only(await worker.claim());
    await worker.complete(lease, { n: 1 });
    await worker.complete(lease, { n: 1 });
    await assert.rejects(worker.complete(lease, { n: 2 }), { code: 'lease_lost' });
    await assert.rejects(worker.fail(lease, 'no'), { code: 'lease_lost' });
    assert.deepEqual((await client.get(taskId)).result, { n: 1 });
    assert.deepEqual(await history(client, taskId), ['enqueue', 'claim', 'complete']);
  });

  test(`${suite.name}: a holder learns of a cancellation and its late end is refused`, async (t) => {
    const { client, other } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const worker = other.worker('w');
    const lease = only(await worker.claim());
    await client.cancel(taskId);
    assert.deepEqual((await worker.heartbeat([lease])).cancelled, [taskId]);
    await assert.rejects(worker.complete(lease), { code: 'lease_lost' });
    assert.deepEqual(await history(client, taskId), ['enqueue', 'claim', 'cancel']);
  });
}
