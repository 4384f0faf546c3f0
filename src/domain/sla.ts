// How a task stands with its due time. The janitor tells the state of what is not done, each change with its event; how it ended is
// told by when it ended.
import type { TaskState } from './lifecycle.ts';

/** `at_risk` from the last fifth of the time on, `breached` from the due time on; `met` and `breached` of what completed. */
export const SLA_STATES = ['on_time', 'at_risk', 'breached', 'met'] as const;
export type SlaState = (typeof SLA_STATES)[number];

/** What a list may ask for. */
export const SLA_FILTERS = ['at_risk', 'breached', 'met'] as const;
export type SlaFilter = (typeof SLA_FILTERS)[number];

/** What the janitor told of a task that is not done. */
export type SlaTold = Exclude<SlaState, 'met'>;

interface Timed {
  readonly status: TaskState;
  readonly dueAtUtc: number | null;
  readonly finishedAtUtc: number | null;
}

/** Null: it has no due time, or nobody waits for it any more. */
export function slaOf({ status, dueAtUtc, finishedAtUtc }: Timed, told: SlaTold | null): SlaState | null {
  if (dueAtUtc === null || status === 'cancelled') return null;
  if (status === 'completed') return (finishedAtUtc ?? dueAtUtc) <= dueAtUtc ? 'met' : 'breached';
  return told ?? 'on_time';
}

/** What is told when the janitor looks at a row at its `next`; `next` null: no more. */
export function slaStep(
  row: { readonly dueAtUtc: number; readonly status: TaskState | null; readonly finishedAtUtc: number | null },
  now: number,
): { readonly state: SlaTold; readonly next: number | null; readonly event: 'at_risk' | 'breach' | null } {
  const isOver = now >= row.dueAtUtc;
  if (row.status === 'completed') {
    const isLate = (row.finishedAtUtc ?? now) > row.dueAtUtc;
    return { state: isLate ? 'breached' : 'on_time', next: null, event: null };
  }
  const event = row.status !== null ? null : isOver ? 'breach' : 'at_risk';
  return { state: isOver ? 'breached' : 'at_risk', next: isOver ? null : row.dueAtUtc, event };
}
