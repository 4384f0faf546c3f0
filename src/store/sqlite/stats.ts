// Counts, rates and percentiles as the original defines them, for the bound clients; and the summary of the whole audit.
import { STATES } from '../../domain/lifecycle.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import { LIMITS } from '../../domain/limits.ts';
import type { AuditSummary, Counts, StoreScope } from '../store.ts';
import type { Reader } from './reads.ts';
import type { Row } from './statements.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function readCounts(reader: Reader, scope: StoreScope, now: number): Counts {
  reader.wall.bind({ clients: scope.clients });
  const { st } = reader;
  const byType = st.rows('counts_by_lane').map(([status, type, count]) => ({ status: status as TaskState, type: type as string, count: count as number }));
  const byStatus = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<TaskState, number>;
  for (const { status, count } of byType) byStatus[status] += count;
  const ended = (st.row('ended_since', { since: now - DAY_MS, hour: now - HOUR_MS }) as Row).map(Number);
  const [count, p50, p95, p99] = (st.row('run_times', { since: now - DAY_MS }) as Row).map((value) => Number(value ?? 0)) as [number, number, number, number];
  const workers = (st.row('worker_counts', { active: now - LIMITS.activeMs.default, stale: now - LIMITS.staleMs.default }) as Row).map(Number) as [
    number,
    number,
    number,
  ];
  return {
    byStatus,
    byType,
    oldestQueuedAtUtc: (st.row('oldest_ready')?.[0] as number | null | undefined) ?? null,
    ended: { completed: ended[0] ?? 0, deadLetter: ended[1] ?? 0, retried: ended[2] ?? 0, attempts: ended[3] ?? 0, completedLastHour: ended[4] ?? 0 },
    runMs: { p50, p95, p99, count },
    workers: { total: workers[0], active: workers[1], stale: workers[2] },
    nowUtc: now,
  };
}

/** From the audit's rows, whatever the places say. Reads everything: for the owner of the file. */
export function readAuditSummary(reader: Reader): AuditSummary {
  const totals = (reader.st.row('audit_totals') as Row).map((value) => Number(value ?? 0));
  const steps = (reader.st.row('audit_steps') as Row).map((value) => Number(value ?? 0));
  return {
    enqueued: totals[0] ?? 0,
    completed: steps[4] ?? 0,
    deadLetter: steps[5] ?? 0,
    cancelled: steps[6] ?? 0,
    lost: steps[3] ?? 0,
    duplicateStarts: steps[0] ?? 0,
    unexplainedDuplicates: steps[1] ?? 0,
    incompleteLogs: steps[2] ?? 0,
    clients: totals[1] ?? 0,
    categories: totals[2] ?? 0,
  };
}
