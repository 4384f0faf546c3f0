// Counts, rates and percentiles as the original defines them, for the bound clients; and the summary of the whole audit.
import { LIMITS } from '../../domain/limits.ts';
import { countsOf } from '../numbers.ts';
import { oneClient } from '../pages.ts';
import type { AuditSummary, Counts, StoreScope } from '../store.ts';
import type { Reader } from './reads.ts';
import type { Row } from './statements.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function readCounts(reader: Reader, scope: StoreScope, now: number): Counts {
  reader.wall.bind({ clients: scope.clients });
  const { st } = reader;
  const own = { client_id: oneClient(scope) };
  return countsOf(
    {
      byType: st.rows('counts_by_lane', own),
      oldest: st.row('oldest_ready', own)?.[0],
      ended: st.row('ended_since', { ...own, since: now - DAY_MS, hour: now - HOUR_MS }),
      runs: st.row('run_times', { ...own, since: now - DAY_MS }),
      sla: st.row('sla_counts', own),
      workers: st.row('worker_counts', { active: now - LIMITS.activeMs.default, stale: now - LIMITS.staleMs.default }),
    },
    now,
  );
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
