// Conformance: no task waits behind less urgent work for a parent that it needs. On random DAGs, after every move, the effective
// priority of each unfinished task is the most urgent of its own and of everything that waits for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Task } from '../../../src/domain/task.ts';
import type { ClientHandle, Queue } from '../../../src/service/handles.ts';
import { only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

interface Node {
  readonly priority: number;
  readonly parents: readonly number[];
}
type Act = { readonly of: number; readonly how: 'cancel' | 'complete' | 'requeue' | number };

const dag = fc
  .array(fc.record({ priority: fc.integer({ min: 1, max: 20 }), parents: fc.array(fc.nat({ max: 11 }), { maxLength: 3 }) }), { minLength: 2, maxLength: 12 })
  .map((nodes) => nodes.map(({ priority, parents }, i): Node => ({ priority, parents: i === 0 ? [] : [...new Set(parents.map((parent) => parent % i))] })));
const acts = fc.array(
  fc.record({
    of: fc.nat({ max: 11 }),
    how: fc.oneof(fc.constantFrom('cancel' as const, 'complete' as const, 'requeue' as const), fc.integer({ min: 1, max: 20 })),
  }),
  { maxLength: 8 },
);

const WAITS = new Set(['blocked']);
const ENDED = new Set(['completed', 'cancelled', 'dead_letter']);

/** What each should have: from its own priority and that of those that are blocked by it. */
function expected(tasks: readonly Task[], nodes: readonly Node[]): number[] {
  const wanted = tasks.map((task) => task.priority);
  // Parents stand before their children.
  for (let child = nodes.length - 1; child >= 0; child--)
    if (WAITS.has((tasks[child] as Task).status))
      for (const parent of nodes[child]?.parents ?? [])
        if ((tasks[parent] as Task).status !== 'completed') wanted[parent] = Math.min(wanted[parent] as number, wanted[child] as number);
  return wanted;
}

async function assertNoInversion(client: ClientHandle, ids: readonly string[], nodes: readonly Node[]): Promise<void> {
  const tasks = await Promise.all(ids.map((id) => client.get(id)));
  const wanted = expected(tasks, nodes);
  for (const [i, task] of tasks.entries())
    if (!ENDED.has(task.status)) assert.equal(task.effectivePriority, wanted[i], `${i} of ${JSON.stringify(nodes)}: ${tasks.map((one) => one.status).join()}`);
}

async function perform(queue: Queue, client: ClientHandle, taskId: string, how: Act['how']): Promise<void> {
  const { status, type } = await client.get(taskId);
  if (how === 'cancel' && !['completed', 'cancelled'].includes(status)) await client.cancel(taskId);
  if (how === 'requeue' && ['dead_letter', 'cancelled'].includes(status)) await client.requeue(taskId);
  if (typeof how === 'number' && ['blocked', 'queued'].includes(status)) await client.reprioritise(taskId, how);
  if (how === 'complete' && status === 'queued') await queue.worker('w').complete(only(await queue.worker('w').claim({ types: [type] })));
}

export function lendingSuite(suite: Conformance): void {
  test(`${suite.name}: a waiting task lends its priority to what it waits for, and takes it back`, async (t) => {
    const { client, queue } = await settle(suite, t);
    const slow = await client.enqueue('L.Slow', 1, { priority: 500 });
    const middle = await client.enqueue('L.Middle', 1, { priority: 400, dependsOn: [slow.taskId] });
    const other = await client.enqueue('L.Other', 1, { priority: 100 });
    const effective = async (id: string): Promise<number[]> => [(await client.get(id)).priority, (await client.get(id)).effectivePriority];
    assert.deepEqual(
      [await effective(slow.taskId), await effective(middle.taskId)],
      [
        [500, 400],
        [400, 400],
      ],
    );
    const urgent = await client.enqueue('L.Urgent', 1, { priority: 5, dependsOn: [middle.taskId] });
    assert.deepEqual(
      [await effective(slow.taskId), await effective(middle.taskId)],
      [
        [500, 5],
        [400, 5],
      ],
    );
    await client.reprioritise(urgent.taskId, 450);
    assert.deepEqual(
      [await effective(slow.taskId), await effective(middle.taskId)],
      [
        [500, 400],
        [400, 400],
      ],
    );
    await client.reprioritise(urgent.taskId, 3);
    assert.equal(only(await queue.worker('w').claim()).taskId, slow.taskId, 'what the urgent one waits for goes first');
    await client.cancel(urgent.taskId);
    assert.deepEqual(await effective(middle.taskId), [400, 400]);
    assert.equal(only(await queue.worker('w').claim()).taskId, other.taskId);
  });

  test(`${suite.name}: there is no inversion on random DAGs, whatever is done to them`, async (t) => {
    const { client, queue } = await settle(suite, t);
    let run = 0;
    await fc.assert(
      fc.asyncProperty(dag, acts, async (nodes, moves) => {
        run++;
        const made = await client.enqueueMany(
          nodes.map(({ priority, parents }, i) => ({
            type: `L.R${run}.T${i}`,
            priority,
            dependsOn: parents.map((position) => ({ position, policy: 'wait' as const })),
          })),
          { atomic: true },
        );
        const ids = made.map((one) => (one.ok ? one.taskId : assert.fail(one.message)));
        await assertNoInversion(client, ids, nodes);
        for (const { of, how } of moves) {
          await perform(queue, client, ids[of % ids.length] as string, how);
          await assertNoInversion(client, ids, nodes);
        }
      }),
      { numRuns: 25, seed: 4711 },
    );
  });
}
