// Conformance: many tasks at once, by ids or by a filter, counted before and walked through in steps that can be gone on with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BulkFilter, BulkReport, BulkRequest, ClientHandle, EnqueueItemResult, Queue } from '../../../src/service/handles.ts';
import { history, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const numbers = ({ matched, moved, refused }: BulkReport): number[] => [matched, moved, refused];
const byStatus = async (client: ClientHandle): Promise<Record<string, number>> => {
  const { byStatus } = await client.stats();
  return Object.fromEntries(Object.entries(byStatus).filter(([, count]) => count > 0));
};

/** Goes on until nothing is left; how many calls, and all that moved. */
async function toTheEnd(client: ClientHandle, event: Parameters<ClientHandle['bulk']>[0], request: BulkRequest): Promise<{ calls: number; moved: number }> {
  let calls = 0;
  let moved = 0;
  for (let cursor: string | null | undefined; cursor !== null; calls++) {
    const report = await client.bulk(event, { ...request, ...(cursor === undefined ? {} : { cursor }) });
    moved += report.moved;
    cursor = report.nextCursor;
  }
  return { calls, moved };
}

/** Three types in every state that a filter can name. */
async function populate(queue: Queue, client: ClientHandle): Promise<void> {
  const worker = queue.worker('w');
  const items = (type: string, n: number) =>
    Array.from({ length: n }, (_, i) => ({ type, payload: i, priority: 1 + (i % 7), metadata: { half: i % 2 === 0 ? 'even' : 'odd' } }));
  await client.enqueueMany([...items('B.Dead', 6), ...items('B.Failed', 4)]);
  for (const task of await worker.claim({ max: 50 })) {
    const kind = Number(task.payload) % 3 === 0 ? 'Timeout' : 'Refused';
    await worker.fail(task, { message: `the host said ${kind} of ${task.payload}`, kind }, task.type === 'B.Dead' ? { retry: false } : { retryInMs: 60_000 });
  }
  await client.enqueueMany([...items('B.Ready', 10), ...items('B.Other', 5)]);
  await client.enqueueMany(items('B.Later', 3).map((item) => ({ ...item, delayMs: 60_000 })));
  const parent = await client.enqueue('B.Other', 'parent');
  await client.enqueueMany(items('B.Blocked', 2).map((item) => ({ ...item, dependsOn: [parent.taskId] })));
}

export function bulkSuite(suite: Conformance): void {
  const FILTERS: readonly (readonly [BulkFilter, number])[] = [
    [{ status: 'queued' }, 19],
    [{ status: 'blocked' }, 2],
    [{ status: 'failed' }, 4],
    [{ status: 'dead_letter' }, 6],
    [{ type: 'B.Ready' }, 10],
    [{ type: 'B.*' }, 31],
    [{ type: 'C.*' }, 0],
    [{ status: 'queued', metadata: { half: 'odd' } }, 5 + 2 + 1],
    [{ error: 'TIMEOUT' }, 4],
    [{ error: 'refused of 1', status: 'dead_letter' }, 1],
    [{ olderThanMs: 500 }, 0],
    [{ status: 'completed' }, 0],
  ];
  test(`${suite.name}: a dry run counts what a filter names, and changes nothing`, async (t) => {
    const { client, queue } = await settle(suite, t);
    await populate(queue, client);
    const before = await byStatus(client);
    for (const [filter, count] of FILTERS) {
      const report = await client.bulk('cancel', { filter, dryRun: true });
      assert.deepEqual([...numbers(report), report.nextCursor], [count, 0, 0, null], JSON.stringify(filter));
      assert.equal(report.sample.length, Math.min(10, count));
      if (filter.status !== undefined) assert.ok(report.sample.every(({ status }) => status === filter.status));
    }
    assert.deepEqual(await byStatus(client), before);
  });

  test(`${suite.name}: cancel, requeue, reprioritise and purge move what the filter names and nothing else, each with its audit row`, async (t) => {
    const { client, queue, clock } = await settle(suite, t);
    await populate(queue, client);
    clock.now += 1000;
    assert.deepEqual(numbers(await client.bulk('reprioritise', { filter: { type: 'B.Ready' }, priority: 900 })), [10, 10, 0]);
    assert.ok((await client.list({ type: 'B.Ready' })).items.every(({ priority }) => priority === 900));
    assert.deepEqual(numbers(await client.bulk('requeue', { filter: { error: 'timeout', status: 'dead_letter' } })), [2, 2, 0]);
    assert.deepEqual(numbers(await client.bulk('cancel', { filter: { olderThanMs: 500, type: 'B.Other' }, reason: 'no more' })), [6, 6, 0]);
    assert.equal((await byStatus(client))['blocked'], undefined, 'what waited for one of these is cancelled with it');
    const [other] = (await client.list({ type: 'B.Other' })).items;
    assert.deepEqual(await history(client, other?.taskId ?? ''), ['enqueue', 'cancel']);
    assert.equal((await client.logs(other?.taskId ?? '')).items.at(-1)?.details['reason'], 'no more');
    const admin = queue.admin().inside(client.clientId, 'the end of the month');
    assert.deepEqual(numbers(await admin.bulk('purge', { filter: { status: 'cancelled' } })), [8, 8, 0]);
    assert.deepEqual(await byStatus(client), { dead_letter: 4, failed: 4, queued: 15 });
    await assert.rejects(client.bulk('purge', { filter: { status: 'dead_letter' } }), { code: 'forbidden' });
  });

  test(`${suite.name}: a call stops at its limit and the next goes on from its cursor, until every task was met once`, async (t) => {
    const { client } = await settle(suite, t);
    for (let i = 0; i < 3; i++)
      await client.enqueueMany(
        Array.from({ length: 500 }, (_, n) => ({ type: `B.T${n % 3}`, priority: 1 + (n % 5), ...(n % 4 === 0 ? { delayMs: 60_000 } : {}) })),
      );
    let progress = 0;
    const first = await client.bulk('cancel', { filter: { type: 'B.*' }, limit: 7, dryRun: true });
    assert.deepEqual([first.matched, first.nextCursor === null], [7, false]);
    assert.equal((await toTheEnd(client, 'cancel', { filter: { type: 'B.*' }, limit: 400, onProgress: () => progress++ })).moved, 1500);
    assert.ok(progress >= 7);
    assert.deepEqual(await byStatus(client), { cancelled: 1500 });
    const { calls, moved } = await toTheEnd(client, 'requeue', { filter: { type: 'B.T1' }, limit: 100 });
    assert.deepEqual([moved, calls > 5], [501, true]);
  });

  test(`${suite.name}: ids that are absent, another client's or ended are refused one by one, the others move`, async (t) => {
    const { client, queue, id } = await settle(suite, t);
    const foreign = await queue.client(`${id}x`).enqueue('B.X');
    const [one, two] = [await client.enqueue('B.A'), await client.enqueue('B.B')];
    await client.cancel(two.taskId);
    const report = await client.bulk('cancel', { ids: [one.taskId, two.taskId, foreign.taskId, 'nothing'] });
    assert.deepEqual(numbers(report), [4, 1, 3]);
    assert.deepEqual(Object.fromEntries(report.refusals.map(({ taskId, code }) => [taskId, code])), {
      [two.taskId]: 'invalid_transition',
      [foreign.taskId]: 'not_found',
      nothing: 'not_found',
    });
    assert.equal((await queue.client(`${id}x`).get(foreign.taskId)).status, 'queued');
    assert.equal((await client.bulk('cancel', { filter: { type: 'B.X' }, dryRun: true })).matched, 0, 'a filter names nobody else either');
  });

  test(`${suite.name}: a cascade takes everything that waits for the task, after a dry run that names it`, async (t) => {
    const { client } = await settle(suite, t);
    const made = await client.enqueueMany([
      { type: 'B.Root' },
      { type: 'B.Left', dependsOn: [{ position: 0, policy: 'wait' }] },
      { type: 'B.Right', dependsOn: [{ position: 0, policy: 'ignore' }] },
      { type: 'B.End', dependsOn: [1, 2] },
      { type: 'B.Apart' },
    ]);
    const ids = made.map((item) => (item.ok ? item.taskId : ''));
    const dry = await client.bulk('cancel', { ids: [ids[0] as string], cascade: true, dryRun: true });
    assert.deepEqual(
      [numbers(dry), dry.sample.map(({ taskId }) => taskId).toSorted((a, b) => a.localeCompare(b))],
      [[4, 0, 0], ids.slice(0, 4).toSorted((a, b) => a.localeCompare(b))],
    );
    assert.deepEqual(await byStatus(client), { blocked: 3, queued: 2 });
    assert.deepEqual(numbers(await client.bulk('cancel', { ids: [ids[0] as string], cascade: true, reason: 'all of it' })), [4, 4, 0]);
    assert.deepEqual(await byStatus(client), { cancelled: 4, queued: 1 });
    assert.equal((await client.logs(ids[3] as string)).items.at(-1)?.details['reason'], 'all of it');
    assert.deepEqual(numbers(await client.bulk('requeue', { ids: [ids[0] as string], cascade: true })), [4, 4, 0]);
    assert.deepEqual(await byStatus(client), { blocked: 3, queued: 2 });
  });

  test(`${suite.name}: what the moves themselves bring into the filter is not of this call, and what they end is counted once`, async (t) => {
    const { client, clock } = await settle(suite, t);
    const named = (items: readonly EnqueueItemResult[]): string[] => items.map((item) => (item.ok ? item.taskId : ''));
    const parents = named(await client.enqueueMany([{ type: 'B.Parent' }, { type: 'B.Parent', delayMs: 1000 }]));
    const waiting = (policy: 'ignore' | 'cancel', more: object = {}) => ({
      type: 'B.Parent',
      dependsOn: parents.map((taskId) => ({ taskId, policy })),
      ...more,
    });
    const made = await client.enqueueMany([waiting('ignore', { priority: 900 }), waiting('ignore', { delayMs: 60_000 }), waiting('cancel')]);
    const [ready, later, ended] = named(made) as [string, string, string];
    assert.deepEqual(numbers(await client.bulk('cancel', { filter: { status: 'queued' } })), [2, 2, 0]);
    assert.deepEqual(await byStatus(client), { cancelled: 3, queued: 2 });
    assert.deepEqual(await Promise.all([ready, later, ended].map(async (taskId) => (await client.get(taskId)).status)), ['queued', 'queued', 'cancelled']);
    assert.deepEqual(await history(client, ready), ['enqueue', 'unblock']);
    clock.now += 1;
    const [first] = named(await client.enqueueMany([{ type: 'B.Chain', dependsOn: [ready] }]));
    await client.enqueueMany([{ type: 'B.Chain', dependsOn: [{ taskId: first ?? '', policy: 'ignore' }] }]);
    // The second is set free by the end of the first, and is of a filter without a state all the same.
    assert.deepEqual(numbers(await client.bulk('cancel', { filter: { type: 'B.Chain' } })), [2, 2, 0]);
    // With the parent goes the child that asks for it; it was named too, and is refused as ended.
    await client.enqueueMany([{ type: 'B.Pair' }, { type: 'B.Pair', dependsOn: [{ position: 0, policy: 'cancel' }] }]);
    assert.deepEqual(numbers(await client.bulk('cancel', { filter: { type: 'B.Pair' } })), [2, 2, 0]);
    const pair = await client.enqueueMany([{ type: 'B.Trio', dependsOn: [later] }]);
    await client.enqueueMany([{ type: 'B.Trio', dependsOn: [{ taskId: named(pair)[0] ?? '', policy: 'cancel' }] }]);
    assert.deepEqual(numbers(await client.bulk('cancel', { filter: { type: 'B.Trio', status: 'blocked' } })), [2, 1, 1]);
  });

  test(`${suite.name}: what names nothing, or two things, is refused`, async (t) => {
    const { client } = await settle(suite, t);
    for (const request of [
      {},
      { filter: {} },
      { ids: [], filter: { status: 'queued' } },
      { filter: { status: 'queued' }, cascade: true },
      { filter: { status: 'nowhere' } },
      { filter: { status: 'queued' }, cursor: 'x' },
      { filter: { status: 'queued' }, limit: 0 },
      { filter: { status: 'queued' }, priority: 1 },
    ] as BulkRequest[])
      await assert.rejects(client.bulk('cancel', request), { code: 'invalid_input' }, JSON.stringify(request));
    await assert.rejects(client.bulk('reprioritise', { filter: { status: 'queued' } }), { code: 'invalid_input' });
  });
}
