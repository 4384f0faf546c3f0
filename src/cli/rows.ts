// Objects of the library as rows for programs: snake_case, named as the columns of the database.
import type { GrantSpec, LogEntry, Task, WorkerInfo } from '../domain/task.ts';
import type { AuditReport, CategoryInfo, GrantInfo, QueueStats } from '../service/handles.ts';

export type JsonRow = Readonly<Record<string, unknown>>;

const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The names of the object itself; what its values hold is the user's and stays. */
export const row = (value: object): JsonRow => Object.fromEntries(Object.entries(value).map(([key, item]) => [snake(key), item]));

export function taskRow({ taskId, leaseUntilUtc, ...rest }: Task): JsonRow {
  return { id: taskId, ...row(rest), lease_until_utc: leaseUntilUtc };
}

export const logRow = (entry: LogEntry): JsonRow => row(entry);
export const workerRow = (worker: WorkerInfo): JsonRow => row(worker);
export const grantRow = ({ grantId, workerId, ...grant }: GrantInfo): JsonRow => ({
  grant_id: grantId,
  worker_id: workerId,
  ...row({ attributes: {}, ...grant }),
});
export const grantSpecRow = (grant: GrantSpec): JsonRow => row(grant);

export function categoryRow({ backoff, ...category }: CategoryInfo): JsonRow {
  return { ...row(category), backoff: backoff === null ? null : row(backoff) };
}

export function statsRow({ throughput, retries, runMs, byStatus, byType, workers, sla, ...rest }: QueueStats): JsonRow {
  return { ...row(rest), by_status: byStatus, by_type: byType, throughput: row(throughput), retries: row(retries), run_ms: runMs, workers, sla: row(sla) };
}

export function auditRow({
  enqueued,
  completed,
  deadLetter,
  cancelled,
  lost,
  duplicateStarts,
  unexplainedDuplicates,
  clients,
  categories,
}: AuditReport): JsonRow {
  return {
    enqueued,
    completed,
    dead_letter: deadLetter,
    cancelled,
    lost,
    duplicate_starts: duplicateStarts,
    unexplained_duplicates: unexplainedDuplicates,
    clients,
    categories,
  };
}

export const page = (items: readonly JsonRow[], nextCursor: string | null): JsonRow => ({ items, next_cursor: nextCursor });
