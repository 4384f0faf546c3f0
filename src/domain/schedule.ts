// Schedules: when work comes by the clock. A tick is an instant that the rule names; each is fired at most once, in order, whatever
// the clock does. What was missed is fired by one of three stated rules.
import { QueueError, ok } from './errors.ts';
import type { Result } from './errors.ts';
import { isPlainObject, shown, textTrouble, unknownKeys, wrongFields } from './fields.ts';
import type { FieldError } from './fields.ts';
import type { EnqueueOptions, Json } from './task.ts';

/** What becomes of ticks that passed while nobody could fire them. */
export const MISSED = ['one', 'all', 'none'] as const;
export type Missed = (typeof MISSED)[number];

export type ScheduleKind = 'cron' | 'every' | 'once';

/** The first instant of a cron expression after one, by the clock of a time zone; null when there is none. Throws for what is no expression. */
export type NextCron = (cron: string, timeZone: string, afterUtc: number) => number | null;

/** The rule alone: what ticks there are. */
export interface ScheduleRule {
  readonly kind: ScheduleKind;
  readonly cron: string | null;
  readonly timeZone: string | null;
  readonly everyMs: number | null;
  readonly atUtc: number | null;
}

/** How a schedule is set: exactly one of `cron`, `everyMs` and `atUtc`. */
export interface ScheduleInput {
  /** Five fields, or six with seconds first. */
  readonly cron?: string;
  /** Of `cron`: an IANA name; default `UTC`. */
  readonly timeZone?: string;
  /** A tick every so many ms, counted from when the schedule was first set. */
  readonly everyMs?: number;
  /** One tick, at this instant. */
  readonly atUtc?: number | Date;
  readonly type: string;
  readonly payload?: unknown;
  /** Of each task; without a key, a start or an end of its own. */
  readonly options?: ScheduleOptions;
  /** Default `one`: of what was missed one tick is fired. `all`: each, oldest first. `none`: none that is over a minute late. */
  readonly missed?: Missed;
  readonly paused?: boolean;
}

export type ScheduleOptions = Omit<EnqueueOptions, 'idempotencyKey' | 'runAfterUtc' | 'expiresAtUtc' | 'dueAtUtc' | 'createdBy'>;

/** A schedule as it is read. `payload` is absent for who may not read it. */
export interface Schedule extends ScheduleRule {
  readonly clientId: string;
  readonly name: string;
  readonly type: string;
  readonly payload?: Json;
  readonly options: ScheduleOptions;
  readonly missed: Missed;
  readonly paused: boolean;
  /** The next tick; null when it is paused or there is none any more. */
  readonly nextUtc: number | null;
  /** The last tick that was fired or passed over. */
  readonly lastUtc: number | null;
  readonly lastTaskId: string | null;
  /** Why the last tick made no task: the code of the refusal. */
  readonly lastRefusal: string | null;
  /** How many tasks it made. */
  readonly fired: number;
  readonly createdAtUtc: number;
  readonly changedAtUtc: number;
}

/** A tick later than this is missed. */
export const LATE_MS = 60_000;
/** Ticks of one schedule that one step fires. */
export const TICKS_A_STEP = 100;
export const SCHEDULES_PER_CLIENT = 10_000;
const SHORTEST_MS = 1000;
const LONGEST_MS = 366 * 86_400_000;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
export const isScheduleName = (name: unknown): name is string => typeof name === 'string' && NAME.test(name);

const KEYS = ['cron', 'timeZone', 'everyMs', 'atUtc', 'type', 'payload', 'options', 'missed', 'paused'] as const satisfies readonly (keyof ScheduleInput)[];
const OWN: readonly string[] = ['idempotencyKey', 'runAfterUtc', 'expiresAtUtc', 'dueAtUtc', 'createdBy'];

/** A name and an input, checked but for what the task is: the rule that they give. */
export function checkSchedule(name: unknown, input: ScheduleInput, cron: NextCron | undefined): Result<ScheduleRule> {
  const wrong: FieldError[] = [];
  if (!isScheduleName(name)) wrong.push({ field: 'name', message: `${shown(name)} is no name: 1–100 letters, digits, '.', '_' or '-'` });
  if (!isPlainObject(input)) return wrongFields([...wrong, { field: 'schedule', message: 'give an object' }]);
  wrong.push(...unknownKeys(input, KEYS));
  if (input.missed !== undefined && !MISSED.includes(input.missed)) wrong.push({ field: 'missed', message: `one of ${MISSED.join(', ')}` });
  if (input.paused !== undefined && typeof input.paused !== 'boolean') wrong.push({ field: 'paused', message: 'true or false' });
  const options: unknown = input.options;
  for (const key of OWN) {
    if (isPlainObject(options) && options[key] !== undefined) wrong.push({ field: `options.${key}`, message: 'is the schedule’s own: each task gets its own' });
  }
  const rule = ruleOf(input, cron, wrong);
  return wrong.length > 0 ? wrongFields(wrong) : ok(rule);
}

function ruleOf({ cron, timeZone, everyMs, atUtc }: ScheduleInput, nextCron: NextCron | undefined, wrong: FieldError[]): ScheduleRule {
  const nothing = { cron: null, timeZone: null, everyMs: null, atUtc: null };
  const given = [cron, everyMs, atUtc].filter((one) => one !== undefined).length;
  if (given !== 1) wrong.push({ field: 'cron', message: 'give exactly one of cron, everyMs and atUtc' });
  if (timeZone !== undefined && cron === undefined) wrong.push({ field: 'timeZone', message: 'goes with cron' });
  if (cron !== undefined) {
    const zone = timeZone ?? 'UTC';
    wrong.push(...cronTrouble(cron, zone, nextCron));
    return { ...nothing, kind: 'cron', cron, timeZone: zone };
  }
  if (everyMs !== undefined) {
    if (!Number.isSafeInteger(everyMs) || everyMs < SHORTEST_MS || everyMs > LONGEST_MS)
      wrong.push({ field: 'everyMs', message: `${shown(everyMs)} is not an integer from ${SHORTEST_MS} to ${LONGEST_MS}` });
    return { ...nothing, kind: 'every', everyMs };
  }
  const at = atUtc instanceof Date ? atUtc.getTime() : atUtc;
  if (atUtc !== undefined && (!Number.isSafeInteger(at) || (at as number) < 0))
    wrong.push({ field: 'atUtc', message: 'give integer ms since the epoch, or a Date' });
  return { ...nothing, kind: 'once', atUtc: at ?? null };
}

function cronTrouble(cron: string, zone: string, next: NextCron | undefined): FieldError[] {
  const trouble = textTrouble(cron, 200);
  if (trouble !== null) return [{ field: 'cron', message: trouble }];
  const badZone = textTrouble(zone, 64);
  if (badZone !== null) return [{ field: 'timeZone', message: badZone }];
  if (next === undefined)
    return [{ field: 'cron', message: 'this queue was opened without cron: openQueue(url, { cron }) with cron of prismq/cron, or set it at a server' }];
  try {
    return next(cron, zone, 0) === null ? [{ field: 'cron', message: 'names no instant that ever comes' }] : [];
  } catch (error) {
    return error instanceof QueueError ? [{ field: error.details['field'] === 'timeZone' ? 'timeZone' : 'cron', message: error.message }] : throwIt(error);
  }
}

const throwIt = (error: unknown): never => {
  throw error;
};

/** The first tick after an instant; the ticks of `every` are counted from its `atUtc`. */
export function tickAfter(rule: ScheduleRule, afterUtc: number, next: NextCron | undefined): number | null {
  const at = rule.atUtc ?? 0;
  if (rule.kind === 'once') return at > afterUtc ? at : null;
  if (rule.kind === 'cron') return next === undefined ? null : next(rule.cron as string, rule.timeZone as string, afterUtc);
  const every = rule.everyMs as number;
  return at + Math.max(1, Math.floor((afterUtc - at) / every) + 1) * every;
}

/** Where a schedule goes on from here. What `once` names is not lost when it is past already: then it was missed. */
export const nextTick = (rule: ScheduleRule, lastUtc: number | null, nowUtc: number, next: NextCron | undefined): number | null =>
  tickAfter(rule, rule.kind === 'once' ? (lastUtc ?? -1) : Math.max(nowUtc, lastUtc ?? 0), next);

/** What one step fires of a schedule that is due, and where it goes on. */
export interface TickPlan {
  readonly fire: readonly number[];
  /** The last tick that this step is done with. */
  readonly lastUtc: number;
  readonly nextUtc: number | null;
}

/** `tick` is the one that is not fired yet, and due. Ticks only rise: what was done with is never done again. */
export function planTicks(tick: number, missed: Missed, nowUtc: number, after: (instant: number) => number | null): TickPlan {
  if (missed === 'all') {
    const fire = [tick];
    let next = after(tick);
    while (next !== null && next <= nowUtc && fire.length < TICKS_A_STEP) {
      fire.push(next);
      next = after(next);
    }
    return { fire, lastUtc: fire.at(-1) as number, nextUtc: next };
  }
  const next = after(Math.max(tick, nowUtc));
  return { fire: missed === 'none' && nowUtc - tick > LATE_MS ? [] : [tick], lastUtc: tick, nextUtc: next };
}
