// The database that every run begins with. Two clients have the same task ids in the same states (twins), so that a filter by client is
// never redundant with one by id; workers reach wide into one client and narrow into the other; every state is present.
import { DatabaseSync } from 'node:sqlite';
import type { EnqueueOptions, LeaseRef } from '../../../src/domain/task.ts';
import type { WorkerHandle } from '../../../src/service/handles.ts';
import { DAY, FLOOR_STEP, SECOND, START, openStage, taskIdOf } from './stage.ts';
import type { Stage, StatementSet } from './stage.ts';

export const CLIENTS = ['acme', 'beta'] as const;
export type ClientName = (typeof CLIENTS)[number];
/** When the acts begin: what is due or lapses by then, does. */
export const THEN = START + 2 * SECOND;
const HOUR = 3600 * SECOND;
const LATER: EnqueueOptions = { delayMs: HOUR };

/** Every twin by its name; the position is its number. */
const TWINS = [
  ...['oldDone', 'oldDead', 'oldDropped', 'purged'],
  ...['done', 'doneEmpty', 'doneByMixed', 'dead', 'deadThenDropped', 'diedLater', 'dropped', 'doneInAcme', 'doneInBeta', 'handedBack', 'failLater', 'failDue'],
  ...['later', 'due', 'expiresReady', 'expiresLater', 'blocked', 'blockedToo'],
  ...['held', 'heldToo', 'heldThird', 'heldByMixed', 'lapsed', 'lapsedThrice', 'tired'],
  ...['mail', 'digest', 'video', 'european', 'keyed'],
  // Rows of `ready` that a broken statement could have left: under the name of the other client, and twice.
  ...['astray', 'doubled'],
] as const;
export type Twin = (typeof TWINS)[number];
export const idOf = (twin: Twin): string => taskIdOf(TWINS.indexOf(twin) + 1);

/** Leases of tasks that exist in one client only, whose row names the other: what a broken statement could have left. */
export const BORROWED = { acme: taskIdOf(0x901), beta: taskIdOf(0x902) } as const;

export interface Fixture {
  readonly prepared: Uint8Array;
  /** The lease of a twin, current or ended. */
  lease(client: ClientName, twin: Twin, which?: 'first' | 'last'): LeaseRef;
  /** Of a borrowed task, as its client would name it. */
  borrowed(client: ClientName): LeaseRef;
}

export async function buildFixture(statements: StatementSet, ballast: boolean): Promise<Fixture> {
  const stage = openStage(null, START - 10 * DAY, statements);
  const { db, queue } = stage;
  try {
    const workers = await hire(stage);
    await longAgo(stage, workers);
    await lately(stage, workers);
    await now(stage);
    db.setAuthorizer(null);
    const leases = db.prepare(LEASES).all() as unknown as readonly (LeaseRef & object)[];
    const find = (clientId: ClientName, taskId: string, which: 'first' | 'last'): LeaseRef => {
      const own = leases.filter((lease) => lease.clientId === clientId && lease.taskId === taskId);
      const { leaseId = 'none' } = own.at(which === 'first' ? 0 : -1) ?? {};
      return { clientId, taskId, leaseId };
    };
    return {
      prepared: prepare(db, ballast),
      lease: (client, twin, which = 'last') => find(client, idOf(twin), which),
      borrowed: (client) => find(client, BORROWED[client], 'last'),
    };
  } finally {
    await queue.close();
  }
}

/** The database with what cannot be reached, made where no wall stands in the way. */
function prepare(db: DatabaseSync, ballast: boolean): Uint8Array {
  const open = new DatabaseSync(':memory:');
  try {
    open.deserialize(db.serialize());
    open.exec(ballast ? `${UNREACHABLE}${BALLAST}` : UNREACHABLE);
    return open.serialize();
  } finally {
    open.close();
  }
}

/** Every lease there was, the earlier first. */
const LEASES = `SELECT t.client_id AS clientId, t.task_id AS taskId, x.lease_id AS leaseId FROM tasks t JOIN (
  SELECT task_no, lease_id, claims FROM task_attempts UNION ALL SELECT task_no, lease_id, claims FROM finished UNION ALL SELECT task_no, lease_id, claims FROM leases) x ON x.task_no = t.task_no
  WHERE x.lease_id IS NOT NULL ORDER BY x.claims`;

interface Workers {
  readonly wide: WorkerHandle;
  readonly mixed: WorkerHandle;
}

/** `mixed` and `mirror` have a narrow grant in one client and a wide one in the other; `few` knows one type of one client. */
async function hire({ queue }: Stage): Promise<Workers> {
  for (const client of [...CLIENTS, 'halted', 'quiet']) await queue.admin().clients.create(client, { weight: client === 'beta' ? 2 : 1 });
  for (const [worker, clientId, pattern] of [
    ['mixed', 'acme', 'Mail.*'],
    ['mixed', 'acme', 'Held.*'],
    ['mixed', 'beta', '*'],
    ['mirror', 'beta', 'Mail.*'],
    ['mirror', 'acme', '*'],
    ['few', 'acme', 'Mail.Send'],
    ['almost', 'quiet', '*'],
    ['almost', 'acme', 'Mail.*'],
    ['almost', 'beta', 'Mail.*'],
    ['away', 'acme', 'Mail.Send'],
    ['away', 'beta', 'Mail.Send'],
  ] as const)
    await queue.admin().grants.create(worker, { clientId, pattern });
  for (const workerId of ['mixed', 'mirror', 'few', 'almost', 'away', 'gone']) await queue.as({ role: 'worker', workerId }).register();
  await queue.as({ role: 'worker', workerId: 'gone' }).beat('offline');
  const wide = queue.worker('wide');
  await wide.register({ capabilities: { attributes: { region: 'eu' } } });
  await queue.admin().categories.set({ pattern: 'Mail.*', priority: 50, maxAttempts: 3 });
  await queue.admin().categories.set({ pattern: 'Known.One', priority: 7 });
  await queue.admin().categories.set({ pattern: 'Borrowed.*', maxAttempts: 1 });
  for (const [pattern, initialMs] of [
    ['Held.*', 11_000],
    ['*', 77_000],
  ] as const)
    await queue.admin().categories.set({ pattern, backoff: { initialMs, maxMs: initialMs, multiplier: 1, jitter: 0 } });
  for (const clientId of CLIENTS) await queue.admin().keys.create({ role: 'client', clientId, name: `key of ${clientId}` });
  return { wide, mixed: queue.as({ role: 'worker', workerId: 'mixed' }) };
}

async function enqueue({ queue, ids }: Stage, twin: Twin, type: string, options: EnqueueOptions = {}): Promise<void> {
  for (const client of CLIENTS) {
    ids.next = TWINS.indexOf(twin) + 1;
    await queue.client(client).enqueue(type, { of: client, twin }, { metadata: { of: client }, ...options });
  }
}

/** Takes both twins in one claim, so that they share the lease id. */
async function take(worker: WorkerHandle, count: number, types: readonly string[], leaseMs = HOUR): Promise<readonly LeaseRef[]> {
  const taken = await worker.claim({ max: count, types, leaseMs, strategy: 'FIFO', fairness: 'none' });
  if (taken.length !== count) throw new Error(`the fixture wants ${count} of ${types.join()}, it got ${taken.length}`);
  return taken;
}

const each = async (leases: readonly LeaseRef[], act: (lease: LeaseRef) => Promise<unknown>): Promise<void> => {
  for (const lease of leases) await act(lease);
};

async function longAgo(stage: Stage, { wide }: Workers): Promise<void> {
  const { queue } = stage;
  await enqueue(stage, 'oldDone', 'Old.Done');
  await each(await take(wide, 2, ['Old.Done']), (lease) => wide.complete(lease, { of: lease.clientId }));
  await enqueue(stage, 'oldDead', 'Old.Dead');
  await each(await take(wide, 2, ['Old.Dead']), (lease) => wide.fail(lease, new Error(`old ${lease.clientId}`), { retry: false }));
  for (const twin of ['oldDropped', 'purged'] as const) await enqueue(stage, twin, 'Old.Dropped');
  for (const client of CLIENTS) {
    for (const twin of ['oldDropped', 'purged'] as const) await queue.client(client).cancel(idOf(twin), 'old');
    await queue.as({ role: 'admin', clientId: client }).purge(idOf('purged'));
  }
  await queue.as({ role: 'worker', workerId: 'away' }).beat('busy');
}

/** In the last hour: ends, and attempts that go on. */
async function lately(stage: Stage, { wide, mixed }: Workers): Promise<void> {
  stage.clock.now = START - 2 * HOUR;
  await enqueue(stage, 'done', 'Done.Early');
  await each(await take(wide, 2, ['Done.Early']), (lease) => wide.complete(lease, { of: lease.clientId }, { startedAfterMs: 0, runMs: 40 }));
  stage.clock.now = START - HOUR / 2;
  await enqueue(stage, 'doneEmpty', 'Done.Early');
  await each(await take(wide, 2, ['Done.Early']), (lease) => wide.complete(lease));
  await enqueue(stage, 'doneByMixed', 'Mail.Done');
  await each(await take(mixed, 2, ['Mail.Done']), (lease) => mixed.complete(lease, { of: lease.clientId }, { startedAfterMs: 0, runMs: 90 }));
  await enqueue(stage, 'diedLater', 'Died.Later');
  await each(await take(wide, 2, ['Died.Later']), (lease) => wide.fail(lease, new Error('broken'), { retryInMs: 0 }));
  await each(await take(wide, 2, ['Died.Later']), (lease) => wide.fail(lease, new Error('again'), { retry: false }));
  await endings(stage, wide);
}

async function endings(stage: Stage, wide: WorkerHandle): Promise<void> {
  const cancel = (lease: LeaseRef): Promise<unknown> => stage.queue.client(lease.clientId).cancel(lease.taskId, 'no use');
  const done = (client: ClientName) => (lease: LeaseRef) => (lease.clientId === client ? wide.complete(lease, 'done') : cancel(lease));
  const ends = {
    dead: (lease) => wide.fail(lease, new Error('broken'), { retry: false }),
    deadThenDropped: async (lease) => [await wide.fail(lease, new Error('broken'), { retry: false }), await cancel(lease)],
    dropped: cancel,
    doneInAcme: done('acme'),
    doneInBeta: done('beta'),
    handedBack: (lease) => wide.release(lease, { delayMs: 2 * HOUR }),
    failLater: (lease) => wide.fail(lease, new Error('later'), { retryInMs: 2 * HOUR }),
    failDue: (lease) => wide.fail(lease, new Error('due'), { retryInMs: HOUR / 2 + SECOND }),
  } as const satisfies Partial<Record<Twin, (lease: LeaseRef) => Promise<unknown>>>;
  for (const twin of Object.keys(ends) as (keyof typeof ends)[]) await enqueue(stage, twin, 'Ended.Work', { maxAttempts: 4 });
  const leases = await take(wide, 2 * Object.keys(ends).length, ['Ended.Work']);
  for (const twin of Object.keys(ends) as (keyof typeof ends)[])
    await each(
      leases.filter((lease) => lease.taskId === idOf(twin)),
      ends[twin],
    );
}

/** What is in hand and what waits. */
async function now(stage: Stage): Promise<void> {
  stage.clock.now = START;
  const { queue, ids } = stage;
  const [wide, mixed] = [queue.worker('wide'), queue.as({ role: 'worker', workerId: 'mixed' })];
  for (const twin of ['held', 'heldToo', 'heldThird', 'tired'] as const) await enqueue(stage, twin, 'Held.Work', { maxRunMs: 2 * HOUR });
  await each(await take(wide, 8, ['Held.Work']), async (lease) => {
    await wide.progress(lease, { of: lease.clientId });
    await wide.log(lease, `hello from ${lease.clientId}`);
  });
  await enqueue(stage, 'heldByMixed', 'Held.Mixed');
  await take(mixed, 2, ['Held.Mixed']);
  for (const twin of ['lapsed', 'lapsedThrice'] as const) await enqueue(stage, twin, 'Lapsing.Work');
  await take(wide, 4, ['Lapsing.Work'], SECOND);
  await enqueue(stage, 'later', 'Mail.Later', LATER);
  await enqueue(stage, 'due', 'Mail.Due', { delayMs: SECOND });
  await enqueue(stage, 'expiresReady', 'Mail.Expires', { ttlMs: SECOND });
  await enqueue(stage, 'expiresLater', 'Mail.Expires', { ...LATER, ttlMs: SECOND });
  for (const twin of ['blocked', 'blockedToo'] as const) await enqueue(stage, twin, 'Blocked.Work');
  await enqueue(stage, 'digest', 'Mail.Digest', { priority: 60, dueAtUtc: START + HOUR });
  await enqueue(stage, 'mail', 'Mail.Send', { priority: 50, dueAtUtc: START + 2 * HOUR });
  await enqueue(stage, 'video', 'Video.Cut', { priority: 1 });
  await enqueue(stage, 'european', 'Video.Cut', { priority: 2, compatibility: { region: 'eu' } });
  await enqueue(stage, 'keyed', 'Mail.Keyed', { priority: 70, idempotencyKey: 'k' });
  await enqueue(stage, 'astray', 'Astray.Work');
  await enqueue(stage, 'doubled', 'Doubled.Work');
  await queue.as({ role: 'worker', workerId: 'mirror' }).beat('ready');
  await queue.client('halted').enqueue('Mail.Send', 'of a client that is suspended', { priority: 1 });
  await queue.admin().clients.suspend('halted');
  for (const [client, number] of [
    ['acme', 0x901],
    ['beta', 0x902],
  ] as const) {
    ids.next = number;
    await queue.client(client).enqueue('Borrowed.Work', { of: client });
  }
  await take(wide, 2, ['Borrowed.Work']);
}

const noOf = (twin: Twin): string => `(SELECT task_no FROM tasks WHERE task_id = '${idOf(twin)}')`;

const PLACE = '(client_id, priority, task_no, lane_id, attempt, claims, releases, losses, draw)';

/** What no act of the public interface brings about, or only at length. */
const UNREACHABLE = `
  INSERT INTO blocked (task_no, client_id, lane_id, expires_at_utc) SELECT t.task_no, t.client_id, t.lane_id, CASE WHEN t.task_id = '${idOf('blockedToo')}' THEN ${START + SECOND} END
    FROM tasks t WHERE t.task_id IN ('${idOf('blocked')}', '${idOf('blockedToo')}');
  DELETE FROM ready WHERE task_no IN (SELECT task_no FROM blocked);
  UPDATE leases SET losses = 2 WHERE task_no IN ${noOf('lapsedThrice')};
  UPDATE leases SET releases = 20 WHERE task_no IN ${noOf('tired')};
  UPDATE leases SET client_id = CASE client_id WHEN 'acme' THEN 'beta' ELSE 'acme' END WHERE task_no IN (SELECT task_no FROM tasks WHERE task_id IN ('${BORROWED.acme}', '${BORROWED.beta}'));
  UPDATE ready SET client_id = CASE client_id WHEN 'acme' THEN 'beta' ELSE 'acme' END WHERE task_no IN ${noOf('astray')};
  INSERT INTO ready ${PLACE} SELECT client_id, 3, task_no, 999, 7, 0, 0, 0, 0 FROM ready WHERE task_no IN ${noOf('doubled')};
  INSERT INTO ready ${PLACE} SELECT CASE client_id WHEN 'acme' THEN 'beta' ELSE 'acme' END, 100, task_no, 999, 0, 0, 0, 0, 0 FROM ready WHERE task_no IN ${noOf('doubled')} AND priority = 100;
  INSERT INTO task_events (client_id, task_no, at_utc, event, from_status, to_status, actor) SELECT client_id, task_no, ${START}, e.value, 'queued', 'queued', 'nobody'
    FROM tasks JOIN json_each('["claim", "reprioritise", "claim"]') e WHERE task_id = '${idOf('astray')}';
  INSERT INTO task_messages (client_id, task_no, at_utc, attempt, message) SELECT client_id, task_no, ${START - 31 * DAY}, 1, 'of long ago' FROM tasks WHERE task_id = '${idOf('held')}';
  UPDATE clients SET draw_floor = ${FLOOR_STEP} * (SELECT count(*) FROM clients c WHERE c.client_id <= clients.client_id);
`;

/**
 * So many lanes that a worker which covers them is wide (of `almost`, whom a client with a backlog of what it may not take is in the
 * way), and that backlog.
 */
const BALLAST = `
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO lanes (client_id, type) SELECT 'quiet', 'Ballast.B' || i FROM n;
  INSERT INTO lanes (client_id, type) VALUES ('acme', 'Heavy.Work'), ('beta', 'Heavy.Work');
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
    INSERT INTO tasks (client_id, task_id, lane_id, priority, effective_priority, max_attempts, max_run_ms, run_after_utc, created_at_utc, payload)
    SELECT l.client_id, printf('01890000-0000-7000-8001-%012x', i), l.lane_id, 1, 1, 5, 1000, ${START}, ${START}, '1' FROM n JOIN lanes l ON l.type = 'Heavy.Work';
  INSERT INTO ready ${PLACE} SELECT t.client_id, 1, t.task_no, t.lane_id, 0, 0, 0, 0, 0 FROM tasks t JOIN lanes l ON l.lane_id = t.lane_id WHERE l.type = 'Heavy.Work';
  INSERT INTO capability_lanes (set_id, client_id, lane_id) SELECT w.set_id, l.client_id, l.lane_id FROM workers w JOIN lanes l ON l.client_id = 'quiet' OR (w.worker_id = 'wide' AND l.type = 'Heavy.Work') WHERE w.worker_id IN ('wide', 'almost');
`;
