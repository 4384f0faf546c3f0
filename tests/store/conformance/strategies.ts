// Conformance: one suite for every strategy, built in or given by a program. Whatever the order, nothing is taken twice, too early or
// too late, and nothing is left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STRATEGIES, compareBy, defineStrategy } from '../../../src/domain/strategy.ts';
import type { OrderedRow, Strategy } from '../../../src/domain/strategy.ts';
import type { ClaimedTask } from '../../../src/domain/task.ts';
import type { WorkerHandle } from '../../../src/service/handles.ts';
import { freshClient, only, settle } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

/** A program's own: the latest due first, and among those the least urgent. */
const OWN = defineStrategy({
  name: 'LATEST_DUE',
  order: [
    ['due_at_utc', 'desc'],
    ['priority', 'desc'],
  ],
});
const ALL: readonly Strategy[] = [...Object.entries(STRATEGIES).map(([name, rule]) => ({ name, ...rule })), OWN];
const isDrawn = ({ order }: Strategy): boolean => order.some(([column]) => column === 'draw');

const DUE = 1_900_000_000_000;
/** Ties in priority and in due time, and tasks that are never due. */
const TASKS = Array.from({ length: 24 }, (_, i) => ({
  type: `T.X${i % 3}`,
  payload: i,
  priority: [50, 1, 100, 50, 7][i % 5] as number,
  ...(i % 4 === 0 ? {} : { dueAtUtc: DUE + ((i * 7) % 5) * 1000 }),
}));
/** So many lanes that an engine which probes few of them one by one goes another way. */
const LANES = 260;
const YEAR_MS = 365 * 86_400_000;

const numberOf = (task: ClaimedTask): number => JSON.parse(task.payload) as number;

function expectedOf(strategy: Strategy): number[] {
  const compare = compareBy(strategy);
  const rows = TASKS.map((task, i): OrderedRow => ({ position: i, priority: task.priority, dueAtUtc: task.dueAtUtc ?? null, draw: 0 }));
  return rows.toSorted(compare).map((row) => row.position);
}

/** Everything that can be claimed, `max` at a time. */
async function drain(worker: WorkerHandle, max: number, options: Parameters<WorkerHandle['claim']>[0]): Promise<number[]> {
  const got: number[] = [];
  for (;;) {
    const tasks = await worker.claim({ max, ...options });
    if (tasks.length === 0) return got;
    got.push(...tasks.map(numberOf));
  }
}

const many = async ({ other }: Setting): Promise<void> =>
  void (await other.client(freshClient()).enqueueMany(Array.from({ length: LANES }, (_, i) => ({ type: `Wide.W${i}`, delayMs: YEAR_MS }))));

export function strategySuite(suite: Conformance): void {
  for (const strategy of ALL) {
    orderTests(suite, strategy);
    ruleTests(suite, strategy);
  }

  test(`${suite.name}: a worker switches its strategy while it runs, and one call may ask for another`, async (t) => {
    const { client, other } = await settle(suite, t, { strategies: [OWN] });
    await client.enqueueMany(TASKS);
    const worker = other.worker('w');
    for (const [registered, asked, expected] of [
      ['LIFO', undefined, 23],
      ['FIFO', undefined, 0],
      ['fifo', 'LIFO', 22],
      ['FIFO', undefined, 1],
      ['LATEST_DUE', undefined, expectedOf(OWN)[0]],
    ] as const) {
      await worker.register({ strategy: registered });
      assert.equal(numberOf(only(await worker.claim(asked === undefined ? {} : { strategy: asked }))), expected, `${registered} ${asked ?? ''}`);
    }
  });

  test(`${suite.name}: an unknown strategy is refused with the known ones, when registering and when claiming`, async (t) => {
    const { client, other } = await settle(suite, t, { strategies: [OWN] });
    await client.enqueue('T.X');
    const worker = other.worker('w');
    for (const call of [() => worker.register({ strategy: 'NOSUCH' }), () => worker.claim({ strategy: 'NOSUCH' })])
      await assert.rejects(call, { code: 'unknown_strategy', message: /FIFO.*DEADLINE.*LATEST_DUE/ });
    assert.equal((await worker.claim()).length, 1);
  });

  test(`${suite.name}: a strategy that this program was not given is unknown to it`, async (t) => {
    const { other } = await settle(suite, t);
    await assert.rejects(other.worker('w').register({ strategy: 'LATEST_DUE' }), { code: 'unknown_strategy' });
  });
}

function orderTests(suite: Conformance, strategy: Strategy): void {
  const { name } = strategy;
  for (const [width, fairness, max] of [
    ['a narrow', 'weighted', 5],
    ['a narrow', 'none', 1],
    ['a wide', 'weighted', 1],
    ['a wide', 'none', 5],
  ] as const)
    test(`${suite.name}: ${name} takes ${isDrawn(strategy) ? 'everything once' : 'its order'}, ${max} at a time, by ${width} worker, fairness ${fairness}`, async (t) => {
      const setting = await settle(suite, t, { strategies: [OWN] });
      if (width === 'a wide') await many(setting);
      await setting.client.enqueueMany(TASKS);
      const got = await drain(setting.other.worker('w'), max, { strategy: name, fairness });
      if (isDrawn(strategy))
        assert.deepEqual(
          got.toSorted((a, b) => a - b),
          [...TASKS.keys()],
        );
      else assert.deepEqual(got, expectedOf(strategy));
    });
}

function ruleTests(suite: Conformance, strategy: Strategy): void {
  const { name } = strategy;
  test(`${suite.name}: ${name} takes nothing that is not granted, not due, expired or in other hands`, async (t) => {
    const { client, other, queue, clock, id } = await settle(suite, t, { strategies: [OWN] });
    await client.enqueueMany([
      { type: 'T.Granted', payload: 0 },
      { type: 'U.Not', payload: 1, priority: 1, dueAtUtc: DUE },
      { type: 'T.Granted', payload: 2, delayMs: 1000, priority: 1 },
      { type: 'T.Granted', payload: 3, ttlMs: 500, priority: 1 },
      { type: 'T.Held', payload: 4, priority: 1 },
    ]);
    only(await queue.worker('holder').claim({ types: ['T.Held'] }));
    clock.now += 500;
    const worker = other.worker('w', [{ clientId: id, pattern: 'T.*' }]);
    assert.deepEqual(await drain(worker, 5, { strategy: name }), [0]);
    clock.now += 500;
    assert.deepEqual(await drain(worker, 5, { strategy: name, fairness: 'none' }), [2]);
  });

  test(`${suite.name}: ${name} keeps a task's place over a retry and a hand-back`, async (t) => {
    const { client, other, clock } = await settle(suite, t, { strategies: [OWN] });
    await client.enqueueMany([
      { type: 'T.X', payload: 0 },
      { type: 'T.X', payload: 1 },
      { type: 'T.X', payload: 2 },
    ]);
    const worker = other.worker('w');
    const [first, second] = await worker.claim({ max: 2, strategy: 'FIFO' });
    assert.ok(first !== undefined && second !== undefined);
    await worker.fail(first, 'no', { retryInMs: 100 });
    await worker.release(second, { delayMs: 100 });
    clock.now += 100;
    const got = await drain(worker, 1, { strategy: name });
    if (isDrawn(strategy))
      assert.deepEqual(
        got.toSorted((a, b) => a - b),
        [0, 1, 2],
      );
    else assert.deepEqual(got, strategy.order.some(([column, direction]) => column === 'position' && direction === 'desc') ? [2, 1, 0] : [0, 1, 2]);
  });

  test(`${suite.name}: ${name} goes by the new priority of a task that was reprioritised`, async (t) => {
    const { client, other } = await settle(suite, t, { strategies: [OWN] });
    const [a, b] = await client.enqueueMany([
      { type: 'T.X', payload: 0, priority: 10 },
      { type: 'T.X', payload: 1, priority: 20 },
    ]);
    assert.ok(a?.ok === true && b?.ok === true);
    await client.reprioritise(b.taskId, 5);
    const [row] = [
      { position: 0, priority: 10, dueAtUtc: null, draw: 0 },
      { position: 1, priority: 5, dueAtUtc: null, draw: 0 },
    ].toSorted(compareBy(strategy));
    const first = only(await other.worker('w').claim({ strategy: name }));
    assert.equal(first.priority, numberOf(first) === 0 ? 10 : 5);
    if (!isDrawn(strategy)) assert.equal(numberOf(first), row?.position);
  });

  test(`${suite.name}: ${name} shares claims among clients by their weight, unless told otherwise`, async (t) => {
    const { client, other, id } = await settle(suite, t, { strategies: [OWN] });
    const late = other.client(freshClient());
    await client.enqueueMany(Array.from({ length: 12 }, () => ({ type: 'T.X', payload: 0, priority: 1 })));
    await late.enqueueMany(Array.from({ length: 12 }, () => ({ type: 'T.X', payload: 1, priority: 900 })));
    const worker = other.worker('w', [
      { clientId: id, pattern: '*' },
      { clientId: late.clientId, pattern: '*' },
    ]);
    const shared = (await drainCount(worker, 8, { strategy: name })).filter((clientId) => clientId === id).length;
    assert.equal(shared, 4);
    if (isDrawn(strategy)) return;
    const across = await drainCount(worker, 4, { strategy: name, fairness: 'none' });
    const [best] = [
      { position: 0, priority: 1, dueAtUtc: null, draw: 0 },
      { position: 12, priority: 900, dueAtUtc: null, draw: 0 },
    ].toSorted(compareBy(strategy));
    assert.deepEqual([...new Set(across)], [best?.position === 0 ? id : late.clientId]);
  });
}

/** Whose the next `count` are, one claim each. */
async function drainCount(worker: WorkerHandle, count: number, options: Parameters<WorkerHandle['claim']>[0]): Promise<string[]> {
  const clients: string[] = [];
  for (let i = 0; i < count; i++) clients.push(only(await worker.claim(options)).clientId);
  return clients;
}
