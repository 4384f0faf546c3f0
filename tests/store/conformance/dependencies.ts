// Conformance: a task waits for its parents, whatever becomes of them, and nothing stays blocked unseen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DependencyPolicy } from '../../../src/domain/dependencies.ts';
import type { ClientHandle, EnqueueItem, EnqueueItemResult, Queue } from '../../../src/service/handles.ts';
import { history, only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const idOf = (result: EnqueueItemResult | undefined): string => {
  assert.equal(result?.ok, true, JSON.stringify(result));
  return (result as { taskId: string }).taskId;
};

const NOWHERE = '0190aaaa-0000-7000-8000-000000000000';

/** Runs whatever can be claimed, step by step, until nothing is left; the ids in the order in which they ran. */
async function drain(queue: Queue, worker = 'w'): Promise<string[]> {
  const handle = queue.worker(worker);
  const ran: string[] = [];
  for (let idle = 0; idle < 2; ) {
    const tasks = await handle.claim({ max: 500 });
    if (tasks.length === 0) {
      idle++;
      await queue.system().tick();
      continue;
    }
    idle = 0;
    ran.push(...tasks.map((task) => task.taskId));
    await handle.settle(tasks.map(({ clientId, taskId, leaseId }) => ({ op: 'complete', clientId, taskId, leaseId, result: JSON.stringify(taskId) })));
  }
  return ran;
}

const statusOf = async (client: ClientHandle, ...ids: readonly string[]): Promise<string[]> =>
  Promise.all(ids.map(async (id) => (await client.get(id)).status));

export function dependencySuite(suite: Conformance): void {
  test(`${suite.name}: a type of which every task was refused is none that the audit knows`, async (t) => {
    const { client, queue } = await settle(suite, t);
    await client.enqueue('D.Known');
    const { categories } = await queue.auditSummary();
    const [refused] = await client.enqueueMany([{ type: 'D.Refused', dependsOn: [NOWHERE] }]);
    assert.equal(refused?.ok, false);
    assert.equal((await queue.auditSummary()).categories, categories);
    await client.enqueue('D.Refused');
    assert.equal((await queue.auditSummary()).categories, categories + 1, 'the control');
  });

  test(`${suite.name}: a task is blocked until its parents completed, and then runs`, async (t) => {
    const { client, other, id } = await settle(suite, t);
    const [a, b] = [await client.enqueue('D.A'), await client.enqueue('D.B')];
    const child = await client.enqueue('D.C', 1, { dependsOn: [a.taskId, b.taskId] });
    assert.equal(child.status, 'blocked');
    const before = await client.get(child.taskId);
    assert.deepEqual([before.status, before.waitingFor, before.parentTaskId], ['blocked', 2, null]);
    const worker = other.worker('w', [{ clientId: id, pattern: '*' }]);
    const tasks = await worker.claim({ max: 10 });
    assert.deepEqual(tasks.map((task) => task.taskId).toSorted(), [a.taskId, b.taskId].toSorted(), 'the child is not claimed');
    await worker.complete(tasks[0] as (typeof tasks)[0], 'one');
    assert.deepEqual([await statusOf(client, child.taskId), (await client.get(child.taskId)).waitingFor], [['blocked'], 1]);
    await worker.complete(tasks[1] as (typeof tasks)[0], 'two');
    assert.deepEqual(await statusOf(client, child.taskId), ['queued']);
    const claimed = only(await worker.claim({ max: 10 }));
    assert.equal(claimed.taskId, child.taskId);
    const { items } = await worker.parents(claimed);
    assert.deepEqual(
      items.map((parent) => [parent.taskId, parent.type, parent.status]),
      [
        [a.taskId, 'D.A', 'completed'],
        [b.taskId, 'D.B', 'completed'],
      ],
    );
    assert.deepEqual(
      items.map((parent) => parent.result ?? '').toSorted((one, other) => one.localeCompare(other)),
      ['"one"', '"two"'],
    );
    await worker.complete(claimed);
    assert.deepEqual(await history(client, child.taskId), ['enqueue', 'unblock', 'claim', 'complete']);
  });

  test(`${suite.name}: positions of one call make a diamond, in whatever order its items stand`, async (t) => {
    const { client, queue } = await settle(suite, t);
    const made = await client.enqueueMany([
      { type: 'D.Last', dependsOn: [1, { position: 2 }] },
      { type: 'D.Left', dependsOn: [3] },
      { type: 'D.Right', dependsOn: [3] },
      { type: 'D.First' },
    ]);
    const [last, left, right, first] = made.map(idOf) as [string, string, string, string];
    const ran = await drain(queue);
    assert.deepEqual([ran[0], ran[3]], [first, last]);
    assert.deepEqual(ran.slice(1, 3).toSorted(), [left, right].toSorted());
    const { items } = await client.dependencies(last);
    assert.deepEqual(
      items.map((edge) => [edge.taskId, edge.parentId, edge.policy, edge.state, edge.type, edge.status]),
      [
        [last, left, 'cancel', 'met', 'D.Left', 'completed'],
        [last, right, 'cancel', 'met', 'D.Right', 'completed'],
      ],
    );
    const children = await client.dependencies(first, { direction: 'children', limit: 1 });
    assert.equal(children.items.length, 1);
    assert.notEqual(children.nextCursor, null);
    const rest = await client.dependencies(first, { direction: 'children', cursor: children.nextCursor as string });
    assert.deepEqual([...children.items, ...rest.items].map((edge) => edge.taskId).toSorted(), [left, right].toSorted());
  });

  test(`${suite.name}: a circle, an absent parent and another client's are refused, each item by itself or all`, async (t) => {
    const { client, queue, id } = await settle(suite, t);
    const foreign = await queue.client(`${id}x`).enqueue('D.X');
    for (const dependsOn of [[foreign.taskId], [NOWHERE], ['nothing']]) await assert.rejects(client.enqueue('D.A', 1, { dependsOn }), { code: 'not_found' });
    await assert.rejects(client.enqueue('D.A', 1, { dependsOn: [0] }), { code: 'invalid_input' });
    const items: EnqueueItem[] = [
      { type: 'D.A', dependsOn: [1] },
      { type: 'D.B', dependsOn: [0] },
      { type: 'D.C' },
      { type: 'D.D', dependsOn: [0] },
      { type: 'D.E', dependsOn: [9] },
      { type: 'D.F', dependsOn: [2] },
      { type: 'D.G', dependsOn: [NOWHERE] },
      { type: 'D.H', dependsOn: [6] },
    ];
    const made = await client.enqueueMany(items);
    assert.deepEqual(
      made.map((item) => (item.ok ? item.status : item.code)),
      ['invalid_input', 'invalid_input', 'queued', 'invalid_input', 'invalid_input', 'blocked', 'not_found', 'not_found'],
    );
    await assert.rejects(client.enqueueMany(items.slice(0, 3), { atomic: true }), { code: 'invalid_input' });
    await assert.rejects(client.enqueueMany([{ type: 'D.C' }, { type: 'D.G', dependsOn: [NOWHERE] }], { atomic: true }), { code: 'not_found' });
    assert.equal((await client.list()).items.length, 2, 'nothing of an atomic call that was refused');
  });

  const ENDS = {
    'a dead letter': async (queue: Queue) => queue.worker('w').fail(only(await queue.worker('w').claim({ types: ['D.P'] })), 'no', { retry: false }),
    cancelled: async (_: Queue, client: ClientHandle, parent: string) => client.cancel(parent),
  } as const;
  const AFTER: Readonly<Record<DependencyPolicy, string>> = { cancel: 'cancelled', ignore: 'queued', wait: 'blocked' };
  for (const [how, end] of Object.entries(ENDS))
    for (const policy of Object.keys(AFTER) as DependencyPolicy[])
      test(`${suite.name}: under \`${policy}\` a child of a parent that is ${how} is ${AFTER[policy]}`, async (t) => {
        const { client, queue } = await settle(suite, t);
        const parent = await client.enqueue('D.P');
        const child = await client.enqueue('D.C', 1, { dependsOn: [{ taskId: parent.taskId, policy }] });
        const grandchild = await client.enqueue('D.G', 1, { dependsOn: [child.taskId] });
        await end(queue, client, parent.taskId);
        assert.deepEqual(await statusOf(client, child.taskId), [AFTER[policy]]);
        assert.deepEqual(await statusOf(client, grandchild.taskId), [policy === 'cancel' ? 'cancelled' : 'blocked']);
        assert.deepEqual((await history(client, child.taskId)).slice(1), policy === 'cancel' ? ['cancel'] : policy === 'ignore' ? ['unblock'] : []);
        if (policy !== 'cancel') return;
        const log = (await client.logs(child.taskId)).items.at(-1);
        assert.deepEqual([log?.actor, log?.details['parent']], ['system', parent.taskId]);
        assert.match(JSON.stringify(log?.details['reason']), /^"parent_(dead_letter|cancelled)"$/);
      });

  test(`${suite.name}: who waits for a parent that is purged does not wait for ever`, async (t) => {
    const { client, queue, clock } = await settle(suite, t);
    const [parent, other] = [await client.enqueue('D.P'), await client.enqueue('D.O')];
    const child = await client.enqueue('D.C', 1, { dependsOn: [{ taskId: parent.taskId, policy: 'wait' }] });
    const late = await client.enqueue('D.C', 1, { dependsOn: [{ taskId: other.taskId, policy: 'wait' }] });
    await client.bulk('cancel', { ids: [parent.taskId, other.taskId] });
    await queue.admin().purge(parent.taskId);
    assert.deepEqual(await statusOf(client, child.taskId, late.taskId), ['cancelled', 'blocked']);
    assert.match(JSON.stringify((await client.logs(child.taskId)).items.at(-1)?.details), /parent_purged/);
    await assert.rejects(client.requeue(child.taskId), { code: 'parent_ended' });
    clock.now += 8 * 86_400_000;
    await queue.system().tick();
    assert.deepEqual(await statusOf(client, late.taskId), ['cancelled'], 'retention purges the other one');
  });

  test(`${suite.name}: a parent that has ended already counts as its policy says`, async (t) => {
    const { client, queue } = await settle(suite, t);
    const [done, dead] = [await client.enqueue('D.A'), await client.enqueue('D.B')];
    await queue.worker('w').complete(only(await queue.worker('w').claim()));
    await client.cancel(dead.taskId);
    assert.equal((await client.enqueue('D.C', 1, { dependsOn: [done.taskId] })).status, 'queued');
    assert.equal((await client.enqueue('D.C', 1, { dependsOn: [{ taskId: dead.taskId, policy: 'ignore' }] })).status, 'queued');
    assert.equal((await client.enqueue('D.C', 1, { dependsOn: [{ taskId: dead.taskId, policy: 'wait' }] })).status, 'blocked');
    await assert.rejects(client.enqueue('D.C', 1, { dependsOn: [dead.taskId] }), { code: 'parent_ended' });
  });

  test(`${suite.name}: what begins anew waits for its parents again, and those that wait for it go on`, async (t) => {
    const { client, queue } = await settle(suite, t);
    const parent = await client.enqueue('D.P');
    const waits = await client.enqueue('D.W', 1, { dependsOn: [{ taskId: parent.taskId, policy: 'wait' }] });
    const ends = await client.enqueue('D.E', 1, { dependsOn: [parent.taskId] });
    await client.cancel(parent.taskId);
    assert.deepEqual(await statusOf(client, waits.taskId, ends.taskId), ['blocked', 'cancelled']);
    assert.equal((await client.requeue(ends.taskId)).status, 'blocked', 'its parent is cancelled: it waits until that one begins anew');
    assert.equal((await client.requeue(parent.taskId)).status, 'queued');
    const ran = await drain(queue);
    assert.equal(ran[0], parent.taskId);
    assert.deepEqual(ran.slice(1).toSorted(), [waits.taskId, ends.taskId].toSorted());
    assert.deepEqual(await history(client, ends.taskId), ['enqueue', 'cancel', 'requeue', 'unblock', 'claim', 'complete']);
  });

  test(`${suite.name}: a task that waits and is put off runs when both are over`, async (t) => {
    const { client, queue, clock } = await settle(suite, t);
    const parent = await client.enqueue('D.P');
    const child = await client.enqueue('D.C', 1, { dependsOn: [parent.taskId], delayMs: 60_000 });
    assert.equal(child.status, 'blocked');
    await queue.worker('w').complete(only(await queue.worker('w').claim()));
    assert.deepEqual(await statusOf(client, child.taskId), ['queued']);
    assert.deepEqual(await queue.worker('w').claim(), []);
    clock.now += 60_001;
    assert.equal(only(await queue.worker('w').claim()).taskId, child.taskId);
  });

  test(`${suite.name}: a repeat of an idempotency key is the first task for those that wait for it`, async (t) => {
    const { client, queue } = await settle(suite, t);
    const first = await client.enqueue('D.A', 1, { idempotencyKey: 'k' });
    const made = await client.enqueueMany([
      { type: 'D.A', payload: 1, idempotencyKey: 'k' },
      { type: 'D.B', dependsOn: [0] },
    ]);
    assert.equal(idOf(made[0]), first.taskId);
    assert.deepEqual(await drain(queue), [first.taskId, idOf(made[1])]);
  });

  test(`${suite.name}: a handler's children are of its task's client, in its name, and one more waits for them`, async (t) => {
    const { client, queue } = await settle(suite, t);
    const parent = await client.enqueue('D.P', 1, { priority: 7, createdBy: 'ann', maxWaitMs: 5000 });
    const worker = queue.worker('w');
    const held = only(await worker.claim());
    // oxlint-disable-next-line unicorn/no-thenable -- an option by its name, never a function
    const { children, next } = await worker.enqueueChildren(held, [{ type: 'D.A' }, { type: 'D.B', priority: 9 }], { then: { type: 'D.T' } });
    const tasks = await Promise.all([...children, next].map((child) => client.get(child?.taskId as string)));
    assert.deepEqual(
      tasks.map((task) => [task.status, task.priority, task.createdBy, task.parentTaskId, task.dueAtUtc]),
      [
        ['queued', 7, 'ann', parent.taskId, (await client.get(parent.taskId)).dueAtUtc],
        ['queued', 9, 'ann', parent.taskId, (await client.get(parent.taskId)).dueAtUtc],
        ['blocked', 7, 'ann', parent.taskId, (await client.get(parent.taskId)).dueAtUtc],
      ],
    );
    await worker.complete(held);
    const ran = await drain(queue);
    assert.equal(ran.at(-1), next?.taskId);
    await assert.rejects(worker.enqueueChildren(held, [{ type: 'D.A' }]), { code: 'lease_lost' });
    await assert.rejects(worker.parents(held), { code: 'lease_lost' });
  });

  test(`${suite.name}: a chain, a fan-in and a fan-out of hundreds drain to the last, with every event once`, async (t) => {
    const { client, queue } = await settle(suite, t);
    const N = 300;
    const chain = await client.enqueueMany(Array.from({ length: N }, (_, i) => ({ type: 'D.Chain', ...(i === 0 ? {} : { dependsOn: [i - 1] }) })));
    const out = await client.enqueueMany([{ type: 'D.Root' }, ...Array.from({ length: N }, () => ({ type: 'D.Leaf', dependsOn: [0] }))]);
    const end = await client.enqueue('D.End', 1, { dependsOn: out.slice(1).map(idOf) });
    const ran = await drain(queue);
    assert.equal(ran.length, 2 * N + 2);
    assert.equal(new Set(ran).size, ran.length);
    assert.deepEqual(
      ran.filter((id) => chain.some((item) => idOf(item) === id)),
      chain.map(idOf),
    );
    assert.equal(ran.indexOf(end.taskId) > Math.max(...out.map((item) => ran.indexOf(idOf(item)))), true);
    assert.deepEqual(await history(client, end.taskId), ['enqueue', 'unblock', 'claim', 'complete']);
  });

  test(`${suite.name}: the end of a parent of thousands reaches every child, in steps that others come between`, async (t) => {
    const { client, queue } = await settle(suite, t);
    const root = await client.enqueue('D.Root');
    const ids: string[] = [];
    for (let i = 0; i < 3; i++)
      ids.push(...(await client.enqueueMany(Array.from({ length: 1000 }, () => ({ type: 'D.Leaf', dependsOn: [root.taskId] })))).map(idOf));
    await client.cancel(root.taskId);
    for (let i = 0; i < 10_000 && (await client.stats()).byStatus.blocked > 0; i++) await queue.system().tick();
    assert.deepEqual((await client.stats()).byStatus.cancelled, 3001);
  });

  test(`${suite.name}: no client sees or waits for the edges of another`, async (t) => {
    const { client, queue, id } = await settle(suite, t);
    const parent = await client.enqueue('D.P');
    await client.enqueue('D.C', 1, { dependsOn: [parent.taskId] });
    const other = queue.client(`${id}y`);
    for (const direction of ['parents', 'children'] as const) await assert.rejects(other.dependencies(parent.taskId, { direction }), { code: 'not_found' });
    assert.equal((await client.dependencies(parent.taskId, { direction: 'children' })).items.length, 1);
  });
}
