// A queue in which there is something of everything, and what its users see of it: taken before a move and after.
import type { ClaimedTask } from '../../src/domain/task.ts';
import type { Queue, WorkerHandle } from '../../src/index.ts';

export interface World {
  readonly clientKey: string;
  readonly workerKey: string;
  readonly held: readonly ClaimedTask[];
  /** Enqueued with the idempotency key `order-1` by acme. */
  readonly ordered: string;
}

export const WORKER = 'w1';
export const workerIn = (queue: Queue): WorkerHandle => queue.as({ role: 'worker', workerId: WORKER });
export const ORDER = { idempotencyKey: 'order-1', priority: 7 } as const;

export async function fill(queue: Queue): Promise<World> {
  const admin = queue.admin();
  for (const id of ['acme', 'globex', 'Ümläut'.normalize().replaceAll(/[^A-Za-z]/g, 'x')]) await admin.clients.create(id, { weight: id.length });
  // Its payloads are moved as they lie, and open in the new place.
  await admin.clients.encrypt('globex');
  await admin.clients.suspend('globex');
  await admin.clients.resume('globex');
  await admin.categories.set({ pattern: 'Mail.*', priority: 50, maxAttempts: 3, backoff: { initialMs: 1, maxMs: 1, multiplier: 1, jitter: 0 } });
  for (const clientId of ['acme', 'globex']) await admin.grants.create(WORKER, { clientId, pattern: 'Mail.*', attributes: { region: ['eu', 'us'] } });
  const { key: clientKey } = await admin.keys.create({ role: 'client', clientId: 'acme', name: 'billing', scopes: ['task.enqueue', 'task.get', 'task.list'] });
  const { key: workerKey } = await admin.keys.create({ role: 'worker', name: WORKER });
  await queue.authenticate('prismq_nobody_nothing').catch(() => undefined);
  await queue.secret('receipts');
  const acme = queue.client('acme');
  for (let i = 0; i < 12; i++)
    await queue
      .client(i % 2 === 0 ? 'acme' : 'globex')
      .enqueue('Mail.Send', { i }, { priority: 100 + (i % 3), compatibility: { region: i % 4 === 0 ? 'us' : 'eu' }, metadata: { batch: `b${i % 2}` } });
  await acme.enqueue('Mail.Later', null, { delayMs: 3_600_000, expiresAtUtc: Date.now() + 86_400_000, maxWaitMs: 5000, createdBy: 'someone' });
  const { taskId: cancelled } = await acme.enqueue('Mail.Never');
  await acme.cancel(cancelled, 'not wanted');
  const worker = workerIn(queue);
  await worker.register({
    capabilities: { categories: ['Mail.*'], attributes: { region: ['eu', 'us'] } },
    strategy: 'WEIGHTED_RANDOM',
    versions: { 'Mail.*': '2' },
  });
  const held = await worker.claim({ max: 8, leaseMs: 60_000 });
  const [first, second, third, fourth, ...rest] = held as [ClaimedTask, ClaimedTask, ClaimedTask, ClaimedTask, ...ClaimedTask[]];
  await worker.log(first, 'half way', { at: 0.5 });
  await worker.log(first, 'nearly');
  await worker.progress(first, { done: 0.5 });
  await worker.complete(first, { sent: true });
  await worker.fail(second, new Error('the other side is busy'), { retryInMs: 3_600_000 });
  await worker.fail(third, new Error('never again'), { retry: false });
  await worker.release(fourth);
  await admin.purge(third.taskId);
  const { taskId: ordered } = await acme.enqueue('Mail.Order', { text: 'grüße \u2028 "quoted" \\ \u0001', n: 1e21 }, ORDER);
  await acme.schedules.set('nightly', { everyMs: 3_600_000, type: 'Mail.Digest', payload: { at: 'night' } });
  await admin.inside('acme', 'a limit').limits.set('mails', { pattern: 'Mail.*', rate: 1000, perMs: 60_000 });
  await acme.enqueue('Mail.After', null, { dependsOn: [ordered] });
  await queue.system().seal();
  await acme.enqueue('Mail.Unsealed', {});
  return { clientKey, workerKey, held: rest, ordered };
}

/** What a user, an admin and an auditor see; nothing that a store numbers in its own way. */
export async function portrait(queue: Queue): Promise<unknown> {
  const admin = queue.admin();
  const clients = await admin.clients.list();
  const tasks = [];
  for (const { clientId } of clients) {
    const client = queue.client(clientId);
    for (const { taskId } of (await client.list({ limit: 1000 })).items) {
      const { leaseUntilUtc, ...task } = await client.get(taskId);
      tasks.push({ ...task, isLeased: leaseUntilUtc !== null, logs: (await client.logs(taskId)).items.map((entry) => ({ ...entry, logId: 0 })) });
    }
  }
  const heads = await admin.audit.heads();
  const { faults, rows, unsealed } = await admin.audit.verify({ anchors: heads });
  return {
    clients,
    tasks: tasks.toSorted((a, b) => (a.taskId < b.taskId ? -1 : 1)),
    counts: (await admin.stats()).byStatus,
    schedules: (await admin.schedules.list()).items,
    limits: await admin.limits.list(),
    workers: await admin.workers.list(),
    grants: await admin.grants.list(),
    keys: await admin.keys.list(),
    categories: await admin.categories.list(),
    // Within each client: over all of them the order of what happens in one millisecond is each engine's own.
    events: Object.groupBy(
      (await admin.securityEvents({ limit: 1000 })).items.map((event) => ({ ...event, eventId: 0 })),
      ({ clientId }) => clientId ?? '',
    ),
    secret: await queue.secret('receipts'),
    audit: { faults, rows, unsealed, heads },
  };
}
