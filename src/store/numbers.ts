// Rows of counts and of the audit as the port's numbers: the same for every engine.
import { STATES } from '../domain/lifecycle.ts';
import type { TaskState } from '../domain/lifecycle.ts';
import type { StoredRow } from './rows.ts';
import type { AuditSummary, Counts } from './store.ts';

const numbers = (row: StoredRow | undefined): number[] => (row ?? []).map((value) => Number(value ?? 0));

export interface CountRows {
  /** status, type, count. */
  readonly byType: readonly StoredRow[];
  readonly oldest: unknown;
  readonly ended: StoredRow | undefined;
  readonly runs: StoredRow | undefined;
  readonly workers: StoredRow | undefined;
  /** at risk, breached, met. */
  readonly sla: StoredRow | undefined;
}

export function countsOf(rows: CountRows, now: number): Counts {
  const byType = rows.byType.map(([status, type, count]) => ({ status: status as TaskState, type: type as string, count: count as number }));
  const byStatus = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<TaskState, number>;
  for (const { status, count } of byType) byStatus[status] += count;
  const ended = numbers(rows.ended);
  const [count = 0, p50 = 0, p95 = 0, p99 = 0] = numbers(rows.runs);
  const [atRisk = 0, breached = 0, met = 0] = numbers(rows.sla);
  const [total = 0, active = 0, stale = 0] = numbers(rows.workers);
  return {
    byStatus,
    byType,
    oldestQueuedAtUtc: (rows.oldest as number | null | undefined) ?? null,
    ended: { completed: ended[0] ?? 0, deadLetter: ended[1] ?? 0, retried: ended[2] ?? 0, attempts: ended[3] ?? 0, completedLastHour: ended[4] ?? 0 },
    runMs: { p50, p95, p99, count },
    workers: { total, active, stale },
    sla: { atRisk, breached, met },
    nowUtc: now,
  };
}

/** enqueued, completed, dead_letter, cancelled, unfinished, duplicate starts, unexplained, incomplete, clients, categories. */
export function summaryOf(row: StoredRow | undefined): AuditSummary {
  const [
    enqueued = 0,
    completed = 0,
    deadLetter = 0,
    cancelled = 0,
    lost = 0,
    duplicateStarts = 0,
    unexplainedDuplicates = 0,
    incompleteLogs = 0,
    clients = 0,
    categories = 0,
  ] = numbers(row);
  return { enqueued, completed, deadLetter, cancelled, lost, duplicateStarts, unexplainedDuplicates, incompleteLogs, clients, categories };
}
