// Random histories that are played on both engines: what came of each command, every log, the numbers and the audit must be the same.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { QueueError, openQueue } from '../../src/index.ts';
import type { ClaimedTask, Queue } from '../../src/index.ts';
import { withClock } from './pair.ts';

const START = 1_800_000_000_000;
export const FIRST_SEED = 1000;
/** Of one history. */
export const COMMANDS = 100;

/** A queue on PostgreSQL with its clock, and what takes everything out of it. */
export interface Ours {
  readonly ours: Queue;
  readonly clock: { now: number };
  readonly empty: () => Promise<unknown>;
}

/** Plays the history of a seed on both. @throws AssertionError where they differ */
export async function compare({ ours, clock, empty }: Ours, seed: number): Promise<void> {
  const commands = fc.sample(fc.array(command, { minLength: COMMANDS, maxLength: COMMANDS }), { seed, numRuns: 1 })[0] as Command[];
  await empty();
  clock.now = START;
  const theirClock = { now: START };
  await using memory = await openQueue(':memory:', withClock(theirClock));
  const [mine, theirs] = await Promise.all([play(ours, clock, commands), play(memory, theirClock, commands)]);
  assert.deepEqual(mine, theirs, `history ${seed}`);
}

const command = fc.record({
  op: fc.constantFrom(
    'enqueue',
    'enqueue',
    'enqueue',
    'depend',
    'depend',
    'bulk',
    'claim',
    'claim',
    'complete',
    'fail',
    'release',
    'cancel',
    'requeue',
    'reprioritise',
    'amend',
    'purge',
    'advance',
    'tick',
    'heartbeat',
  ),
  client: fc.constantFrom('acme', 'globex'),
  worker: fc.constantFrom('one', 'two'),
  type: fc.constantFrom('Mail.Send', 'Mail.Digest', 'Video.Cut'),
  pick: fc.nat(50),
  number: fc.constantFrom(1, 5, 50, 100),
  ms: fc.constantFrom(0, 40, 1000, 31_000),
});
type Command = {
  readonly op: string;
  readonly client: string;
  readonly worker: string;
  readonly type: string;
  readonly pick: number;
  readonly number: number;
  readonly ms: number;
};

/** What came of each command, and the logs in the end; ids are told by the order of their making. */
async function play(queue: Queue, clock: { now: number }, commands: readonly Command[]): Promise<unknown> {
  const ids: { client: string; taskId: string }[] = [];
  const held: (ClaimedTask & { readonly worker: string })[] = [];
  const nameOf = (taskId: string): number => ids.findIndex((one) => one.taskId === taskId);
  const told: unknown[] = [];
  for (const asked of commands)
    told.push(
      await act(queue, clock, asked, ids, held, nameOf).catch((error: unknown) => (error instanceof QueueError ? error.code : Promise.reject(error as Error))),
    );
  const stories: unknown[] = [];
  for (const { client, taskId } of ids) {
    const task = await queue
      .client(client)
      .get(taskId)
      .catch(() => null);
    const { items } = task === null ? { items: [] } : await queue.client(client).logs(taskId, { limit: 1000 });
    stories.push([
      task?.status,
      task?.attempts,
      task?.priority,
      task?.releases,
      task?.runAfterUtc,
      task?.errorMessage,
      task?.payload,
      items.map((row) => [row.event, row.fromStatus, row.toStatus, row.actor, row.attempt, row.atUtc, named(row.details, nameOf)]),
      task?.effectivePriority,
      task?.waitingFor,
      await edgesOf(queue, client, taskId, nameOf),
    ]);
  }
  const stats = await queue.admin().stats();
  const audit = await queue.auditSummary();
  await queue.system().seal();
  const { faults, unsealed, rows } = await queue.admin().audit.verify();
  // How long each client's chain is: what is in it was compared task by task.
  const heads = (await queue.admin().audit.heads()).map(({ chain, clientId, seq }) => `${chain} ${clientId} ${seq}`).toSorted();
  return { told, stories, byStatus: stats.byStatus, byType: stats.byType, audit, sealed: { faults, unsealed, rows, heads } };
}

const ID = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** What names a task by its id names it by its number. */
const named = (details: unknown, nameOf: (taskId: string) => number): unknown => JSON.parse(JSON.stringify(details).replaceAll(ID, (id) => `#${nameOf(id)}`));

async function edgesOf(queue: Queue, client: string, taskId: string, nameOf: (taskId: string) => number): Promise<unknown> {
  const page = await queue
    .client(client)
    .dependencies(taskId)
    .catch(() => null);
  return page?.items.map(({ parentId, policy, state, status }) => [nameOf(parentId), policy, state, status]);
}

const POLICIES = ['cancel', 'ignore', 'wait'] as const;
const BULK = ['cancel', 'requeue', 'reprioritise'] as const;
const FILTERS = [
  { status: 'blocked' },
  { type: 'Mail.*' },
  { status: 'dead_letter' },
  { status: 'cancelled' },
  { type: 'Video.Cut', status: 'queued' },
  { error: 'BROKEN' },
] as const;

async function act(
  queue: Queue,
  clock: { now: number },
  asked: Command,
  ids: { client: string; taskId: string }[],
  held: (ClaimedTask & { readonly worker: string })[],
  nameOf: (taskId: string) => number,
): Promise<unknown> {
  const client = queue.client(asked.client);
  const worker = queue.worker(asked.worker);
  const own = ids[asked.pick % Math.max(1, ids.length)]?.taskId ?? '01890000-0000-7000-8000-000000000000';
  const lease = held[asked.pick % Math.max(1, held.length)];
  switch (asked.op) {
    case 'enqueue': {
      const keyed = asked.pick % 5 === 0 ? { idempotencyKey: `k${asked.number}` } : {};
      const made = await client.enqueue(
        asked.type,
        { n: asked.number },
        { priority: asked.number, delayMs: asked.ms, maxAttempts: 1 + (asked.pick % 3), ...keyed },
      );
      if (!made.deduplicated) ids.push({ client: asked.client, taskId: made.taskId });
      return [nameOf(made.taskId), made.status, made.deduplicated];
    }
    case 'depend': {
      const parents = [own, ids[(asked.pick * 7 + 3) % Math.max(1, ids.length)]?.taskId].filter(
        (id, i, all): id is string => id !== undefined && all.indexOf(id) === i,
      );
      const dependsOn = parents.map((taskId, i) => ({ taskId, policy: POLICIES[(asked.pick + i) % 3] as (typeof POLICIES)[number] }));
      const made = await client.enqueue(asked.type, { n: asked.number }, { priority: asked.number, delayMs: asked.ms, dependsOn });
      ids.push({ client: asked.client, taskId: made.taskId });
      return [nameOf(made.taskId), made.status];
    }
    case 'bulk': {
      const event = BULK[asked.pick % 3] as (typeof BULK)[number];
      const filter = FILTERS[asked.pick % FILTERS.length] as (typeof FILTERS)[number];
      const dryRun = asked.pick % 5 === 0;
      const { matched, moved, refused, nextCursor } = await client.bulk(event, {
        filter,
        dryRun,
        ...(event === 'reprioritise' ? { priority: asked.number } : {}),
      });
      return [matched, moved, refused, nextCursor];
    }
    case 'claim': {
      const tasks = await worker.claim({ max: 1 + (asked.pick % 3), leaseMs: 1000 + asked.ms, fairness: 'none' });
      held.push(...tasks.map((task) => ({ ...task, worker: asked.worker })));
      return tasks.map((task) => [nameOf(task.taskId), task.attempt, task.priority, task.fence, task.leaseUntilUtc, task.payload]);
    }
    case 'complete':
      return lease === undefined ? null : worker.complete(lease, { n: 1 });
    case 'fail':
      return lease === undefined ? null : queue.worker(lease.worker).fail(lease, new Error('broken'), asked.pick % 4 === 0 ? { retry: false } : {});
    case 'release':
      return lease === undefined ? null : queue.worker(lease.worker).release(lease, { delayMs: asked.ms });
    case 'heartbeat': {
      if (lease === undefined) return null;
      const answer = await queue.worker(lease.worker).heartbeat([lease], 1000 + asked.ms);
      return Object.fromEntries(Object.entries(answer).map(([verdict, list]) => [verdict, (list as string[]).map(nameOf)]));
    }
    case 'cancel':
      return (await client.cancel(own, 'why')).status;
    case 'requeue':
      return (await client.requeue(own)).status;
    case 'reprioritise':
      return (await client.reprioritise(own, asked.number)).status;
    case 'amend':
      return (await client.amend(own, { payload: { amended: asked.number }, maxAttempts: 3 })).status;
    case 'purge':
      return queue.admin().purge(own);
    case 'tick':
      return queue.system().tick();
    default:
      return void (clock.now += asked.ms);
  }
}
