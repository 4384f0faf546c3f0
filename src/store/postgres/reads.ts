// Reads of clients and admins with the rights of their own login: one task, lists with their filters, logs, numbers. A list by
// status is driven from that state's own table and index. The filters are a closed set of fragments.
import { patternRange } from '../../domain/category.ts';
import { ENDED } from '../../domain/lifecycle.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import { LIMITS } from '../../domain/limits.ts';
import type { LogEntry, Task } from '../../domain/task.ts';
import { compileParams } from '../sql-files.ts';
import { countsOf } from '../numbers.ts';
import type { SlaFilter } from '../../domain/sla.ts';
import { SLA_OVER, clientOf, numberCursor, oneClient, pageOf, pageOfTasks, parseCursor, readerOf } from '../pages.ts';
import { OPEN_COLUMNS, PRIVATE_COLUMNS, inboxOf, logOf, securityOf, taskOf } from '../rows.ts';
import type { Counts, InboxRow, SecurityRow, StorePage, StoreScope, StreamPage, TaskFilter } from '../store.ts';
import { actingOf, classOf } from './acting.ts';
import { call, isTaskId } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Row } from './pool.ts';
import { statement } from './statements.ts';
import type { Params, Statement } from './statements.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const composed = new Map<string, Statement>();

/** A statement composed from constants, prepared once. */
export function compose(sql: string): Statement {
  let found = composed.get(sql);
  if (found === undefined) {
    const { sql: text, params } = compileParams(sql);
    composed.set(sql, (found = { name: `prismq_read_${composed.size}`, text: text.replace(/\?(\d+)/g, '$$$1'), params }));
  }
  return found;
}

export async function read(engine: Engine, scope: StoreScope, one: Statement, params: Params): Promise<Row[]> {
  const [rows] = await engine.pools[classOf(scope)].read(actingOf(scope), [{ statement: one, params }]);
  return rows as Row[];
}

interface Shape {
  readonly view: string;
  readonly columns: string;
}
const OPEN: Shape = { view: 'prismq.task_queue_open', columns: OPEN_COLUMNS.map((column) => `q.${column}`).join(', ') };
const WHOLE: Shape = { view: 'prismq.task_queue', columns: [...OPEN_COLUMNS, ...PRIVATE_COLUMNS].map((column) => `q.${column}`).join(', ') };
const shapeOf = (scope: StoreScope): Shape => (readerOf(scope) === 'client' || readerOf(scope) === 'admin' ? WHOLE : OPEN);

export async function readTask(engine: Engine, scope: StoreScope, taskId: string): Promise<Task | null> {
  if (!isTaskId(taskId)) return null;
  const { view, columns } = shapeOf(scope);
  const where = scope.clients === '*' ? 'q.client_id IN (SELECT c.client_id FROM prismq.clients c)' : 'q.client_id = :client_id';
  const [row] = await read(engine, scope, compose(`SELECT ${columns} FROM ${view} q WHERE ${where} AND q.id = :task_id AND q.purged_at_utc IS NULL`), {
    task_id: taskId,
    client_id: clientOf(scope),
  });
  return row === undefined ? null : taskOf(row, scope.raw === true);
}

/** The rows of each state: where they are, newest first. */
const PLACES: Readonly<Record<TaskState, readonly string[]>> = {
  queued: ['prismq.ready p WHERE true', `prismq.delayed p WHERE p.state = 'queued'`],
  failed: [`prismq.delayed p WHERE p.state = 'failed'`],
  leased: ['prismq.leases p WHERE true'],
  blocked: ['prismq.blocked p WHERE true'],
  completed: [`prismq.finished p WHERE p.status = 'completed'`],
  dead_letter: [`prismq.finished p WHERE p.status = 'dead_letter'`],
  cancelled: [`prismq.finished p WHERE p.status = 'cancelled'`],
};

export async function readTasks(engine: Engine, scope: StoreScope, filter: TaskFilter): Promise<StorePage<Task>> {
  const cursor = parseCursor(filter.cursor);
  const { view, columns } = shapeOf(scope);
  const typed = typeFilter(filter.type);
  const labels = Object.entries(filter.metadata ?? {});
  const after = cursor !== null;
  const inner =
    filter.sla !== undefined
      ? slaSql(view, scope, filter.sla, filter.status, typed.sql, after)
      : labels.length > 0
        ? labelSql(view, labels.length, filter.status, typed.sql, after)
        : filter.status === undefined
          ? allSql(scope, typed.sql, after)
          : placeSql(scope, filter.status, typed.sql, after);
  const pairs = Object.fromEntries(labels.flatMap(([key, value], i) => [[`key_${i}`, key] as const, [`value_${i}`, value] as const]));
  // Row by row of the page, and never the whole view for it: the planner does not know how short a page is.
  const sql = `SELECT k.sort, ${columns} FROM (${inner}) k CROSS JOIN LATERAL (SELECT * FROM ${view} v WHERE v.client_id = k.client_id AND v.id = k.task_id OFFSET 0) q ORDER BY k.sort DESC, q.id DESC`;
  const rows = await read(engine, scope, compose(sql), {
    client_id: clientOf(scope),
    most: filter.limit + 1,
    value: cursor?.value ?? 0,
    id: cursor?.id ?? '00000000-0000-0000-0000-000000000000',
    ...typed.params,
    ...pairs,
  });
  return pageOfTasks(rows, filter.limit, scope.raw === true);
}

/** By how tasks stand with their due time: driven from what was told of it, or for `met` from what completed. */
function slaSql(view: string, scope: StoreScope, sla: SlaFilter, status: TaskState | undefined, typed: string, after: boolean): string {
  const lanes = typed === '' ? '' : ` AND (t.client_id, t.lane_no) IN (${typed})`;
  const page = after ? ' AND (t.due_at_utc, t.task_id) < (:value, CAST(:id AS uuid))' : '';
  const place = status === undefined ? '' : ` AND q.status = '${status}'`;
  const task = 'JOIN prismq.tasks t ON t.client_id = p.client_id AND t.task_id = p.task_id';
  const whole = `${task} CROSS JOIN LATERAL (SELECT v.status FROM ${view} v WHERE v.client_id = p.client_id AND v.id = p.task_id OFFSET 0) q`;
  const from =
    sla === 'met'
      ? `prismq.finished p ${whole} WHERE p.status = 'completed' AND p.finished_at_utc <= t.due_at_utc`
      : `prismq.task_sla p ${whole} WHERE p.state = '${sla}' AND q.status NOT IN (${SLA_OVER[sla]})`;
  return `SELECT t.client_id, t.task_id, t.due_at_utc AS sort FROM ${from}${ownOf(scope, 'p')}${place}${lanes}${page} AND t.purged_at_utc IS NULL ORDER BY t.due_at_utc DESC, t.task_id DESC LIMIT :most`;
}

/** By metadata: driven from the index of its first pair; every other pair is a look-up, and so is where the task is. */
function labelSql(view: string, count: number, status: TaskState | undefined, typed: string, after: boolean): string {
  const pair = (i: number, table: string): string => `${table}.client_id = :client_id AND ${table}.key = :key_${i} AND ${table}.value = :value_${i}`;
  const others = Array.from(
    { length: count - 1 },
    (_, i) => ` AND EXISTS (SELECT FROM prismq.task_metadata o WHERE ${pair(i + 1, 'o')} AND o.task_id = m.task_id)`,
  );
  const place = status === undefined ? '' : ` AND q.status = '${status}'`;
  const lanes =
    typed === ''
      ? ''
      : ` AND q.type IN (SELECT n.type FROM prismq.lanes n WHERE (n.client_id, n.lane_no) IN (${typed.replaceAll('n.', 'y.').replace('lanes n', 'lanes y')}))`;
  const sort = status !== undefined && ENDED.includes(status) ? 'q.finished_at_utc' : 'q.created_at_utc';
  const page = after ? ` AND (${sort}, q.id) < (:value, CAST(:id AS uuid))` : '';
  return `SELECT q.client_id, q.id AS task_id, ${sort} AS sort FROM prismq.task_metadata m CROSS JOIN LATERAL (SELECT * FROM ${view} v WHERE v.client_id = m.client_id AND v.id = m.task_id OFFSET 0) q
    WHERE ${pair(0, 'm')}${others.join('')} AND q.purged_at_utc IS NULL${place}${lanes}${page} ORDER BY sort DESC, q.id DESC LIMIT :most`;
}

const ownOf = (scope: StoreScope, alias: string): string => (scope.clients === '*' ? '' : ` AND ${alias}.client_id = :client_id`);

/** Without a status: by the key of tasks, whose ids rise with time. */
function allSql(scope: StoreScope, typed: string, after: boolean): string {
  const page = after ? ' AND (t.created_at_utc, t.task_id) < (:value, CAST(:id AS uuid)) AND t.task_id < CAST(:id AS uuid)' : '';
  const lanes = typed === '' ? '' : ` AND (t.client_id, t.lane_no) IN (${typed})`;
  return `SELECT t.client_id, t.task_id, t.created_at_utc AS sort FROM prismq.tasks t WHERE t.purged_at_utc IS NULL${ownOf(scope, 't')}${lanes}${page} ORDER BY t.task_id DESC LIMIT :most`;
}

function placeSql(scope: StoreScope, status: TaskState, typed: string, after: boolean): string {
  const ended = PLACES[status][0]?.startsWith('prismq.finished') === true;
  const lanes = typed === '' ? '' : ` AND (p.client_id, p.lane_no) IN (${typed})`;
  const parts = PLACES[status].map((from) => {
    if (ended) {
      const page = after ? ' AND (p.finished_at_utc, p.task_id) < (:value, CAST(:id AS uuid))' : '';
      return `(SELECT p.client_id, p.task_id, p.finished_at_utc AS sort FROM ${from}${ownOf(scope, 'p')}${lanes}${page} ORDER BY p.finished_at_utc DESC, p.task_id DESC LIMIT :most)`;
    }
    const page = after ? ' AND p.task_id < CAST(:id AS uuid)' : '';
    return `(SELECT p.client_id, p.task_id, t.created_at_utc AS sort FROM (SELECT p.client_id, p.task_id FROM ${from}${ownOf(scope, 'p')}${lanes}${page} ORDER BY p.task_id DESC LIMIT :most) p
      JOIN prismq.tasks t ON t.client_id = p.client_id AND t.task_id = p.task_id)`;
  });
  return parts.length === 1 ? (parts[0] as string) : `SELECT x.* FROM (${parts.join(' UNION ALL ')}) x ORDER BY x.sort DESC, x.task_id DESC LIMIT :most`;
}

/** The lanes that a category or pattern names. */
export function typeFilter(type: string | undefined): { readonly sql: string; readonly params: Params } {
  const range = type === undefined ? { kind: 'all' as const } : patternRange(type);
  if (range.kind === 'all') return { sql: '', params: {} };
  const from = 'SELECT n.client_id, n.lane_no FROM prismq.lanes n';
  if (range.kind === 'exact') return { sql: `${from} WHERE n.type = :type_from`, params: { type_from: range.type } };
  return { sql: `${from} WHERE n.type >= :type_from AND n.type < :type_to`, params: { type_from: range.from, type_to: range.to } };
}

export async function readLogs(
  engine: Engine,
  scope: StoreScope,
  taskId: string,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<StorePage<LogEntry> | null> {
  const after = numberCursor(page.cursor, 0);
  if (!isTaskId(taskId)) return null;
  const clientId = scope.role === 'auditor' ? await auditedClient(engine, scope, taskId) : (await readTask(engine, scope, taskId))?.clientId;
  if (clientId === undefined) return null;
  const one = statement('logs_of');
  return pageOf(
    await read(engine, scope, one, { client_id: clientId, task_id: taskId, after, most: page.limit + 1 }),
    page.limit,
    logOf,
    (entry) => entry.logId,
  );
}

/** The audit outlives the task: an auditor reads that of a purged one too. */
async function auditedClient(engine: Engine, scope: StoreScope, taskId: string): Promise<string | undefined> {
  return (await read(engine, scope, statement('client_of_task'), { task_id: taskId }))[0]?.[0] as string | undefined;
}

/** What happened after a number of the client's chain, or after a place in the order over all. Numbers are given by a serialised step. */
export async function readEvents(engine: Engine, scope: StoreScope, after: number | null, limit: number): Promise<StreamPage> {
  await engine.number();
  const all = scope.clients === '*';
  if (after === null) {
    const [row] = all ? await call(engine, scope, 'events_last') : await read(engine, scope, statement('events_last_of'), { client_id: clientOf(scope) });
    return { items: [], last: (row?.[0] as number | undefined) ?? 0, more: false };
  }
  const rows = all
    ? await call(engine, scope, 'events_all', { after, most: limit })
    : await read(engine, scope, statement('events_of'), { client_id: clientOf(scope), after, most: limit });
  const items = rows.map((row) => ({ ...logOf(row.slice(1)), position: row[0] as number }));
  return { items, last: items.at(-1)?.position ?? after, more: items.length === limit };
}

export async function readInbox(engine: Engine, scope: StoreScope, limit: number): Promise<readonly InboxRow[]> {
  return (await read(engine, scope, statement('inbox'), { most: limit })).map(inboxOf);
}

export async function readSecurity(
  engine: Engine,
  scope: StoreScope,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<StorePage<SecurityRow>> {
  const all = scope.clients === '*';
  const { before, client } = securityCursor(page.cursor, all);
  const [rows] = await engine.pools.admin.read(actingOf(scope), [
    { statement: statement(all ? 'security_all' : 'security_of'), params: { client_id: clientOf(scope), before, client, most: page.limit + 1 } },
  ]);
  const items = (rows as Row[]).slice(0, page.limit).map(securityOf);
  const last = items.at(-1);
  if ((rows as Row[]).length <= page.limit || last === undefined) return { items, nextCursor: null };
  return { items, nextCursor: all ? `${last.eventId}.${last.clientId ?? ''}` : String(last.eventId) };
}

/** Ids are unique within a client: over all of them the client is part of the place. */
function securityCursor(cursor: string | undefined, all: boolean): { readonly before: number; readonly client: string } {
  const match = all && cursor !== undefined ? /^(\d{1,16})\.([A-Za-z0-9._-]{0,64})$/.exec(cursor) : null;
  return match === null ? { before: numberCursor(cursor, Number.MAX_SAFE_INTEGER), client: '' } : { before: Number(match[1]), client: match[2] as string };
}

export async function readCounts(engine: Engine, scope: StoreScope, now: number): Promise<Counts> {
  const since = now - DAY_MS;
  const own = { client_id: oneClient(scope) };
  const [byType, oldest, ended, runs, workers, sla] = (await engine.pools[classOf(scope)].read(actingOf(scope), [
    { statement: statement('counts_by_lane'), params: own },
    { statement: statement('oldest_ready'), params: own },
    { statement: statement('ended_since'), params: { ...own, since, hour: now - HOUR_MS } },
    { statement: statement('run_times'), params: { ...own, since } },
    { statement: statement('worker_counts'), params: { active: now - LIMITS.activeMs.default, stale: now - LIMITS.staleMs.default } },
    { statement: statement('sla_counts'), params: own },
  ])) as [Row[], Row[], Row[], Row[], Row[], Row[]];
  return countsOf({ byType, oldest: oldest[0]?.[0], ended: ended[0], runs: runs[0], workers: workers[0], sla: sla[0] }, now);
}
