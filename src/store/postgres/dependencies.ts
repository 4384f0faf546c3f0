// Who waits for whom, for clients and admins; and how the parents of a held task ended, for its holder.
import type { DependencyInfo, LeaseRef, ParentResult } from '../../domain/task.ts';
import { clientOf, numberCursor } from '../pages.ts';
import { edgeOf, parentOf } from '../rows.ts';
import type { Store, StorePage, StoreScope } from '../store.ts';
import { isTaskId } from './engine.ts';
import type { Engine } from './engine.ts';
import { compose, read, readTask } from './reads.ts';
import { asHolder, namesLease, oneLease } from './settle.ts';

type EdgePage = Parameters<Store['dependencies']>[2];
const FIRST = '00000000-0000-0000-0000-000000000000';

/** The columns of `edgeOf`; the first one is the cursor. */
function edgeSql(direction: EdgePage['direction']): string {
  const [own, other, cursor, more] =
    direction === 'parents'
      ? ['d.task_id', 'd.parent_id', 'd.position', 'd.position > CAST(:after AS integer)']
      : ['d.parent_id', 'd.task_id', 'd.task_id', 'd.task_id > CAST(:after AS uuid)'];
  return `SELECT ${cursor}, d.task_id, d.parent_id, d.policy, d.state, q.type, q.status FROM prismq.task_dependencies d
    CROSS JOIN LATERAL (SELECT v.type, v.status FROM prismq.task_queue_open v WHERE v.client_id = d.client_id AND v.id = ${other} OFFSET 0) q
    WHERE d.client_id = :client_id AND ${own} = CAST(:task_id AS uuid) AND ${more} ORDER BY ${cursor} LIMIT :most`;
}

export async function readDependencies(engine: Engine, scope: StoreScope, taskId: string, page: EdgePage): Promise<StorePage<DependencyInfo> | null> {
  const task = await readTask(engine, scope, taskId);
  if (task === null) return null;
  const parents = page.direction === 'parents';
  const after = parents ? numberCursor(page.cursor, -1) : page.cursor !== undefined && isTaskId(page.cursor) ? page.cursor : FIRST;
  const clientId = scope.clients === '*' ? task.clientId : clientOf(scope);
  const rows = await read(engine, scope, compose(edgeSql(page.direction)), { client_id: clientId, task_id: taskId, after, most: page.limit + 1 });
  return { items: rows.slice(0, page.limit).map(edgeOf), nextCursor: rows.length > page.limit ? String(rows[page.limit - 1]?.[0]) : null };
}

export async function readParents(
  engine: Engine,
  scope: StoreScope,
  lease: LeaseRef,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<StorePage<ParentResult> | null> {
  if (!namesLease(lease)) return null;
  const after = numberCursor(page.cursor, -1) + 1;
  const rows = await asHolder(engine, scope, [lease], 'lease_parents', { ...oneLease(lease), after, most: page.limit + 1 });
  if (rows.length === 0 && (await asHolder(engine, scope, [lease], 'lease_find', oneLease(lease))).length === 0) return null;
  return { items: rows.slice(0, page.limit).map(parentOf), nextCursor: rows.length > page.limit ? String(rows[page.limit - 1]?.[0]) : null };
}
