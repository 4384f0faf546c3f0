// Conformance: lists page by page. The pages of a walk hold every task once, the newest first, whatever comes in meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskState } from '../../../src/domain/lifecycle.ts';
import type { Task } from '../../../src/domain/task.ts';
import type { AdminHandle, ClientHandle, ListFilter } from '../../../src/service/handles.ts';
import { freshClient, only, settle } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

/** How the newest task comes into each state; nothing makes one wait for a parent by the public interface. */
const INTO = {
  queued: async () => undefined,
  leased: async (setting) => hold(setting),
  failed: async (setting) => setting.other.worker('w').fail(await hold(setting), 'no', { retryInMs: 3_600_000 }),
  completed: async (setting) => setting.other.worker('w').complete(await hold(setting)),
  dead_letter: async (setting) => setting.other.worker('w').fail(await hold(setting), 'no', { retry: false }),
  cancelled: async ({ client }, taskId) => client.cancel(taskId),
} as const satisfies Partial<Record<TaskState, (setting: Setting, taskId: string) => Promise<unknown>>>;
type Reached = keyof typeof INTO;

const hold = async ({ other }: Setting): ReturnType<typeof claimed> => claimed(other.worker('w'));
const claimed = async (worker: ReturnType<Setting['other']['worker']>) => only(await worker.claim({ types: ['T.Page'], strategy: 'LIFO', leaseMs: 3_600_000 }));

async function bring(setting: Setting, state: Reached): Promise<string> {
  const { taskId } = await setting.client.enqueue('T.Page');
  await INTO[state](setting, taskId);
  return taskId;
}

const ids = (tasks: readonly Task[]): string[] => tasks.map(({ taskId }) => taskId);

/** The ids of all pages; `between` is done after each. */
async function walk(handle: ClientHandle | AdminHandle, filter: ListFilter, between: () => Promise<unknown> = async () => undefined): Promise<string[]> {
  const seen: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await handle.list({ ...filter, ...(cursor === undefined ? {} : { cursor }) });
    seen.push(...ids(page.items));
    assert.ok(page.items.length <= (filter.limit ?? 100));
    if (page.nextCursor === null) return seen;
    cursor = page.nextCursor;
    await between();
  }
}

export function listSuite(suite: Conformance): void {
  for (const state of Object.keys(INTO) as Reached[])
    test(`${suite.name}: the pages of the ${state} tasks hold each once, the newest first, while others come in`, async (t) => {
      const setting = await settle(suite, t);
      const { client, other, clock, id } = setting;
      await bystanders(setting, state);
      const brought: string[] = [];
      for (let i = 0; i < 7; i++) {
        brought.unshift(await bring(setting, state));
        // Three of one instant, and then one after the other.
        if (i > 2) clock.now += 10;
      }
      assert.deepEqual(await walk(client, { status: state, limit: 100 }), brought);
      for (const limit of [1, 2, 3, 7]) {
        const before = await walk(client, { status: state, limit: 100 });
        const late: string[] = [];
        clock.now += 10;
        const seen = await walk(other.client(id), { status: state, limit }, async () => late.push(await bring(setting, state)));
        assert.deepEqual(seen, before, `${limit} a page`);
        assert.equal(late.length, Math.ceil(before.length / limit) - 1);
      }
    });

  test(`${suite.name}: the pages of all tasks hold each once, the newest first, whatever state it is in`, async (t) => {
    const setting = await settle(suite, t);
    const { client, other, clock, id } = setting;
    await other.client(freshClient()).enqueue('T.Foreign');
    const brought: string[] = [];
    for (let round = 0; round < 2; round++)
      for (const state of Object.keys(INTO) as Reached[]) {
        brought.unshift(await bring(setting, state));
        if (round > 0) clock.now += 10;
        // The next claim by LIFO must not find it.
        if (state === 'queued') await client.cancel(brought[0] as string);
      }
    assert.deepEqual(await walk(client, { limit: 100 }), brought);
    for (const limit of [1, 5, 12]) {
      const before = await walk(client, { limit: 100 });
      assert.deepEqual(await walk(other.client(id), { limit }, () => client.enqueue('T.Later')), before, `${limit} a page`);
    }
  });

  filterTests(suite);
}

/** What a list of one state of one client must not show. */
async function bystanders(setting: Setting, state: Reached): Promise<void> {
  const { client, other } = setting;
  const stranger = other.client(freshClient());
  const foreign = await stranger.enqueue('T.Page', null, { priority: 1000 });
  await INTO[state]({ ...setting, client: stranger }, foreign.taskId);
  if (state === 'queued') await stranger.cancel(foreign.taskId);
  await (state === 'queued' ? client.cancel((await client.enqueue('T.Other')).taskId) : client.enqueue('T.Other'));
}

function filterTests(suite: Conformance): void {
  test(`${suite.name}: a list by type keeps to it over its pages: a category is itself, a pattern what is below it`, async (t) => {
    const { client } = await settle(suite, t);
    const brought = new Map<string, string[]>();
    for (let i = 0; i < 3; i++)
      for (const type of ['A', 'A.B', 'A.B.C', 'A.BC', 'Z.B']) brought.set(type, [(await client.enqueue(type)).taskId, ...(brought.get(type) ?? [])]);
    const newest = (...types: readonly string[]): string[] => types.flatMap((type) => brought.get(type) ?? []).toSorted((a, b) => (a < b ? 1 : -1));
    for (const [type, expected] of [
      ['A.B', newest('A.B')],
      ['A.*', newest('A.B', 'A.B.C', 'A.BC')],
      ['A.B.*', newest('A.B.C')],
      ['*', newest('A', 'A.B', 'A.B.C', 'A.BC', 'Z.B')],
      ['No.Such', []],
    ] as const)
      for (const status of [undefined, 'queued'] as const)
        assert.deepEqual(await walk(client, { type, limit: 2, ...(status === undefined ? {} : { status }) }), expected, `${type} ${status ?? ''}`);
    await assert.rejects(client.list({ type: 'A..B' }), { code: 'invalid_category' });
  });

  test(`${suite.name}: a list by metadata has the tasks with all of the pairs, in any state, page by page`, async (t) => {
    const setting = await settle(suite, t);
    const { client, other, queue, id } = setting;
    const stranger = other.client(freshClient());
    const brought: { taskId: string; metadata: Record<string, string>; type: string }[] = [];
    for (let i = 0; i < 12; i++) {
      const metadata = { order: String(i % 2), shop: ['a', 'b', ''][i % 3] as string };
      const type = i % 4 === 0 ? 'T.A' : 'T.B';
      await stranger.enqueue(type, null, { metadata });
      brought.unshift({ ...(await client.enqueue(type, null, { metadata })), metadata, type });
      setting.clock.now += 1;
    }
    await client.enqueue('T.A', null, { metadata: { order: 'other', unordered: '1' } });
    const expected = (metadata: Record<string, string>, type?: string): string[] =>
      brought
        .filter((task) => (type === undefined || type === task.type) && Object.entries(metadata).every(([key, value]) => task.metadata[key] === value))
        .map(({ taskId }) => taskId);
    for (const metadata of [{ order: '1' }, { shop: 'a' }, { shop: '' }, { order: '0', shop: 'b' }, { order: '2' }, { order: '1', absent: '1' }] as Record<
      string,
      string
    >[])
      for (const limit of [2, 100]) {
        assert.deepEqual(await walk(client, { metadata, limit }), expected(metadata), JSON.stringify(metadata));
        assert.deepEqual(await walk(queue.as({ role: 'admin', clientId: id }), { metadata, limit, type: 'T.A' }), expected(metadata, 'T.A'));
        assert.deepEqual(await walk(client, { metadata, limit, status: 'queued' }), expected(metadata));
        assert.deepEqual(await walk(client, { metadata, limit, status: 'leased' }), []);
      }
    assert.equal((await walk(client, { metadata: {} })).length, 13, 'no pair is no filter');
  });

  test(`${suite.name}: a list by metadata and state follows what is amended, ended and purged`, async (t) => {
    const { client, other, queue } = await settle(suite, t);
    const mine = async (filter: ListFilter = {}): Promise<string[]> => ids((await client.list({ metadata: { order: '7' }, ...filter })).items);
    const { taskId } = await client.enqueue('T.X', null, { metadata: { order: '6' } });
    assert.deepEqual(await mine(), []);
    await client.amend(taskId, { metadata: { order: '7', more: 'x' } });
    assert.deepEqual([await mine(), await mine({ status: 'queued' }), await mine({ status: 'completed' })], [[taskId], [taskId], []]);
    const worker = other.worker('w');
    await worker.fail(only(await worker.claim()), 'no', { retryInMs: 1000 });
    assert.deepEqual([await mine({ status: 'failed' }), await mine({ status: 'queued' })], [[taskId], []]);
    await client.cancel(taskId);
    assert.deepEqual([await mine(), await mine({ status: 'cancelled' })], [[taskId], [taskId]]);
    await queue.admin().purge(taskId);
    assert.deepEqual([await mine(), await mine({ status: 'cancelled' })], [[], []]);
  });

  test(`${suite.name}: who may not read metadata may not list by it, since the answer would tell it`, async (t) => {
    const { client, queue, id } = await settle(suite, t);
    await client.enqueue('T.X', null, { metadata: { secret: 'plum' } });
    const inside = queue.admin().inside(id, 'a ticket');
    for (const handle of [queue.admin(), inside]) {
      assert.deepEqual((await handle.list()).items[0]?.metadata, {});
      for (const metadata of [{ secret: 'plum' }, { secret: 'pear' }]) await assert.rejects(handle.list({ metadata }), { code: 'forbidden' });
    }
    const refused = (await queue.admin().securityEvents()).items.filter(({ action, outcome }) => action === 'task.list' && outcome === 'denied');
    assert.deepEqual(new Set(refused.map(({ clientId }) => clientId)), new Set([null, id]));
    assert.ok(refused.every(({ details }) => details['because'] === 'metadata'));
    for (const metadata of [{ '': 'x' }, { a: 'x'.repeat(257) }, { a: 1 }, 'a=b', Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v']))])
      await assert.rejects(client.list({ metadata: metadata as Record<string, string> }), { code: 'invalid_input' });
  });

  test(`${suite.name}: the platform's admin pages over every client, an admin of a client over its own`, async (t) => {
    const { client, other, queue, clock, id } = await settle(suite, t);
    const stranger = other.client(freshClient());
    const own: string[] = [];
    const all: string[] = [];
    for (let i = 0; i < 4; i++)
      for (const handle of [client, stranger]) {
        const { taskId } = await handle.enqueue('T.X');
        // Ids of two processes are in no order within a millisecond.
        clock.now += 1;
        all.unshift(taskId);
        if (handle === client) own.unshift(taskId);
      }
    for (const status of [undefined, 'queued'] as const) {
      const filter = { limit: 3, ...(status === undefined ? {} : { status }) };
      assert.deepEqual(
        (await walk(queue.admin(), filter)).filter((taskId) => all.includes(taskId)),
        all,
      );
      assert.deepEqual(await walk(queue.as({ role: 'admin', clientId: id }), filter), own);
    }
  });

  test(`${suite.name}: a cursor that no page answered, a state that is none and a limit out of bounds are refused`, async (t) => {
    const { client } = await settle(suite, t);
    await client.enqueue('T.X');
    for (const cursor of [
      '',
      'x',
      '1',
      '1.',
      `1.${'g'.repeat(36)}`,
      `${'9'.repeat(17)}.01890000-0000-7000-8000-000000000000`,
      `1.01890000-0000-7000-8000-000000000000' OR 1`,
    ])
      await assert.rejects(client.list({ cursor }), { code: 'invalid_input' }, cursor);
    await assert.rejects(client.list({ status: 'nonsense' as TaskState }), { code: 'invalid_input' });
    for (const limit of [0, 1001, 1.5, Number.NaN]) await assert.rejects(client.list({ limit }), { code: 'invalid_input' });
  });

  test(`${suite.name}: the log of a task and the security events are walked page by page`, async (t) => {
    const { client, other, queue, id } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const worker = other.worker('w');
    for (let i = 0; i < 4; i++) await worker.release(only(await worker.claim()));
    const whole = (await client.logs(taskId)).items;
    const pages: unknown[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await client.logs(taskId, { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      pages.push(...page.items);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    assert.deepEqual(pages, whole);
    assert.equal(whole.length, 9);
    const admin = queue.as({ role: 'admin', clientId: id });
    for (const pattern of ['A.*', 'B.*', 'C.*']) await admin.grants.create('w2', { clientId: id, pattern });
    const events = (await admin.securityEvents()).items;
    assert.equal(events.length, 3);
    const first = await admin.securityEvents({ limit: 2 });
    const second = await admin.securityEvents({ limit: 2, cursor: first.nextCursor ?? '' });
    assert.deepEqual([...first.items, ...second.items], events);
    assert.equal(second.nextCursor, null);
    for (const call of [() => client.logs(taskId, { cursor: '-1' }), () => admin.securityEvents({ cursor: 'x' })])
      await assert.rejects(call, { code: 'invalid_input' });
  });
}
