// What became of the tasks of one worker: counts for its summary, and an event for who listens.
import type { TaskState } from '../domain/lifecycle.ts';
import type { Settlement } from '../domain/task.ts';
import type { Held } from './held.ts';
import type { Report } from './report.ts';
import type { WorkerSummary } from './types.ts';

const COUNTED = { complete: 'completed', fail: 'failed', release: 'released' } as const satisfies Record<Settlement['op'], keyof WorkerSummary>;

export class Tally {
  readonly #report: Report;
  readonly #isHeard: boolean;
  readonly #counts: { -readonly [Name in keyof WorkerSummary]: number } = { claimed: 0, completed: 0, failed: 0, released: 0, lost: 0, cancelled: 0 };

  /** `isHeard`: somebody listens; accepted ends are for them alone, and most workers have nobody. */
  constructor(report: Report, isHeard: boolean) {
    this.#report = report;
    this.#isHeard = isHeard;
  }

  get summary(): WorkerSummary {
    return { ...this.#counts };
  }

  claimed(count: number): void {
    this.#counts.claimed += count;
  }

  ended(held: Held, item: Settlement, status: TaskState): void {
    this.#counts[COUNTED[item.op]] += 1;
    if (!this.#isHeard) return;
    const error = item.op === 'fail' ? { error: item.error } : {};
    this.#report({ type: 'ended', op: item.op, status, runMs: item.runMs ?? 0, ...error, ...namesOf(held) });
  }

  dropped(held: Held, cause: 'lease_lost' | 'cancelled', message: string): void {
    this.#counts[cause === 'cancelled' ? 'cancelled' : 'lost'] += 1;
    this.#report({ type: 'lost', cause, message, ...namesOf(held) });
  }
}

const namesOf = ({ task }: Held): { readonly taskId: string; readonly clientId: string; readonly taskType: string; readonly attempt: number } => ({
  taskId: task.taskId,
  clientId: task.clientId,
  taskType: task.type,
  attempt: task.attempt,
});
