// Conformance: how claims are shared among clients, and the odds of the random strategy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshClient, only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';
import type { ClientHandle, WorkerHandle } from '../../../src/service/handles.ts';

export function fairnessSuite(suite: Conformance): void {
  test(`${suite.name}: a client with few tasks gets the share of one with a thousand`, async (t) => {
    const { client, other, id } = await settle(suite, t);
    const small = other.client(freshClient());
    await client.enqueueMany(many(1000));
    await small.enqueueMany(many(20));
    const taken = await takeOne(other.worker('w'), 40);
    assert.equal(taken.get(id), 20);
    assert.equal(taken.get(small.clientId), 20);
  });

  test(`${suite.name}: weights 3 : 1 share 3 : 1, and a suspended client gets nothing`, async (t) => {
    const { client, queue, other, id } = await settle(suite, t);
    const light = other.client(freshClient());
    await client.enqueueMany(many(200));
    await light.enqueueMany(many(200));
    await queue.admin().clients.weight(id, 3);
    const taken = await takeOne(other.worker('w'), 80);
    assert.ok(Math.abs((taken.get(id) ?? 0) - 60) <= 2, `the heavier took ${taken.get(id)} of 80`);
    await queue.admin().clients.suspend(id);
    assert.deepEqual(await takeOne(other.worker('w'), 10), new Map([[light.clientId, 10]]));
    await queue.admin().clients.resume(id);
    // A look at who is there is good for some 32 claims.
    assert.ok((await takeOne(other.worker('w'), 40)).has(id));
  });

  test(`${suite.name}: one task of priority 1 wins 35.5 % of the draws against ten of priority 10`, async (t) => {
    const { client, other } = await settle(suite, t);
    const worker = other.worker('w');
    await worker.claim({ strategy: 'WEIGHTED_RANDOM' });
    await client.enqueueMany(Array.from({ length: 11 }, (_, i) => ({ type: 'T.X', priority: i === 0 ? 1 : 10 })));
    const rounds = 500;
    // The odds of a task are 1/(priority + 1): 1/2 against 10 × 1/11.
    const share = 0.5 / (0.5 + 10 / 11);
    const sigma = Math.sqrt(rounds * share * (1 - share));
    const misses = async (): Promise<number> => Math.abs((await winsOf(client, worker, rounds)) - rounds * share) / sigma;
    // Right odds miss by 3 sigma in one sample of 370: that one is drawn again, and wrong odds miss again.
    let missed = await misses();
    if (missed > 3) missed = await misses();
    assert.ok(missed <= 3, `${missed.toFixed(1)} sigma from ${(100 * share).toFixed(1)} %`);
  });
}

/** How often the one of priority 1 is drawn. What is taken is put back, so that every round draws among the same eleven. */
async function winsOf(client: ClientHandle, worker: WorkerHandle, rounds: number): Promise<number> {
  let wins = 0;
  for (let i = 0; i < rounds; i++) {
    const task = only(await worker.claim({ strategy: 'WEIGHTED_RANDOM' }));
    if (task.priority === 1) wins++;
    await Promise.all([worker.complete(task), client.enqueue('T.X', null, { priority: task.priority })]);
  }
  return wins;
}

const many = (count: number): { type: string }[] => Array.from({ length: count }, () => ({ type: 'T.X' }));

/** Claims one at a time; how many each client got. */
async function takeOne(worker: WorkerHandle, count: number): Promise<Map<string, number>> {
  const taken = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const { clientId } = only(await worker.claim());
    taken.set(clientId, (taken.get(clientId) ?? 0) + 1);
  }
  return taken;
}
