// What a client holds of its schedules. Types only.
import type { Schedule, ScheduleInput } from '../domain/schedule.ts';
import type { EnqueueResult, Page } from './handles.ts';

/** Schedules of one client, each by its name. */
export interface ScheduleHandle {
  /** Makes it, or gives it another rule; what it fired before is not fired again. */
  set(name: string, schedule: ScheduleInput): Promise<Schedule>;
  get(name: string): Promise<Schedule>;
  /** By name; `limit` 1–1000, default 100. */
  list(page?: { readonly limit?: number; readonly cursor?: string }): Promise<Page<Schedule>>;
  /** The schedule goes; its tasks stay. */
  delete(name: string): Promise<void>;
  pause(name: string): Promise<Schedule>;
  /** Goes on with the next tick; what passed meanwhile is not made up for. */
  resume(name: string): Promise<Schedule>;
  /** Enqueues its task now, beside its ticks. */
  run(name: string): Promise<EnqueueResult>;
  /** Its next ticks, paused or not; `count` 1–100, default 10. */
  preview(name: string, count?: number): Promise<readonly number[]>;
}
