// The part of the port that keeps schedules: rows, and the firing of ticks together with what they enqueue.
import type { Refusal } from '../domain/errors.ts';
import { JsonText } from '../domain/json-text.ts';
import type { Missed, Schedule, ScheduleRule } from '../domain/schedule.ts';
import type { Json, NewTask } from '../domain/task.ts';
import type { StoredRow } from './rows.ts';
import type { StoreScope } from './store.ts';

export interface ScheduleRow extends ScheduleRule {
  readonly name: string;
  readonly type: string;
  /** JSON text. */
  readonly payload: string;
  readonly options: string;
  readonly missed: Missed;
  readonly paused: boolean;
}

/** A schedule whose next tick has come, or whose last look lies in the future: then the clock went back. */
export interface DueSchedule extends ScheduleRow {
  readonly clientId: string;
  readonly nextUtc: number;
  readonly lastUtc: number | null;
  readonly lookedAtUtc: number | null;
}

/** What one step does with a schedule: nothing at all unless its next tick still is `tickUtc`. */
export interface Firing {
  readonly clientId: string;
  readonly name: string;
  readonly tickUtc: number;
  readonly lastUtc: number | null;
  readonly nextUtc: number | null;
  readonly tasks: readonly NewTask[];
  /** Of a tick that makes no task: the code of the refusal. */
  readonly refusal: string | null;
}

export interface ScheduleStore {
  /** Makes it, or gives it another rule, with its security event; `nextUtc` null while it is paused. What it fired stays known. */
  set(scope: StoreScope, row: ScheduleRow, nextUtc: number | null, reason: string | null): Promise<Refusal | null>;
  get(scope: StoreScope, name: string): Promise<Schedule | null>;
  /** By client and name. */
  list(scope: StoreScope, page: { readonly limit: number; readonly after: readonly [clientId: string, name: string] }): Promise<readonly Schedule[]>;
  delete(scope: StoreScope, name: string, reason: string | null): Promise<boolean>;
  /** Nothing unless it is as it was read: false then. */
  pause(scope: StoreScope, seen: Schedule, paused: boolean, nextUtc: number | null, reason: string | null): Promise<boolean>;
  /** What its tasks are, for who may run it and not read it. */
  content(clientId: string, name: string): Promise<Pick<ScheduleRow, 'type' | 'payload' | 'options'> | null>;
  /** What is due, oldest first; without `withCron`, none that needs it. */
  due(most: number, withCron: boolean): Promise<{ readonly nowUtc: number; readonly items: readonly DueSchedule[] }>;
  /** In one transaction; how many tasks were made. */
  fire(firings: readonly Firing[]): Promise<number>;
}

/** Every column that is shown; `payload` for who may read it comes after them. */
export const SCHEDULE_COLUMNS = [
  ...['client_id', 'name', 'kind', 'cron', 'time_zone', 'every_ms', 'at_utc', 'type', 'options', 'missed', 'paused', 'next_utc', 'last_utc'],
  ...['last_task_id', 'last_refusal', 'fired', 'created_at_utc', 'changed_at_utc'],
] as const;

/** A row of SCHEDULE_COLUMNS, and of `payload` after them where the reader may see it. */
export function scheduleOf(row: StoredRow, raw: boolean): Schedule {
  const payload = row[SCHEDULE_COLUMNS.length];
  return {
    clientId: row[0] as string,
    name: row[1] as string,
    kind: row[2] as Schedule['kind'],
    cron: row[3] as string | null,
    timeZone: row[4] as string | null,
    everyMs: row[5] as number | null,
    atUtc: row[6] as number | null,
    type: row[7] as string,
    ...(typeof payload === 'string' ? { payload: raw ? (new JsonText(payload) as unknown as Json) : (JSON.parse(payload) as Json) } : {}),
    options: JSON.parse(row[8] as string) as Schedule['options'],
    missed: row[9] as Missed,
    paused: row[10] === true || row[10] === 1,
    nextUtc: row[11] as number | null,
    lastUtc: row[12] as number | null,
    lastTaskId: row[13] as string | null,
    lastRefusal: row[14] as string | null,
    fired: row[15] as number,
    createdAtUtc: row[16] as number,
    changedAtUtc: row[17] as number,
  };
}

export const DUE_COLUMNS = [
  ...['client_id', 'name', 'kind', 'cron', 'time_zone', 'every_ms', 'at_utc', 'type', 'payload', 'options', 'missed', 'next_utc', 'last_utc', 'looked_at_utc'],
] as const;

export const dueOf = (row: StoredRow): DueSchedule => ({
  clientId: row[0] as string,
  name: row[1] as string,
  kind: row[2] as DueSchedule['kind'],
  cron: row[3] as string | null,
  timeZone: row[4] as string | null,
  everyMs: row[5] as number | null,
  atUtc: row[6] as number | null,
  type: row[7] as string,
  payload: row[8] as string,
  options: row[9] as string,
  missed: row[10] as Missed,
  paused: false,
  nextUtc: row[11] as number,
  lastUtc: row[12] as number | null,
  lookedAtUtc: row[13] as number | null,
});
