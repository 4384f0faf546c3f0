// Reads of clients and admins: one task, lists with their filters, logs. A list by status is driven from that state's own
// table and index; without a status it is a keyset on (client_id, task_id). The filters are a closed set of fragments.
import { patternRange } from '../../domain/category.ts';
import { ENDED } from '../../domain/lifecycle.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import type { LogEntry, Task } from '../../domain/task.ts';
import type { SlaFilter } from '../../domain/sla.ts';
import { SLA_OVER, clientOf, numberCursor, pageOf, pageOfTasks, parseCursor, readerOf } from '../pages.ts';
import { OPEN_COLUMNS, PRIVATE_COLUMNS, inboxOf, logOf, securityOf, taskOf } from '../rows.ts';
import type { InboxRow, SecurityRow, StorePage, StoreScope, TaskFilter } from '../store.ts';
import type { StatementClass } from './rights.ts';
import type { Params, Statements } from './statements.ts';
import type { Wall } from './wall.ts';

/** A connection to read on: the writer's, or the read-only one of a file. */
export interface Reader {
  readonly st: Statements;
  readonly wall: Wall;
}

/** Whose rights a scope reads with. */
export const classOf = (scope: StoreScope): StatementClass => readerOf(scope);
/** What the view does not have: looked up for the rows of a page alone. */
const LOOKED_UP: Readonly<Record<string, string>> = {
  parent_task_id: '(SELECT o.parent_task_id FROM walled.tasks o WHERE o.task_no = q.task_no)',
  waiting_for: '(SELECT o.waiting FROM walled.blocked o WHERE o.task_no = q.task_no)',
  sla: '(SELECT o.state FROM walled.task_sla o WHERE o.client_id = q.client_id AND o.task_no = q.task_no)',
};
const columnsOf = (cls: StatementClass): string =>
  (cls === 'platform' ? OPEN_COLUMNS : [...OPEN_COLUMNS, ...PRIVATE_COLUMNS]).map((column) => LOOKED_UP[column] ?? `q.${column}`).join(', ');

export function readTask(reader: Reader, scope: StoreScope, taskId: string): Task | null {
  reader.wall.bind({ clients: scope.clients });
  const cls = classOf(scope);
  const where = scope.clients === '*' ? `q.client_id IN (SELECT client_id FROM walled.clients)` : 'q.client_id = :client_id';
  const sql = `SELECT ${columnsOf(cls)} FROM shown.task_queue q WHERE ${where} AND q.id = :task_id AND q.purged_at_utc IS NULL`;
  const row = reader.st.composed(cls, sql, { task_id: taskId, client_id: clientOf(scope) })[0];
  return row === undefined ? null : taskOf(row, scope.raw === true);
}

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

export function readTasks(reader: Reader, scope: StoreScope, filter: TaskFilter): StorePage<Task> {
  reader.wall.bind({ clients: scope.clients });
  const cls = classOf(scope);
  const cursor = parseCursor(filter.cursor);
  const typed = typeFilter(filter.type);
  const labels = Object.entries(filter.metadata ?? {});
  const after = cursor !== null;
  const sql =
    filter.sla !== undefined
      ? slaSql(scope, filter.sla, filter.status, typed.sql, after)
      : labels.length > 0
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
  return pageOfTasks(rows, filter.limit, scope.raw === true);
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

/** By how tasks stand with their due time: driven from what was told of it, or for `met` from what completed. */
function slaSql(scope: StoreScope, sla: SlaFilter, status: TaskState | undefined, typed: string, after: boolean): string {
  const own = scope.clients === '*' ? '' : ' AND p.client_id = :client_id';
  const lanes = typed === '' ? '' : ` AND t.lane_id IN (${typed})`;
  const page = after ? ' AND (t.due_at_utc, t.task_id) < (:value, :id)' : '';
  const place = status === undefined ? '' : ` AND q.status = '${status}'`;
  const from =
    sla === 'met'
      ? `walled.finished p CROSS JOIN walled.tasks t ON t.task_no = p.task_no CROSS JOIN shown.task_queue q ON q.task_no = p.task_no WHERE p.status = 'completed' AND p.finished_at_utc <= t.due_at_utc`
      : `walled.task_sla p CROSS JOIN walled.tasks t ON t.task_no = p.task_no CROSS JOIN shown.task_queue q ON q.task_no = p.task_no WHERE p.state = '${sla}' AND q.status NOT IN (${SLA_OVER[sla]})`;
  return `SELECT t.task_no, t.due_at_utc AS sort FROM ${from}${own}${place}${lanes}${page} AND t.purged_at_utc IS NULL ORDER BY t.due_at_utc DESC, t.task_id DESC LIMIT :most`;
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
export function typeFilter(type: string | undefined): { readonly sql: string; readonly params: Params } {
  if (type === undefined) return { sql: '', params: {} };
  const range = patternRange(type);
  if (range.kind === 'all') return { sql: '', params: {} };
  if (range.kind === 'exact') return { sql: 'SELECT n.lane_id FROM walled.lanes n WHERE n.type = :type_from', params: { type_from: range.type } };
  return { sql: 'SELECT n.lane_id FROM walled.lanes n WHERE n.type >= :type_from AND n.type < :type_to', params: { type_from: range.from, type_to: range.to } };
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
  return pageOf(rows, page.limit, logOf, (entry) => entry.logId);
}

/** The audit outlives the task: an auditor reads that of a purged one too. */
function auditedClient(reader: Reader, scope: StoreScope, taskId: string): string | undefined {
  reader.wall.bind({ clients: scope.clients });
  return reader.st.row('client_of_task', { task_id: taskId })?.[0] as string | undefined;
}

export function readInbox(reader: Reader, scope: StoreScope, setId: number, limit: number): InboxRow[] {
  reader.wall.bind({ clients: '*', workerId: scope.workerId as string, setId });
  return reader.st.rows('inbox', { most: limit }).map(inboxOf);
}

export function readSecurity(reader: Reader, scope: StoreScope, page: { readonly limit: number; readonly cursor?: string }): StorePage<SecurityRow> {
  reader.wall.bind({ clients: scope.clients });
  const before = numberCursor(page.cursor, Number.MAX_SAFE_INTEGER);
  const most = page.limit + 1;
  const rows =
    scope.clients === '*' ? reader.st.rows('security_all', { before, most }) : reader.st.rows('security_of', { client_id: clientOf(scope), before, most });
  const { items, nextCursor } = pageOf(
    rows,
    page.limit,
    (row) => ({ at: row[0] as number, event: securityOf(row.slice(1)) }),
    ({ at }) => at,
  );
  return { items: items.map(({ event }) => event), nextCursor };
}
