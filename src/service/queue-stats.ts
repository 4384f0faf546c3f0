// The numbers of a queue, as they are answered. Types only.
import type { TaskState } from '../domain/lifecycle.ts';

export interface QueueStats {
  readonly total: number;
  readonly byStatus: Readonly<Record<TaskState, number>>;
  readonly byType: readonly { readonly type: string; readonly status: TaskState; readonly count: number }[];
  /** Seconds since the oldest task that is due was enqueued; null when none waits. */
  readonly oldestQueuedAgeSeconds: number | null;
  /** Over the last 24 h, of what ended: completed / total and dead_letter / total; 0 when nothing ended. */
  readonly successRate: number;
  readonly failureRate: number;
  /** Completed in the last hour, and per minute. */
  readonly throughput: { readonly lastHour: number; readonly perMinute: number };
  /** Over the last 24 h: share of ended tasks that took more than one attempt, and their mean number of attempts. */
  readonly retries: { readonly rate: number; readonly averageAttempts: number; readonly deadLetters: number };
  /** Run time of completed tasks of the last 24 h, ms, linear interpolation. */
  readonly runMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly count: number };
  /** Of the tasks with a due time that are kept: not done and short of time, not done in time, done in time. */
  readonly sla: { readonly atRisk: number; readonly breached: number; readonly met: number };
  readonly workers: { readonly total: number; readonly active: number; readonly stale: number };
}
