// Ten thousand commands against the queue and against the reference: the same answers, the same ends, and an audit that joins up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QueueError } from '../../src/domain/errors.ts';
import type { TaskEvent } from '../../src/domain/lifecycle.ts';
import type { LeaseRef, Queue, WorkerHandle } from '../../src/index.ts';
import { opener } from '../store/opener.ts';
import { Reference } from './reference.ts';
import type { EndOptions, Ending, Grant, Lease, Outcome, Wanted } from './reference.ts';

const CLIENTS = ['acme', 'globex'] as const;
const TYPES = ['Mail.Send', 'Mail.Digest', 'Video.Cut'] as const;
const GRANTS: Readonly<Record<string, readonly Grant[]>> = { wide: [{ clientId: '*', pattern: '*' }], narrow: [{ clientId: 'acme', pattern: 'Mail.*' }] };
const RUNS = opener.histories;
const COMMANDS = 100;
const START = 1_800_000_000_000;
/** So many lanes of a third client put the wide worker on the path that scans instead of probing. */
const BALLAST = 260;
const YEAR_MS = 365 * 86_400_000;

const client = fc.constantFrom(...CLIENTS);
const pick = fc.nat(1000);
const worker = fc.constantFrom('wide', 'narrow');
const leaseMs = fc.constantFrom(1000, 30_000);
const priority = fc.constantFrom(1, 50, 100, 1000);
const wanted: fc.Arbitrary<Wanted> = fc.record({
  type: fc.constantFrom(...TYPES),
  priority,
  delayMs: fc.constantFrom(0, 0, 40, 2000),
  // Nine leaves room for a task to lose three leases before its attempts are used up.
  maxAttempts: fc.constantFrom(1, 2, 3, 9),
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
const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant('enqueue' as const), client, wanted }) },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('claim' as const), worker, max: fc.integer({ min: 1, max: 3 }), leaseMs }) },
  { weight: 6, arbitrary: ending },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('cancel' as const), client, pick }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('requeue' as const), client, pick }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('reprioritise' as const), client, pick, priority }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('advance' as const), ms: fc.constantFrom(1, 40, 999, 1000, 4000, 30_000) }) },
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
}

const ABSENT: Held = {
  ref: { clientId: 'acme', taskId: 'absent', leaseId: '0'.repeat(32) },
  lease: { key: 'absent', client: 'acme', taskId: 'absent', worker: 'wide', until: 0 },
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

async function enqueue({ queue, reference }: World, { client: owner, wanted: { type, key, ...options } }: Of<'enqueue'>): Promise<void> {
  const asked: Wanted = { type, key, ...options };
  const expected = reference.expectEnqueue(owner, asked);
  const doing = queue.client(owner).enqueue(type, { n: 1 }, { ...options, ...(key === null ? {} : { idempotencyKey: key }) });
  if (expected === 'idempotency_conflict') return assert.equal(await outcomeOf(doing), expected);
  const answer = await doing;
  assert.equal(answer.deduplicated, expected === 'again');
  if (expected === 'ok') return reference.enqueue(owner, asked, answer.taskId);
  const earlier = reference.earlier(owner, key);
  assert.deepEqual([answer.taskId, answer.status], [earlier?.taskId, earlier?.status]);
}

async function claim(world: World, { worker: name, max, leaseMs: length }: Of<'claim'>): Promise<void> {
  const got = await (world.workers[name] as WorkerHandle).claim({ max, leaseMs: length, strategy: 'PRIORITY', fairness: 'none' });
  const expected = world.reference.claim(name, GRANTS[name] ?? [], max, length);
  assert.deepEqual(
    got.map((task) => [task.taskId, task.priority, task.attempt, task.leaseUntilUtc]),
    expected.map((task) => [task.taskId, task.priority, task.attempts, task.lease?.until]),
  );
  for (const [i, task] of expected.entries()) {
    const { clientId, taskId, leaseId } = got[i] as LeaseRef;
    world.claims.push({ ref: { clientId, taskId, leaseId }, lease: task.lease as Lease });
  }
}

async function end(world: World, { how, lease: which, by, options, pick: index }: Of<'end'>): Promise<void> {
  const current = world.claims.filter(({ lease }) => world.reference.tasks.get(lease.taskId)?.lease?.key === lease.key);
  const { ref, lease } = at(which === 'current' && current.length > 0 ? current : world.claims, index) ?? ABSENT;
  const name = (lease.worker === 'wide') === (by === 'holder') ? 'wide' : 'narrow';
  const { delayMs = 0, ...failing } = options;
  const handle = world.workers[name] as WorkerHandle;
  const doing =
    how === 'complete' ? handle.complete(ref, { n: 1 }) : how === 'fail' ? handle.fail(ref, new Error('broken'), failing) : handle.release(ref, { delayMs });
  assert.equal(await outcomeOf(doing), world.reference.end(name, lease, how, options));
}

async function step(world: World, asked: Command): Promise<void> {
  const { queue, reference, clock } = world;
  switch (asked.op) {
    case 'enqueue':
      return enqueue(world, asked);
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
    case 'advance':
      clock.now = reference.now += asked.ms;
      return;
    case 'tick': {
      const { expired, buried } = await queue.system().tick();
      return assert.deepEqual({ expired, buried }, reference.tick());
    }
  }
}

/** Every task stands where the reference says; its log is the reference's, row for row, each from where the last one led. */
async function compare({ queue, reference }: World): Promise<void> {
  for (const task of reference.tasks.values()) {
    const { status, attempts, priority: has, releases } = await queue.client(task.client).get(task.taskId);
    assert.deepEqual(
      { status, attempts, priority: has, releases },
      { status: task.status, attempts: task.attempts, priority: task.priority, releases: task.releases },
    );
    const { items } = await queue.client(task.client).logs(task.taskId, { limit: 1000 });
    assert.deepEqual(
      items.map(({ event, fromStatus, toStatus }) => [event, fromStatus, toStatus]),
      task.log,
    );
    for (const [k, { fromStatus }] of items.entries()) assert.equal(fromStatus, k === 0 ? null : items[k - 1]?.toStatus);
  }
  const { unexplainedDuplicates, incompleteLogs } = await queue.auditSummary();
  assert.deepEqual({ unexplainedDuplicates, incompleteLogs }, { unexplainedDuplicates: 0, incompleteLogs: 0 });
}

async function withWorld(ballast: boolean, act: (world: World) => Promise<void>): Promise<void> {
  const clock = { now: START };
  await using queue = await opener.open({ now: () => clock.now, random: () => 0.5, janitorMs: 0 });
  if (ballast) await queue.client('ballast').enqueueMany(Array.from({ length: BALLAST }, (_, i) => ({ type: `Ballast.B${i}`, delayMs: YEAR_MS })));
  const workers = Object.fromEntries(Object.entries(GRANTS).map(([name, grants]) => [name, queue.worker(name, grants)]));
  const world: World = { queue, clock, reference: new Reference(START), workers, claims: [] };
  await act(world);
  await compare(world);
}

/** What the commands brought about, so that a generator that stops reaching a move fails too. */
const MOVES: readonly TaskEvent[] = ['enqueue', 'claim', 'complete', 'fail', 'expire', 'release', 'retry', 'bury', 'cancel', 'requeue', 'reprioritise'];

test(`${RUNS * COMMANDS} commands end as the reference says, and every log joins up`, async () => {
  let done = 0;
  const seen = new Set<TaskEvent>();
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
    }),
  );
  await fc.assert(property, { numRuns: RUNS });
  assert.equal(done, RUNS * COMMANDS);
  assert.deepEqual(
    MOVES.filter((event) => !seen.has(event)),
    [],
  );
});

for (const ballast of [false, true])
  test(`a task is handed back twenty times and no more, ${ballast ? 'among many lanes' : 'alone'}`, () =>
    withWorld(ballast, async (world) => {
      await step(world, { op: 'enqueue', client: 'acme', wanted: { type: 'Mail.Send', priority: 50, delayMs: 0, maxAttempts: 1, key: null } });
      for (let k = 0; k < 21; k++) {
        await step(world, { op: 'claim', worker: k % 2 === 0 ? 'wide' : 'narrow', max: 1, leaseMs: 30_000 });
        await step(world, { op: 'end', how: 'release', lease: 'current', by: 'holder', options: {}, pick: 0 });
      }
      const [task] = world.reference.tasks.values();
      assert.deepEqual([task?.status, task?.releases], ['leased', 20]);
    }));

const CLAIM: Command = { op: 'claim', worker: 'wide', max: 1, leaseMs: 1000 };
const LOSE: readonly Command[] = [CLAIM, { op: 'advance', ms: 1000 }, { op: 'tick' }];
const FAIL: readonly Command[] = [CLAIM, { op: 'end', how: 'fail', lease: 'current', by: 'holder', options: { retryInMs: 0 }, pick: 0 }];

for (const [name, commands, status, attempts] of [
  ['a task whose worker is lost three times in a row is a dead letter with attempts to spare', [...LOSE, ...LOSE, ...LOSE], 'dead_letter', 3],
  ['a failure between two losses starts their count anew', [...LOSE, ...LOSE, ...FAIL, ...LOSE, ...LOSE], 'queued', 5],
] as const)
  test(name, () =>
    withWorld(false, async (world) => {
      await step(world, { op: 'enqueue', client: 'acme', wanted: { type: 'Mail.Send', priority: 50, delayMs: 0, maxAttempts: 9, key: null } });
      for (const one of commands) await step(world, one);
      const [task] = world.reference.tasks.values();
      assert.deepEqual([task?.status, task?.attempts], [status, attempts]);
    }),
  );
