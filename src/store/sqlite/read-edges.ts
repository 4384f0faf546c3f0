// Who waits for whom, for clients and admins; and how the parents of a held task ended, for its holder.
import { clientOf, numberCursor, pageOf } from '../pages.ts';
import { edgeOf, parentOf } from '../rows.ts';
import type { Store, StorePage, StoreScope } from '../store.ts';
import type { DependencyInfo, LeaseRef, ParentResult } from '../../domain/task.ts';
import type { Engine } from './engine.ts';
import { classOf, readTask } from './reads.ts';
import type { Reader } from './reads.ts';

type EdgePage = Parameters<Store['dependencies']>[2];

/** The columns of `edgeOf`; the first one is the cursor. */
function edgeSql(direction: EdgePage['direction']): string {
  const [own, other, cursor] = direction === 'parents' ? ['d.task_no', 'd.parent_no', 'd.position'] : ['d.parent_no', 'd.task_no', 'd.task_no'];
  const more = direction === 'parents' ? 'd.position >= :after' : 'd.task_no > :after';
  return `SELECT ${cursor}, c.task_id, p.task_id, d.policy, d.state, q.type, q.status FROM walled.tasks t CROSS JOIN walled.task_dependencies d ON ${own} = t.task_no AND ${direction === 'parents' ? '+' : ''}d.client_id = t.client_id
    CROSS JOIN walled.tasks p ON p.task_no = d.parent_no CROSS JOIN walled.tasks c ON c.task_no = d.task_no CROSS JOIN shown.task_queue q ON q.task_no = ${other}
    WHERE t.client_id = :client_id AND t.task_id = :task_id AND ${more} ORDER BY ${cursor} LIMIT :most`;
}

export function readDependencies(reader: Reader, scope: StoreScope, taskId: string, page: EdgePage): StorePage<DependencyInfo> | null {
  const clientId = scope.clients === '*' ? readTask(reader, scope, taskId)?.clientId : clientOf(scope);
  if (clientId === undefined || readTask(reader, scope, taskId) === null) return null;
  const after = numberCursor(page.cursor, page.direction === 'parents' ? -1 : 0) + (page.direction === 'parents' ? 1 : 0);
  const rows = reader.st.composed(classOf(scope), edgeSql(page.direction), { client_id: clientId, task_id: taskId, after, most: page.limit + 1 });
  return edgePage(rows, page.limit);
}

/** The cursor is the first column of the last row. */
function edgePage(rows: readonly (readonly unknown[])[], limit: number): StorePage<DependencyInfo> {
  const last = rows[limit - 1];
  return { items: rows.slice(0, limit).map(edgeOf), nextCursor: rows.length > limit && last !== undefined ? String(last[0]) : null };
}

export function readParents(
  engine: Engine,
  scope: StoreScope,
  lease: LeaseRef,
  page: { readonly limit: number; readonly cursor?: string },
): StorePage<ParentResult> | null {
  const workerId = scope.workerId as string;
  const now = engine.now();
  const named = { client_id: lease.clientId, task_id: lease.taskId, lease_id: lease.leaseId, worker_id: workerId, now };
  engine.wall.bind({ clients: [lease.clientId], workerId });
  if (engine.st.row('lease_find', named) === undefined) return null;
  const after = numberCursor(page.cursor, -1) + 1;
  const rows = engine.st.rows('lease_parents', { ...named, after, most: page.limit + 1 });
  const positions = new Map<ParentResult, number>();
  return pageOf(
    rows,
    page.limit,
    (row) => {
      const parent = parentOf(row);
      positions.set(parent, row[0] as number);
      return parent;
    },
    (parent) => positions.get(parent) as number,
  );
}
