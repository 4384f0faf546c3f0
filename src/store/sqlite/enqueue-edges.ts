// The edges of an enqueue: parents are found among the stored tasks and in the same batch, which has them before their children.
import { edgeStateAt, noSuchParent, parentEnded } from '../../domain/dependencies.ts';
import { ok } from '../../domain/errors.ts';
import type { Result } from '../../domain/errors.ts';
import type { NewTask } from '../../domain/task.ts';
import { lendFrom } from './dependencies.ts';
import type { Batch } from './enqueue.ts';
import type { Row } from './statements.ts';

/** A parent that is stored has a number; one of the batch gets it with its row. */
interface Pending {
  readonly row: number;
  readonly parentNo: number | null;
  readonly parentRow: number | null;
  readonly position: number;
  readonly policy: string;
  readonly state: string;
}
export interface PendingEdges {
  /** Task id as it was given → its row in the batch, or the id that its idempotency key has already. */
  readonly rows: Map<string, number | string>;
  readonly pending: Pending[];
  /** Row → how many parents it waits for. */
  readonly blocked: [row: number, waiting: number][];
}

/** The parents of one task: how many it waits for, or why it can not be stored. The next row of the batch is the task's. */
export function resolveParents(batch: Batch, edges: PendingEdges, task: NewTask): Result<number> {
  const row = batch.rows.length;
  const { dependsOn } = task;
  const known = dependsOn.map(({ taskId }) => edges.rows.get(`${task.clientId} ${taskId}`));
  const ids = dependsOn.map(({ taskId }, i) => (typeof known[i] === 'string' ? known[i] : taskId));
  const found = new Map<number, { readonly parentNo: number; readonly outcome: string | null }>();
  if (known.some((one) => typeof one !== 'number') && dependsOn.length > 0)
    for (const [i, parentNo, outcome] of batch.engine.st.rows('parents_find', { client_id: task.clientId, task_ids: JSON.stringify(ids) }))
      found.set(i as number, { parentNo: parentNo as number, outcome: outcome as string | null });
  const mine: Pending[] = [];
  for (const [position, { policy }] of dependsOn.entries()) {
    const parentRow = known[position];
    const stored = found.get(position);
    const outcome = typeof parentRow === 'number' ? null : (stored?.outcome ?? null);
    if (typeof parentRow !== 'number' && stored === undefined) return noSuchParent(position);
    const state = edgeStateAt(outcome, policy);
    if (state === null) return parentEnded(position, outcome as string);
    mine.push({ row, parentNo: stored?.parentNo ?? null, parentRow: typeof parentRow === 'number' ? parentRow : null, position, policy, state });
  }
  edges.pending.push(...mine);
  const waiting = mine.filter(({ state }) => state === 'open').length;
  if (waiting > 0) edges.blocked.push([row, waiting]);
  edges.rows.set(`${task.clientId} ${task.taskId}`, row);
  return ok(waiting);
}

/** Places a batch of which some wait. `first` is the number of its first row. */
export function placeEdges(batch: Batch, edges: PendingEdges, first: number, actor: string | null, draws: number): void {
  const { engine, rows, now } = batch;
  const { st } = engine;
  const cell = (row: number, column: number): string | number | null => (rows[row] as Row)[column] as string | number | null;
  if (edges.pending.length > 0)
    st.insertMany(
      'dependency_add',
      edges.pending.map(({ row, parentNo, parentRow, position, policy, state }) => [
        cell(row, 0),
        parentNo ?? first + (parentRow as number),
        first + row,
        position,
        policy,
        state,
        cell(row, 3),
      ]),
    );
  if (edges.blocked.length > 0)
    st.insertMany(
      'blocked_add',
      edges.blocked.map(([row, waiting]) => [first + row, cell(row, 0), cell(row, 2), 0, waiting, cell(row, 14), cell(row, 15)]),
    );
  st.run('enqueue_ready_free', { first, now, draws });
  st.run('enqueue_delayed_free', { first, now });
  st.run('enqueue_log_free', { first, now, actor });
  st.run('enqueue_log_blocked', { first, now, actor });
  if (edges.blocked.length > 0)
    lendFrom(
      engine,
      edges.blocked.map(([row]) => first + row),
    );
}

/** A repeat of an idempotency key is the first task for those that wait for it. */
export function nameEarlier(edges: PendingEdges, task: NewTask, earlier: string): void {
  edges.rows.set(`${task.clientId} ${task.taskId}`, edges.rows.get(`${task.clientId} ${earlier}`) ?? earlier);
}
