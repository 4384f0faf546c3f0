// Many tasks at once: a bounded look into one place of one client, the moves one after the other in one transaction, the family of
// some tasks over their edges.
import { QueueError } from '../../domain/errors.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { BulkFind, BulkFound, BulkItem, BulkMove, BulkRefusal } from '../bulk.ts';
import { clientOf } from '../pages.ts';
import type { StoreScope } from '../store.ts';
import type { Engine } from './engine.ts';
import { cancel, purge, reprioritise, requeue, stateOf } from './moves.ts';
import { classOf, typeFilter } from './reads.ts';
import type { Reader } from './reads.ts';

/** What a place is ordered by within a client, before the number of the task. */
const SORTS: Readonly<Record<string, string>> = { ready: 'p.priority', delayed: 'p.run_after_utc', finished: 'p.finished_at_utc' };

export function bulkFind(reader: Reader, scope: StoreScope, find: BulkFind): BulkFound {
  reader.wall.bind({ clients: scope.clients });
  const { place, state } = find.place;
  const sort = SORTS[place] ?? '0';
  const after = SORTS[place] === undefined ? 'p.task_no > :key' : `(${sort}, p.task_no) > (:sort, :key)`;
  const told = place === 'delayed' ? ` AND p.state = '${state}'` : place === 'finished' ? ` AND p.status = '${state}'` : '';
  const order = SORTS[place] === undefined ? 'p.task_no' : `${sort}, p.task_no`;
  const typed = typeFilter(find.type);
  const labels = Object.entries(find.metadata ?? {});
  const wanted = [
    ...(typed.sql === '' ? [] : [`x.lane_id IN (${typed.sql})`]),
    ...(find.createdBeforeUtc === undefined ? [] : ['t.created_at_utc < :before']),
    ...labels.map(
      (_, i) =>
        `EXISTS (SELECT 1 FROM walled.task_metadata m WHERE m.client_id = :client_id AND m.key = :key_${i} AND m.value = :value_${i} AND m.task_no = x.task_no)`,
    ),
    ...(find.error === undefined ? [] : [ERROR]),
  ];
  const sql = `SELECT x.sort, x.task_no, t.task_id, n.type, ${wanted.length === 0 ? '1' : wanted.join(' AND ')}
    FROM (SELECT ${sort} AS sort, p.task_no, p.lane_id FROM walled.${place} p WHERE p.client_id = :client_id${told} AND ${after} ORDER BY ${order} LIMIT :scan) x
    CROSS JOIN walled.tasks t ON t.task_no = x.task_no CROSS JOIN walled.lanes n ON n.lane_id = x.lane_id`;
  const pairs = Object.fromEntries(labels.flatMap(([key, value], i) => [[`key_${i}`, key] as const, [`value_${i}`, value] as const]));
  const rows = reader.st.composed(classOf(scope), sql, {
    client_id: clientOf(scope),
    sort: find.sort,
    key: find.key === '' ? 0 : Number(find.key),
    scan: find.scan,
    before: find.createdBeforeUtc ?? 0,
    error: (find.error ?? '').toLowerCase(),
    ...typed.params,
    ...pairs,
  });
  const items = rows.flatMap(([, , taskId, type, fits]): BulkItem[] => (fits === 1 ? [{ taskId: taskId as string, type: type as string, status: state }] : []));
  const last = rows.at(-1);
  return { items, last: rows.length < find.scan || last === undefined ? null : { sort: last[0] as number, key: String(last[1] as number) } };
}

/** The last failure, or why it was cancelled. `coalesce`: a filter answers yes or no. */
const ERROR = `coalesce((SELECT instr(lower(coalesce(a.error_kind, '') || ' ' || coalesce(a.error_message, '')), :error) > 0
  FROM walled.task_attempts a WHERE a.task_no = x.task_no AND a.error_message IS NOT NULL ORDER BY a.claims DESC LIMIT 1), 0) = 1`;

/** Each as if it were asked for alone; the transaction is that of the caller. */
export function bulkMove(engine: Engine, scope: StoreScope, { event, ids, only, reason, priority }: BulkMove): BulkRefusal[] {
  const one = (taskId: string): Refusal | null => {
    const state = only === null ? null : stateOf(engine, scope, taskId);
    if (only !== null && (state === null || !only.includes(state))) return { code: 'invalid_transition', message: 'it moved on since it was looked at' };
    if (event === 'cancel') return cancel(engine, scope, taskId, reason);
    if (event === 'requeue') return requeue(engine, scope, taskId);
    return event === 'purge' ? purge(engine, scope, taskId) : reprioritise(engine, scope, taskId, priority as number);
  };
  return ids.flatMap((taskId) => {
    const refusal = refusalOf(() => one(taskId));
    return refusal === null ? [] : [{ taskId, code: refusal.code, message: refusal.message }];
  });
}

/** A move that throws a refusal has changed nothing before. */
function refusalOf(act: () => Refusal | null): Refusal | null {
  try {
    return act();
  } catch (error) {
    if (error instanceof QueueError && error.code === 'parent_ended') return error;
    throw error;
  }
}

export function family(reader: Reader, scope: StoreScope, ids: readonly string[], most: number): string[] | null {
  reader.wall.bind({ clients: scope.clients });
  // Level by level: the longest way decides, so that parents stand before all their children.
  const sql = `WITH RECURSIVE f (task_no) AS (
      SELECT t.task_no FROM json_each(:ids) j CROSS JOIN walled.tasks t ON t.client_id = :client_id AND t.task_id = j.value
      UNION SELECT d.task_no FROM f CROSS JOIN walled.task_dependencies d ON d.client_id = :client_id AND d.parent_no = f.task_no LIMIT :most)
    SELECT t.task_id FROM f CROSS JOIN walled.tasks t ON t.task_no = f.task_no ORDER BY f.task_no`;
  const rows = reader.st.composed(classOf(scope), sql, { ids: JSON.stringify(ids), client_id: clientOf(scope), most: most + 1 });
  return rows.length > most ? null : rows.map(([taskId]) => taskId as string);
}
