// Many tasks at once: a bounded look into one place of one client, the moves in one statement, the family of some tasks over their edges.
import type { ErrorCode } from '../../domain/errors.ts';
import type { BulkFind, BulkFound, BulkItem, BulkMove, BulkRefusal } from '../bulk.ts';
import { clientOf } from '../pages.ts';
import type { StoreScope } from '../store.ts';
import { column } from './columns.ts';
import { call, isTaskId } from './engine.ts';
import type { Engine } from './engine.ts';
import { goOn } from './go-on.ts';
import { compose, read, typeFilter } from './reads.ts';

const SORTS: Readonly<Record<string, string>> = { ready: 'p.priority', finished: 'p.finished_at_utc' };
const FIRST = '00000000-0000-0000-0000-000000000000';

export async function bulkFind(engine: Engine, scope: StoreScope, find: BulkFind): Promise<BulkFound> {
  const { place, state } = find.place;
  const sort = SORTS[place];
  const after = sort === undefined ? 'p.task_id > CAST(:key AS uuid)' : `(${sort}, p.task_id) > (:sort, CAST(:key AS uuid))`;
  const told = place === 'delayed' ? ` AND p.state = '${state}'` : place === 'finished' ? ` AND p.status = '${state}'` : '';
  const order = sort === undefined ? 'p.task_id' : `${sort}, p.task_id`;
  const typed = typeFilter(find.type);
  const labels = Object.entries(find.metadata ?? {});
  const wanted = [
    ...(typed.sql === '' ? [] : [`(x.client_id, x.lane_no) IN (${typed.sql})`]),
    ...(find.createdBeforeUtc === undefined ? [] : ['t.created_at_utc < :before']),
    ...labels.map(
      (_, i) =>
        `EXISTS (SELECT FROM prismq.task_metadata m WHERE m.client_id = x.client_id AND m.task_id = x.task_id AND m.key = :key_${i} AND m.value = :value_${i})`,
    ),
    ...(find.error === undefined ? [] : [ERROR]),
  ];
  const sql = `SELECT x.sort, x.task_id, y.type, ${wanted.length === 0 ? 'true' : wanted.join(' AND ')}
    FROM (SELECT CAST(${sort ?? '0'} AS bigint) AS sort, p.client_id, p.task_id, p.lane_no FROM prismq.${place} p WHERE p.client_id = :client_id${told} AND ${after} ORDER BY ${order} LIMIT :scan) x
    CROSS JOIN LATERAL (SELECT t.created_at_utc FROM prismq.tasks t WHERE t.client_id = x.client_id AND t.task_id = x.task_id OFFSET 0) t
    CROSS JOIN LATERAL (SELECT n.type FROM prismq.lanes n WHERE n.client_id = x.client_id AND n.lane_no = x.lane_no OFFSET 0) y ORDER BY x.sort, x.task_id`;
  const pairs = Object.fromEntries(labels.flatMap(([key, value], i) => [[`key_${i}`, key] as const, [`value_${i}`, value] as const]));
  const rows = await read(engine, scope, compose(sql), {
    client_id: clientOf(scope),
    sort: find.sort,
    key: find.key === '' ? FIRST : find.key,
    scan: find.scan,
    before: find.createdBeforeUtc ?? 0,
    error: (find.error ?? '').toLowerCase(),
    ...typed.params,
    ...pairs,
  });
  const items = rows.flatMap(([, taskId, type, fits]): BulkItem[] =>
    fits === true ? [{ taskId: taskId as string, type: type as string, status: state }] : [],
  );
  const last = rows.at(-1);
  return { items, last: rows.length < find.scan || last === undefined ? null : { sort: last[0] as number, key: last[1] as string } };
}

/** The last failure. */
const ERROR = `coalesce((SELECT position(CAST(:error AS text) IN lower(coalesce(a.error_kind, '') || ' ' || coalesce(a.error_message, ''))) > 0
  FROM prismq.task_attempts a WHERE a.client_id = x.client_id AND a.task_id = x.task_id AND a.error_message IS NOT NULL ORDER BY a.claims DESC LIMIT 1), false)`;

const MESSAGES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  not_found: ['not_found', 'no task of this client has this id'],
  refused: ['invalid_transition', 'its state does not take this, or it moved on since it was looked at'],
  parent_ended: ['parent_ended', 'a task that it waited for did not complete and is gone: enqueue the work anew'],
};

export async function bulkMove(engine: Engine, scope: StoreScope, { event, ids, only, reason, priority }: BulkMove): Promise<BulkRefusal[]> {
  const refusal = (taskId: string, verdict: string): BulkRefusal => {
    const [code, message] = MESSAGES[verdict] ?? (MESSAGES['refused'] as (typeof MESSAGES)[string] & {});
    return { taskId, code, message };
  };
  const change = JSON.stringify({ ...(event === 'cancel' ? { reason } : {}), ...(priority === null ? {} : { priority }), ...(only === null ? {} : { only }) });
  const known = ids.filter(isTaskId);
  const rows = known.length === 0 ? [] : await call(engine, scope, 'bulk_moves', { task_ids: column(known), event, change });
  if (rows.some(([, , more]) => more === true)) goOn(engine);
  const refused = rows.flatMap(([taskId, verdict]) => (verdict === 'done' ? [] : [refusal(taskId as string, verdict as string)]));
  return [...refused, ...ids.filter((id) => !isTaskId(id)).map((id) => refusal(id, 'not_found'))];
}

export async function family(engine: Engine, scope: StoreScope, ids: readonly string[], most: number): Promise<string[] | null> {
  const sql = `WITH RECURSIVE f (task_id) AS (
      SELECT t.task_id FROM prismq.tasks t WHERE t.client_id = :client_id AND t.task_id = ANY (CAST(:ids AS uuid[]))
      UNION SELECT d.task_id FROM f JOIN prismq.task_dependencies d ON d.client_id = :client_id AND d.parent_id = f.task_id)
    SELECT x.task_id FROM (SELECT f.task_id FROM f LIMIT :most) x`;
  const rows = await read(engine, scope, compose(sql), { ids: column(ids.filter(isTaskId)) ?? '{}', client_id: clientOf(scope), most: most + 1 });
  return rows.length > most ? null : rows.map(([taskId]) => taskId as string);
}
