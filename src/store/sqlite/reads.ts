// Reads of clients and admins: one task, lists with their filters, logs. A list by status is driven from that state's own
// table and index; without a status it is a keyset on (client_id, task_id). The filters are a closed set of fragments.
import { patternRange } from '../../domain/category.ts';
import { refuse, unwrap } from '../../domain/errors.ts';
import { ENDED } from '../../domain/lifecycle.ts';
import type { TaskEvent, TaskState } from '../../domain/lifecycle.ts';
import { JsonText } from '../../domain/json-text.ts';
import type { Compatibility, Json, LogEntry, Task } from '../../domain/task.ts';
import type { InboxRow, SecurityRow, StorePage, StoreScope, TaskFilter } from '../store.ts';
import type { StatementClass } from './rights.ts';
import type { Params, Row, Statements } from './statements.ts';
import type { Wall } from './wall.ts';

/** A connection to read on: the writer's, or the read-only one of a file. */
export interface Reader {
  readonly st: Statements;
  readonly wall: Wall;
}

const OPEN_COLUMNS = [
  'id',
  'client_id',
  'type',
  'status',
  'priority',
  'effective_priority',
  'attempts',
  'max_attempts',
  'generation',
  'releases',
  'compatibility',
  'region',
  'format',
  'created_by',
  'traceparent',
  'locked_by',
  'created_at_utc',
  'updated_at_utc',
  'run_after_utc',
  'expires_at_utc',
  'due_at_utc',
  'max_run_ms',
  'reserved_at_utc',
  'lease_until_utc',
  'processing_started_utc',
  'finished_at_utc',
] as const;
const PRIVATE_COLUMNS = ['payload', 'result', 'error_message', 'progress', 'idempotency_key', 'metadata'] as const;

/** Whose rights a scope reads with: an admin of the platform sees no payload, nor does who is blind. */
export function classOf(scope: StoreScope): StatementClass {
  if (scope.blind === true) return 'platform';
  if (scope.role === 'admin') return scope.clients === '*' ? 'platform' : 'admin';
  return scope.role === 'auditor' ? 'auditor' : 'client';
}
const columnsOf = (cls: StatementClass): string =>
  (cls === 'platform' ? OPEN_COLUMNS : [...OPEN_COLUMNS, ...PRIVATE_COLUMNS]).map((column) => `q.${column}`).join(', ');

export function readTask(reader: Reader, scope: StoreScope, taskId: string): Task | null {
  reader.wall.bind({ clients: scope.clients });
  const cls = classOf(scope);
  const where = scope.clients === '*' ? `q.client_id IN (SELECT client_id FROM walled.clients)` : 'q.client_id = :client_id';
  const sql = `SELECT ${columnsOf(cls)} FROM shown.task_queue q WHERE ${where} AND q.id = :task_id AND q.purged_at_utc IS NULL`;
  const row = reader.st.composed(cls, sql, { task_id: taskId, client_id: clientOf(scope) })[0];
  return row === undefined ? null : taskOf(row, scope.raw === true);
}

const clientOf = (scope: StoreScope): string => (scope.clients === '*' ? '*' : (scope.clients[0] ?? ''));

/** The rows of each state: where they are, and the order of a page (newest first). */
const PLACES: Readonly<Record<TaskState, { readonly from: string; readonly order: string }>> = {
  queued: {
    from: `(SELECT client_id, lane_id, task_no FROM walled.ready UNION ALL SELECT client_id, lane_id, task_no FROM walled.delayed WHERE state = 'queued')`,
    order: 'p.task_no',
  },
  failed: { from: `(SELECT client_id, lane_id, task_no FROM walled.delayed WHERE state = 'failed')`, order: 'p.task_no' },
  leased: { from: 'walled.leases', order: 'p.task_no' },
  blocked: { from: 'walled.blocked', order: 'p.task_no' },
  completed: { from: 'walled.finished', order: 'p.finished_at_utc' },
  dead_letter: { from: 'walled.finished', order: 'p.finished_at_utc' },
  cancelled: { from: 'walled.finished', order: 'p.finished_at_utc' },
};

/** A cursor is the sort value and the id of the last row of a page. */
function parseCursor(cursor: string | undefined): { readonly value: number; readonly id: string } | null {
  if (cursor === undefined) return null;
  const match = /^(\d{1,16})\.([0-9a-f-]{36})$/.exec(cursor);
  if (match === null)
    return unwrap(refuse('invalid_input', 'the cursor is not one that an earlier page answered', { fields: [{ field: 'cursor', message: 'not a cursor' }] }));
  return { value: Number(match[1]), id: match[2] as string };
}

export function readTasks(reader: Reader, scope: StoreScope, filter: TaskFilter): StorePage<Task> {
  reader.wall.bind({ clients: scope.clients });
  const cls = classOf(scope);
  const cursor = parseCursor(filter.cursor);
  const typed = typeFilter(filter.type);
  const labels = Object.entries(filter.metadata ?? {});
  const after = cursor !== null;
  const sql =
    labels.length > 0
      ? labelSql(labels.length, filter.status, typed.sql, after)
      : filter.status === undefined
        ? allSql(scope, typed.sql, after)
        : placeSql(scope, filter.status, typed.sql, after);
  const pairs = Object.fromEntries(labels.flatMap(([key, value], i) => [[`key_${i}`, key] as const, [`value_${i}`, value] as const]));
  const params: Params = { client_id: clientOf(scope), most: filter.limit + 1, value: cursor?.value ?? 0, id: cursor?.id ?? '', ...typed.params, ...pairs };
  const rows = reader.st.composed(
    cls,
    `SELECT k.sort, ${columnsOf(cls)} FROM (${sql}) k CROSS JOIN shown.task_queue q ON q.task_no = k.task_no ORDER BY k.sort DESC, q.id DESC`,
    params,
  );
  const page = rows.slice(0, filter.limit);
  const last = page.at(-1);
  return {
    items: page.map((row) => taskOf(row.slice(1), scope.raw === true)),
    nextCursor: rows.length > filter.limit && last !== undefined ? `${last[0] as number}.${last[1] as string}` : null,
  };
}

/** Without a status: by the key of tasks for one client, by creation for all. */
function allSql(scope: StoreScope, typed: string, after: boolean): string {
  const lanes = typed === '' ? '' : ` AND t.lane_id IN (${typed})`;
  const own = scope.clients === '*' ? '' : ' AND t.client_id = :client_id';
  const page = after ? ' AND (t.created_at_utc, t.task_id) < (:value, :id) AND t.task_id < :id' : '';
  return `SELECT t.task_no, t.created_at_utc AS sort FROM walled.tasks t WHERE t.purged_at_utc IS NULL${own}${lanes}${page} ORDER BY t.task_id DESC LIMIT :most`;
}

function placeSql(scope: StoreScope, status: TaskState, typed: string, after: boolean): string {
  const { from, order } = PLACES[status];
  const ended = from === 'walled.finished' ? ` AND p.status = '${status}'` : '';
  const own = scope.clients === '*' ? '' : ' AND p.client_id = :client_id';
  const lanes = typed === '' ? '' : ` AND p.lane_id IN (${typed})`;
  const sort = from === 'walled.finished' ? 'p.finished_at_utc' : 't.created_at_utc';
  const page = after ? ` AND (${sort}, t.task_id) < (:value, :id)` : '';
  return `SELECT p.task_no, ${sort} AS sort FROM ${from} p CROSS JOIN walled.tasks t ON t.task_no = p.task_no WHERE 1${own}${ended}${lanes}${page} ORDER BY ${order === 'p.task_no' ? 't.created_at_utc' : order} DESC, t.task_id DESC LIMIT :most`;
}

/** By metadata: driven from the index of its first pair; every other pair is a look-up, and so is where the task is. */
function labelSql(count: number, status: TaskState | undefined, typed: string, after: boolean): string {
  const pair = (i: number, table: string): string => `${table}.client_id = :client_id AND ${table}.key = :key_${i} AND ${table}.value = :value_${i}`;
  const others = Array.from(
    { length: count - 1 },
    (_, i) => ` AND EXISTS (SELECT 1 FROM walled.task_metadata o WHERE ${pair(i + 1, 'o')} AND o.task_no = m.task_no)`,
  );
  const place = status === undefined ? '' : ` AND q.status = '${status}'`;
  const lanes = typed === '' ? '' : ` AND t.lane_id IN (${typed})`;
  const sort = status !== undefined && ENDED.includes(status) ? 'q.finished_at_utc' : 'q.created_at_utc';
  const page = after ? ` AND (${sort}, q.id) < (:value, :id)` : '';
  return `SELECT m.task_no, ${sort} AS sort FROM walled.task_metadata m CROSS JOIN walled.tasks t ON t.task_no = m.task_no CROSS JOIN shown.task_queue q ON q.task_no = m.task_no
    WHERE ${pair(0, 'm')}${others.join('')} AND t.client_id = :client_id AND t.purged_at_utc IS NULL${place}${lanes}${page} ORDER BY sort DESC, q.id DESC LIMIT :most`;
}

/** The lanes that a category or pattern names. */
function typeFilter(type: string | undefined): { readonly sql: string; readonly params: Params } {
  if (type === undefined) return { sql: '', params: {} };
  const range = patternRange(type);
  if (range.kind === 'all') return { sql: '', params: {} };
  if (range.kind === 'exact') return { sql: 'SELECT n.lane_id FROM walled.lanes n WHERE n.type = :type_from', params: { type_from: range.type } };
  return { sql: 'SELECT n.lane_id FROM walled.lanes n WHERE n.type >= :type_from AND n.type < :type_to', params: { type_from: range.from, type_to: range.to } };
}

const parse = (text: unknown): Json => (text === null || text === undefined ? null : (JSON.parse(text as string) as Json));

/** The user's JSON as data, or as the text that it is. */
const given = (text: unknown, raw: boolean): Json => (raw && typeof text === 'string' ? (new JsonText(text) as unknown as Json) : parse(text));

function taskOf(row: Row, raw: boolean): Task {
  const open = {
    taskId: row[0] as string,
    clientId: row[1] as string,
    type: row[2] as string,
    status: row[3] as TaskState,
    priority: row[4] as number,
    effectivePriority: row[5] as number,
    attempts: row[6] as number,
    maxAttempts: row[7] as number,
    generation: row[8] as number,
    releases: row[9] as number,
    compatibility: parse(row[10]) as Compatibility,
    region: row[11] as string | null,
    format: row[12] as string | null,
    createdBy: row[13] as string | null,
    traceparent: row[14] as string | null,
    lockedBy: row[15] as string | null,
    createdAtUtc: row[16] as number,
    updatedAtUtc: row[17] as number,
    runAfterUtc: row[18] as number,
    expiresAtUtc: row[19] as number | null,
    dueAtUtc: row[20] as number | null,
    maxRunMs: row[21] as number,
    reservedAtUtc: row[22] as number | null,
    leaseUntilUtc: row[23] as number | null,
    processingStartedUtc: row[24] as number | null,
    finishedAtUtc: row[25] as number | null,
  };
  const metadata = (row[31] === undefined ? {} : (parse(row[31]) ?? {})) as Record<string, string>;
  const rest = {
    errorMessage: (row[28] as string | null | undefined) ?? null,
    progress: given(row[29], raw),
    idempotencyKey: (row[30] as string | null | undefined) ?? null,
    metadata,
  };
  return row.length > OPEN_COLUMNS.length ? { ...open, ...rest, payload: given(row[26], raw), result: given(row[27], raw) } : { ...open, ...rest };
}

export function readLogs(
  reader: Reader,
  scope: StoreScope,
  taskId: string,
  page: { readonly limit: number; readonly cursor?: string },
): StorePage<LogEntry> | null {
  const clientId = scope.role === 'auditor' ? auditedClient(reader, scope, taskId) : readTask(reader, scope, taskId)?.clientId;
  if (clientId === undefined) return null;
  const after = numberCursor(page.cursor, 0);
  const name = classOf(scope) === 'platform' ? 'logs_meta' : 'logs_of';
  const rows = reader.st.rows(name, { client_id: clientId, task_id: taskId, after, most: page.limit + 1 });
  const items = rows.slice(0, page.limit).map(logOf);
  return { items, nextCursor: rows.length > page.limit ? String(items.at(-1)?.logId) : null };
}

/** Rows of the audit that one look passes. */
const EVENT_WINDOW = 10_000;

export function readEvents(reader: Reader, scope: StoreScope, after: number | null, limit: number): { items: LogEntry[]; last: number } {
  reader.wall.bind({ clients: '*' });
  const end = (reader.st.row('events_last')?.[0] as number | null | undefined) ?? 0;
  if (after === null || after >= end) return { items: [], last: end };
  reader.wall.bind({ clients: scope.clients });
  const until = Math.min(end, after + EVENT_WINDOW);
  const params = { after, until, most: limit };
  const rows = scope.clients === '*' ? reader.st.rows('events_all', params) : reader.st.rows('events_of', { ...params, client_id: clientOf(scope) });
  const items = rows.map(logOf);
  return { items, last: items.length === limit ? (items.at(-1) as LogEntry).logId : until };
}

/** The audit outlives the task: an auditor reads that of a purged one too. */
function auditedClient(reader: Reader, scope: StoreScope, taskId: string): string | undefined {
  reader.wall.bind({ clients: scope.clients });
  return reader.st.row('client_of_task', { task_id: taskId })?.[0] as string | undefined;
}

function numberCursor(cursor: string | undefined, start: number): number {
  if (cursor === undefined) return start;
  if (!/^\d{1,15}$/.test(cursor))
    return unwrap(refuse('invalid_input', 'the cursor is not one that an earlier page answered', { fields: [{ field: 'cursor', message: 'not a cursor' }] }));
  return Number(cursor);
}

const logOf = (row: Row): LogEntry => ({
  logId: row[0] as number,
  taskId: row[1] as string,
  clientId: row[2] as string,
  atUtc: row[3] as number,
  level: row[4] as LogEntry['level'],
  message: row[5] as string,
  event: row[6] as TaskEvent,
  fromStatus: row[7] as TaskState | null,
  toStatus: row[8] as TaskState | null,
  actor: row[9] as string,
  attempt: row[10] as number | null,
  details: (parse(row[11]) ?? {}) as LogEntry['details'],
});

export function readInbox(reader: Reader, scope: StoreScope, setId: number, limit: number): InboxRow[] {
  reader.wall.bind({ clients: '*', workerId: scope.workerId as string, setId });
  return reader.st.rows('inbox', { most: limit }).map((row) => ({
    taskId: row[0] as string,
    clientId: row[1] as string,
    type: row[2] as string,
    priority: row[3] as number,
    attempts: row[4] as number,
    runAfterUtc: row[5] as number,
    compatibility: row[6] as string,
  }));
}

export function readSecurity(reader: Reader, scope: StoreScope, page: { readonly limit: number; readonly cursor?: string }): StorePage<SecurityRow> {
  reader.wall.bind({ clients: scope.clients });
  const before = numberCursor(page.cursor, Number.MAX_SAFE_INTEGER);
  const most = page.limit + 1;
  const rows =
    scope.clients === '*' ? reader.st.rows('security_all', { before, most }) : reader.st.rows('security_of', { client_id: clientOf(scope), before, most });
  const items = rows.slice(0, page.limit).map((row) => ({
    eventId: row[0] as number,
    atUtc: row[1] as number,
    actor: row[2] as string,
    action: row[3] as string,
    clientId: row[4] as string | null,
    object: row[5] as string | null,
    outcome: row[6] as SecurityRow['outcome'],
    details: row[7] as string | null,
  }));
  return { items, nextCursor: rows.length > page.limit ? String(items.at(-1)?.eventId) : null };
}
