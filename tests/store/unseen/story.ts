// What one client does while another does little or much, and everything that it, its admin, its auditor and its worker may look at:
// for tests that what they see is the same in both cases.
import type { AuditRecord, ExportHeader, Queue } from '../../../src/index.ts';

export const MINE = 'acme';
const OTHER = 'globex';

/** What the other client does between two steps of the first: nothing at 0. */
async function bustle(queue: Queue, volume: number): Promise<void> {
  // Time passes for both alike.
  await queue.system().tick();
  await queue.system().seal();
  if (volume === 0) return;
  const other = queue.client(OTHER);
  await other.enqueueMany(Array.from({ length: volume }, (_, n) => ({ type: `Other.T${n % 3}`, payload: n })));
  const worker = queue.as({ role: 'worker', workerId: 'other-worker' });
  for (const task of await worker.claim({ max: volume - 1 })) await (task.payload === '1' ? worker.fail(task, 'no') : worker.complete(task));
  await queue.admin().keys.create({ role: 'client', clientId: OTHER });
}

/** The same steps every time; the other client is there in any case, and active once. */
export async function story(queue: Queue, volume: number): Promise<{ readonly taskIds: readonly string[] }> {
  const admin = queue.admin();
  await admin.clients.create(OTHER);
  await admin.clients.create(MINE);
  await admin.grants.create('other-worker', { clientId: OTHER, pattern: '*' });
  await queue.as({ role: 'worker', workerId: 'other-worker' }).register({ capabilities: { categories: ['*'] } });
  await queue.client(OTHER).enqueue('Other.T0');
  await admin.grants.create('mine', { clientId: MINE, pattern: '*' });
  const between = (): Promise<void> => bustle(queue, volume);
  await between();
  const worker = queue.as({ role: 'worker', workerId: 'mine' });
  await worker.register({ capabilities: { categories: ['*'] } });
  const client = queue.client(MINE);
  const taskIds: string[] = [];
  for (let i = 0; i < 4; i++) {
    await between();
    taskIds.push((await client.enqueue(`Mine.T${i % 2}`, { i }, { metadata: { n: String(i) }, priority: 10 + i })).taskId);
    await between();
    await admin.keys.create({ role: 'client', clientId: MINE, name: `k${i}` });
    await queue.system().seal();
  }
  for (const [i, task] of (await worker.claim({ max: 3 })).entries()) {
    await between();
    await worker.progress(task, i);
    await worker.log(task, `step ${i}`);
    if (i === 0) await worker.complete(task, i);
    if (i === 1) await worker.fail(task, 'no', { retryInMs: 60_000 });
    await between();
  }
  await client.cancel(taskIds[3] as string);
  await between();
  await queue.client(MINE).enqueue('Mine.Late');
  return { taskIds };
}

async function collect<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) if (found.push(item) === count) break;
  return found;
}

async function pages<T>(read: (page: { limit: number; cursor?: string }) => Promise<{ items: readonly T[]; nextCursor: string | null }>): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await read({ limit: 2, ...(cursor === undefined ? {} : { cursor }) });
    found.push(page);
    cursor = page.nextCursor;
  }
  return found;
}

/** Events of the first client in the story. */
const EVENTS = 11;

/** Everything that is answered to the first client, by the name of what was asked. */
export async function looks(queue: Queue, taskIds: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const client = queue.client(MINE);
  const admin = queue.as({ role: 'admin', clientId: MINE });
  const auditor = queue.as({ role: 'auditor', clientId: MINE });
  const worker = queue.as({ role: 'worker', workerId: 'mine' });
  return {
    tasks: await pages((page) => client.list(page)),
    byStatus: await pages((page) => client.list({ ...page, status: 'queued' })),
    get: await Promise.all(taskIds.map((id) => client.get(id))),
    logs: await Promise.all(taskIds.map((id) => pages((page) => client.logs(id, page)))),
    stats: await client.stats(),
    events: await collect(client.events({ after: 0 }), EVENTS),
    resumed: await collect(client.events({ after: 3 }), EVENTS - 3),
    adminEvents: await collect(admin.events({ after: 0 }), EVENTS),
    adminStats: await admin.stats(),
    trail: await pages((page) => admin.audit.trail(page)),
    heads: await admin.audit.heads(),
    security: await pages((page) => admin.securityEvents(page)),
    keys: (await admin.keys.list()).toSorted((a, b) => (a.name ?? '').localeCompare(b.name ?? '')),
    grants: await admin.grants.list(),
    workers: await admin.workers.list(),
    auditorTrail: await pages((page) => auditor.audit.trail(page)),
    verdict: await auditor.audit.verify(),
    export: await collect(auditor.audit.export() as AsyncIterable<ExportHeader | AuditRecord>, 1000),
    inbox: await worker.inbox(),
    held: await worker.claim({ max: 5 }),
  };
}

/** Names and instants that differ from run to run, in the order in which they come. */
export function plain(value: unknown, startUtc: number): unknown {
  const names = new Map<string, string>();
  const named = (text: string): string => {
    let name = names.get(text);
    if (name === undefined) names.set(text, (name = `#${names.size}`));
    return name;
  };
  const near = (digits: string, start: number, unit: number): string =>
    Math.abs(Number(digits) - start) < 1e10 * unit ? String(Number(digits) - start) : digits;
  const raw = JSON.stringify(value);
  const keyIds = new Set([...raw.matchAll(/"(?:keyId|key_id)":"(\w+)"/g)].map(([, id]) => id as string));
  const text = raw
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, named)
    .replace(/"marks":"[0-9a-f]*"/g, '"marks":""')
    .replace(/\b[0-9a-f]{24,128}\b/g, named)
    .replace(/\b\w{11}\b/g, (word) => (keyIds.has(word) ? named(word) : word))
    .replace(/\b\d{16}\b/g, (digits) => near(digits, startUtc * 1000, 1000))
    .replace(/\b\d{13}\b/g, (digits) => near(digits, startUtc, 1));
  return JSON.parse(text);
}

/** A column as a list without an order: what is random in it is a star. */
export function plainColumn(values: readonly (string | null)[], column: string, startUtc: number): string[] {
  const starred = values.map((value) => {
    const bare = (value ?? '').replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{24,128}\b/g, '*');
    return column === 'object' || column === 'details' ? bare.replace(/\b\w{11}\b/g, '*') : bare;
  });
  return (plain(starred, startUtc) as string[]).toSorted();
}
