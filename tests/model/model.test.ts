// Ten thousand commands against the queue and against the reference: the same answers, the same ends, and an audit that joins up.
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { test } from 'node:test';
import fc from 'fast-check';
import { QueueError } from '../../src/domain/errors.ts';
import type { TaskEvent } from '../../src/domain/lifecycle.ts';
import type { LeaseRef, Queue, WorkerHandle } from '../../src/index.ts';
import { opener } from '../store/opener.ts';
import { Reference } from './reference.ts';
import type { Beat, EndOptions, Ending, Grant, Lease, Order, Outcome, Policy, Wanted } from './reference.ts';

const CLIENTS = ['acme', 'globex'] as const;
const TYPES = ['Mail.Send', 'Mail.Digest', 'Video.Cut'] as const;
const GRANTS: Readonly<Record<string, readonly Grant[]>> = { wide: [{ clientId: '*', pattern: '*' }], narrow: [{ clientId: 'acme', pattern: 'Mail.*' }] };
const RUNS = opener.histories;
/** The same histories every time; others by PRISMQ_TEST_SEED. */
const SEED = Number(env['PRISMQ_TEST_SEED'] ?? 20_261_124);
const COMMANDS = 100;
const START = 1_800_000_000_000;
/** So many lanes of a third client put the wide worker on the path that scans instead of probing. */
const BALLAST = 260;
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

const client = fc.constantFrom(...CLIENTS);
const pick = fc.nat(1000);
const worker = fc.constantFrom('wide', 'narrow');
const leaseMs = fc.constantFrom(1000, 30_000);
const order = fc.constantFrom<Order>('PRIORITY', 'PRIORITY', 'FIFO', 'LIFO', 'DEADLINE');
const priority = fc.constantFrom(1, 50, 100, 1000);
const policy = fc.constantFrom<Policy>('cancel', 'cancel', 'ignore', 'wait');
const wanted: fc.Arbitrary<Wanted> = fc.record({
  type: fc.constantFrom(...TYPES),
  priority,
  delayMs: fc.constantFrom(0, 0, 40, 2000),
  // Nine leaves room for a task to lose three leases before its attempts are used up.
  maxAttempts: fc.constantFrom(1, 2, 3, 9),
  maxRunMs: fc.constantFrom(2000, 3_600_000, 3_600_000),
  ttlMs: fc.constantFrom(null, null, null, 1000, 5000),
  dueAtUtc: fc.constantFrom(null, START + 1000, START + 2000, START + 100_000),
  key: fc.option(fc.constantFrom('k1', 'k2', 'k3'), { freq: 4 }),
});
const ending = fc.record({
  op: fc.constant('end' as const),
  how: fc.constantFrom<Ending>('complete', 'fail', 'fail', 'release'),
  lease: fc.constantFrom('current', 'current', 'current', 'any'),
  by: fc.constantFrom('holder', 'holder', 'holder', 'other'),
  options: fc.constantFrom<EndOptions>({}, {}, { retry: false }, { retryInMs: 0 }, { retryInMs: 500, delayMs: 500 }),
  pick,
});
const change = fc.constantFrom({ payload: 2 }, { payload: 3, maxAttempts: 1 }, { maxAttempts: 4 }, { maxRunMs: 1000 });
const heartbeat = fc.record({
  op: fc.constant('heartbeat' as const),
  lease: fc.constantFrom('current', 'current', 'any'),
  by: fc.constantFrom('holder', 'holder', 'other'),
  leaseMs: fc.constantFrom(1000, 5000),
  pick,
});
const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant('enqueue' as const), client, wanted }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('depend' as const), client, wanted, parents: fc.array(pick, { minLength: 1, maxLength: 3 }), policy }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('bulk' as const),
      client,
      how: fc.constantFrom('cancel' as const, 'requeue' as const),
      type: fc.constantFrom(...TYPES),
    }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('claim' as const), worker, max: fc.integer({ min: 1, max: 3 }), leaseMs, order }) },
  { weight: 6, arbitrary: ending },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('cancel' as const), client, pick }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('requeue' as const), client, pick }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('reprioritise' as const), client, pick, priority }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('amend' as const), client, pick, change }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('purge' as const), client, pick }) },
  { weight: 2, arbitrary: heartbeat },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('advance' as const), ms: fc.constantFrom(1, 40, 999, 1000, 1000, 4000, 4000, 30_000, 8 * DAY_MS) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('tick' as const) }) },
);
type CommandOf<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Command = CommandOf<typeof command>;
type Of<Op extends Command['op']> = Extract<Command, { readonly op: Op }>;

interface Held {
  readonly ref: LeaseRef;
  readonly lease: Lease;
}
interface World {
  readonly queue: Queue;
  readonly clock: { now: number };
  readonly reference: Reference;
  readonly workers: Readonly<Record<string, WorkerHandle>>;
  readonly claims: Held[];
  /** What heartbeats came to. */
  readonly beats: Set<Beat>;
}

const ABSENT: Held = {
  ref: { clientId: 'acme', taskId: 'absent', leaseId: '0'.repeat(32) },
  lease: { key: 'absent', client: 'acme', taskId: 'absent', worker: 'wide', reservedAt: 0, until: 0 },
};

async function outcomeOf(doing: Promise<unknown>): Promise<Outcome> {
  try {
    await doing;
    return 'ok';
  } catch (error) {
    if (error instanceof QueueError) return error.code;
    throw error;
  }
}

const at = <T>(items: readonly T[], index: number): T | undefined => items[index % Math.max(1, items.length)];
const taskAt = (world: World, index: number): string => at([...world.reference.tasks.keys()], index) ?? 'absent';

async function enqueue({ queue, reference }: World, { client: owner, wanted: asked }: Of<'enqueue'>): Promise<void> {
  const { type, key, ttlMs, dueAtUtc, ...options } = asked;
  const expected = reference.expectEnqueue(owner, asked);
  const given = { ...(key === null ? {} : { idempotencyKey: key }), ...(ttlMs === null ? {} : { ttlMs }), ...(dueAtUtc === null ? {} : { dueAtUtc }) };
  const doing = queue.client(owner).enqueue(type, 1, { ...options, ...given });
  if (expected === 'idempotency_conflict') return assert.equal(await outcomeOf(doing), expected);
  const answer = await doing;
  assert.equal(answer.deduplicated, expected === 'again');
  if (expected === 'ok') return reference.enqueue(owner, asked, answer.taskId);
  const earlier = reference.earlier(owner, key);
  assert.deepEqual([answer.taskId, answer.status], [earlier?.taskId, earlier?.status]);
}

/** Waits for tasks of the same client mostly: another's are as good as absent. */
async function depend({ queue, reference }: World, { client: owner, wanted: asked, parents: picks, policy: rule }: Of<'depend'>): Promise<void> {
  const { type, key: _, ttlMs, dueAtUtc, ...options } = asked;
  const own = [...reference.tasks.values()].filter((task) => task.client === owner).map(({ taskId }) => taskId);
  const all = [...reference.tasks.keys()];
  const parents = [...new Set(picks.map((index) => at(index % 10 === 0 ? all : own, index) ?? 'absent'))];
  const given = { ...(ttlMs === null ? {} : { ttlMs }), ...(dueAtUtc === null ? {} : { dueAtUtc }) };
  const edges = reference.edgesTo(owner, parents, rule);
  const doing = queue.client(owner).enqueue(type, 1, { ...options, ...given, dependsOn: parents.map((taskId) => ({ taskId, policy: rule })) });
  if (typeof edges === 'string') return assert.equal(await outcomeOf(doing), edges);
  reference.enqueue(owner, { ...asked, key: null }, (await doing).taskId, edges);
}

/** One after the other in the order of the walk: what another of them ended is refused. */
async function bulk({ queue, reference }: World, { client: owner, how, type }: Of<'bulk'>): Promise<void> {
  const filter = { type, status: how === 'cancel' ? 'queued' : 'dead_letter' } as const;
  const ids = [...reference.tasks.values()]
    .filter((task) => task.client === owner && task.wanted.type === type && task.status === filter.status)
    .map(({ taskId }) => taskId);
  const { matched, moved } = await queue.client(owner).bulk(how, { filter });
  const outcomes = ids.map((taskId) => reference[how](owner, taskId));
  assert.deepEqual([matched, moved], [ids.length, outcomes.filter((outcome) => outcome === 'ok').length]);
}

async function claim(world: World, { worker: name, max, leaseMs: length, order: strategy }: Of<'claim'>): Promise<void> {
  const got = await (world.workers[name] as WorkerHandle).claim({ max, leaseMs: length, strategy, fairness: 'none' });
  const expected = world.reference.claim(name, GRANTS[name] ?? [], max, length, strategy);
  assert.deepEqual(
    got.map((task) => [task.taskId, task.priority, task.attempt, task.leaseUntilUtc, task.payload]),
    expected.map((task) => [task.taskId, task.priority, task.attempts, task.lease?.until, String(task.payload)]),
  );
  for (const [i, task] of expected.entries()) {
    const { clientId, taskId, leaseId } = got[i] as LeaseRef;
    world.claims.push({ ref: { clientId, taskId, leaseId }, lease: task.lease as Lease });
  }
}

/** A lease that was given once, the handle that asks for it and the worker's name. */
function leaseAt(
  world: World,
  { lease: which, by, pick: index }: Of<'end'> | Of<'heartbeat'>,
): Held & { readonly name: string; readonly handle: WorkerHandle } {
  const current = world.claims.filter(({ lease }) => world.reference.tasks.get(lease.taskId)?.lease?.key === lease.key);
  const held = at(which === 'current' && current.length > 0 ? current : world.claims, index) ?? ABSENT;
  const name = (held.lease.worker === 'wide') === (by === 'holder') ? 'wide' : 'narrow';
  return { ...held, name, handle: world.workers[name] as WorkerHandle };
}

async function end(world: World, asked: Of<'end'>): Promise<void> {
  const { ref, lease, name, handle } = leaseAt(world, asked);
  const { how, options } = asked;
  const { delayMs = 0, ...failing } = options;
  const doing =
    how === 'complete' ? handle.complete(ref, { n: 1 }) : how === 'fail' ? handle.fail(ref, new Error('broken'), failing) : handle.release(ref, { delayMs });
  assert.equal(await outcomeOf(doing), world.reference.end(name, lease, how, options));
}

async function beat(world: World, asked: Of<'heartbeat'>): Promise<void> {
  const { ref, lease, name, handle } = leaseAt(world, asked);
  const answer: Readonly<Record<Beat, readonly string[]>> = await handle.heartbeat([ref], asked.leaseMs);
  const expected: Record<Beat, string[]> = { extended: [], lost: [], cancelled: [], timedOut: [] };
  const came = world.reference.heartbeat(name, lease, asked.leaseMs);
  expected[came].push(ref.taskId);
  world.beats.add(came);
  assert.deepEqual(answer, expected);
}

async function step(world: World, asked: Command): Promise<void> {
  const { queue, reference, clock } = world;
  switch (asked.op) {
    case 'enqueue':
      return enqueue(world, asked);
    case 'depend':
      return depend(world, asked);
    case 'bulk':
      return bulk(world, asked);
    case 'claim':
      return claim(world, asked);
    case 'end':
      return end(world, asked);
    case 'cancel':
    case 'requeue': {
      const taskId = taskAt(world, asked.pick);
      return assert.equal(await outcomeOf(queue.client(asked.client)[asked.op](taskId)), reference[asked.op](asked.client, taskId));
    }
    case 'reprioritise': {
      const taskId = taskAt(world, asked.pick);
      const doing = queue.client(asked.client).reprioritise(taskId, asked.priority);
      return assert.equal(await outcomeOf(doing), reference.reprioritise(asked.client, taskId, asked.priority));
    }
    case 'amend': {
      const taskId = taskAt(world, asked.pick);
      return assert.equal(await outcomeOf(queue.client(asked.client).amend(taskId, asked.change)), reference.amend(asked.client, taskId, asked.change));
    }
    case 'purge': {
      const taskId = taskAt(world, asked.pick);
      const admin = queue.as({ role: 'admin', clientId: asked.client });
      return assert.equal(await outcomeOf(admin.purge(taskId)), reference.purge(asked.client, taskId));
    }
    case 'heartbeat':
      return beat(world, asked);
    case 'advance':
      clock.now = reference.now += asked.ms;
      return;
    case 'tick': {
      const { expired, buried, lapsed, purged } = await queue.system().tick();
      return assert.deepEqual({ expired, buried, lapsed, purged }, reference.tick());
    }
  }
}

/** Every task stands where the reference says; its log is the reference's, row for row, each from where the last one led. */
async function compare({ queue, reference }: World): Promise<void> {
  const auditor = queue.as({ role: 'auditor' });
  for (const task of reference.tasks.values()) {
    const { items } = await auditor.logs(task.taskId, { limit: 1000 });
    assert.deepEqual(
      items.map(({ event, fromStatus, toStatus }) => [event, fromStatus, toStatus]),
      task.log,
    );
    for (const [k, { fromStatus }] of items.entries()) assert.equal(fromStatus, k === 0 ? null : items[k - 1]?.toStatus);
    const doing = queue.client(task.client).get(task.taskId);
    if (task.status === 'purged') {
      assert.equal(await outcomeOf(doing), 'not_found');
      continue;
    }
    const { status, attempts, priority: has, releases, payload, maxAttempts, leaseUntilUtc, expiresAtUtc, waitingFor, effectivePriority } = await doing;
    if (task.status === 'blocked') assert.equal(waitingFor, task.edges.filter(({ state }) => state === 'open').length);
    if (['blocked', 'queued', 'failed', 'leased'].includes(task.status)) assert.equal(effectivePriority, reference.urgency(task));
    assert.deepEqual(
      { status, attempts, priority: has, releases, payload, maxAttempts, leaseUntilUtc, expiresAtUtc },
      {
        status: task.status,
        attempts: task.attempts,
        priority: task.priority,
        releases: task.releases,
        payload: task.payload,
        maxAttempts: task.maxAttempts,
        leaseUntilUtc: task.lease?.until ?? null,
        expiresAtUtc: task.expiresAt,
      },
    );
  }
  const { unexplainedDuplicates, incompleteLogs } = await queue.auditSummary();
  assert.deepEqual({ unexplainedDuplicates, incompleteLogs }, { unexplainedDuplicates: 0, incompleteLogs: 0 });
}

async function withWorld(ballast: boolean, act: (world: World) => Promise<void>): Promise<void> {
  const clock = { now: START };
  await using queue = await opener.open({ now: () => clock.now, random: () => 0.5, janitorMs: 0 });
  if (ballast) await queue.client('ballast').enqueueMany(Array.from({ length: BALLAST }, (_, i) => ({ type: `Ballast.B${i}`, delayMs: YEAR_MS })));
  const workers = Object.fromEntries(Object.entries(GRANTS).map(([name, grants]) => [name, queue.worker(name, grants)]));
  const world: World = { queue, clock, reference: new Reference(START), workers, claims: [], beats: new Set() };
  await act(world);
  await compare(world);
}

/** What the commands brought about, so that a generator that stops reaching a move fails too. */
const MOVES: readonly TaskEvent[] = [
  ...(['enqueue', 'claim', 'complete', 'fail', 'expire', 'release', 'retry', 'bury'] as const),
  ...(['unblock', 'cancel', 'lapse', 'requeue', 'reprioritise', 'amend', 'purge', 'at_risk', 'breach'] as const),
];

test(`${RUNS * COMMANDS} commands end as the reference says, and every log joins up`, async () => {
  let done = 0;
  const seen = new Set<TaskEvent>();
  const beats = new Set<Beat>();
  const commands = fc.array(command, { minLength: COMMANDS, maxLength: COMMANDS });
  const property = fc.asyncProperty(fc.boolean(), commands, (ballast, asked) =>
    withWorld(ballast, async (world) => {
      for (const [k, one] of asked.entries()) {
        await step(world, one).catch((cause: unknown) => {
          throw new Error(`command ${k} (${JSON.stringify(one)}): ${String(cause)}`, { cause });
        });
        done += 1;
      }
      for (const task of world.reference.tasks.values()) for (const [event] of task.log) seen.add(event);
      for (const one of world.beats) beats.add(one);
    }),
  );
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  assert.equal(done, RUNS * COMMANDS);
  assert.deepEqual(
    MOVES.filter((event) => !seen.has(event)),
    [],
  );
  // The rarest need as many histories as SQLite gets.
  if (RUNS >= 100) assert.deepEqual([...beats].toSorted(), ['cancelled', 'extended', 'lost', 'timedOut']);
});

const WANTED: Wanted = { type: 'Mail.Send', priority: 50, delayMs: 0, maxAttempts: 9, maxRunMs: 3_600_000, ttlMs: null, dueAtUtc: null, key: null };

for (const ballast of [false, true])
  test(`a task is handed back twenty times and no more, ${ballast ? 'among many lanes' : 'alone'}`, () =>
    withWorld(ballast, async (world) => {
      await step(world, { op: 'enqueue', client: 'acme', wanted: { ...WANTED, maxAttempts: 1 } });
      for (let k = 0; k < 21; k++) {
        await step(world, { op: 'claim', worker: k % 2 === 0 ? 'wide' : 'narrow', max: 1, leaseMs: 30_000, order: 'PRIORITY' });
        await step(world, { op: 'end', how: 'release', lease: 'current', by: 'holder', options: {}, pick: 0 });
      }
      const [task] = world.reference.tasks.values();
      assert.deepEqual([task?.status, task?.releases], ['leased', 20]);
    }));

const CLAIM: Command = { op: 'claim', worker: 'wide', max: 1, leaseMs: 1000, order: 'PRIORITY' };
const LOSE: readonly Command[] = [CLAIM, { op: 'advance', ms: 1000 }, { op: 'tick' }];
const FAIL: readonly Command[] = [CLAIM, { op: 'end', how: 'fail', lease: 'current', by: 'holder', options: { retryInMs: 0 }, pick: 0 }];

for (const [name, commands, status, attempts] of [
  ['a task whose worker is lost three times in a row is a dead letter with attempts to spare', [...LOSE, ...LOSE, ...LOSE], 'dead_letter', 3],
  ['a failure between two losses starts their count anew', [...LOSE, ...LOSE, ...FAIL, ...LOSE, ...LOSE], 'queued', 5],
] as const)
  test(name, () =>
    withWorld(false, async (world) => {
      await step(world, { op: 'enqueue', client: 'acme', wanted: WANTED });
      for (const one of commands) await step(world, one);
      const [task] = world.reference.tasks.values();
      assert.deepEqual([task?.status, task?.attempts], [status, attempts]);
    }),
  );
