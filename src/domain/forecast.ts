// When a task will start and whether it will miss its due time: from how many go before it, how many run, and how long lately ones ran.
// An estimate, and how good it is is measured (docs/sla.md).
import type { TaskState } from './lifecycle.ts';
import type { SlaState } from './sla.ts';

/** Ready tasks that one look counts, and ended ones that it takes the rates from. */
export const FORECAST_AHEAD = 10_000;
export const FORECAST_ENDED = 500;
export const FORECAST_WINDOW_MS = 86_400_000;

export interface ForecastFacts {
  readonly type: string;
  /** Ready tasks of the client that go before it by priority and place, up to FORECAST_AHEAD. */
  readonly ahead: number;
  readonly running: number;
  /** What of the client completed lately, the newest FORECAST_ENDED of a day: how many, since when, how long they were held. */
  readonly ended: { readonly count: number; readonly sinceUtc: number | null; readonly meanMs: number | null };
  readonly ofType: { readonly count: number; readonly meanMs: number | null };
  readonly nowUtc: number;
}

export interface Span {
  readonly low: number;
  readonly likely: number;
  readonly high: number;
}

export type Miss = 'no' | 'maybe' | 'yes';

export interface Forecast {
  /** Null: of a category, what would be enqueued now. */
  readonly taskId: string | null;
  readonly type: string;
  readonly status: TaskState | null;
  readonly atUtc: number;
  /** Null: not to be told, and `reason` says why. */
  readonly startsAtUtc: Span | null;
  readonly endsAtUtc: Span | null;
  readonly dueAtUtc: number | null;
  /** Whether the end comes after the due time; null without one, or when the end is not to be told. */
  readonly willMiss: Miss | null;
  readonly ahead: number;
  /** Starts of the client a minute, as far as known. */
  readonly perMinute: number | null;
  readonly reason: string | null;
}

export interface ForecastTask {
  readonly taskId: string;
  readonly type: string;
  readonly status: TaskState;
  readonly sla: SlaState | null;
  readonly dueAtUtc: number | null;
  readonly runAfterUtc: number;
  readonly reservedAtUtc: number | null;
}

/** Of a task; `obstacle` is why it can not start at all, where that is known. */
export function forecastTask(task: ForecastTask, facts: ForecastFacts, obstacle: string | null): Forecast {
  const base = { taskId: task.taskId, type: task.type, status: task.status, atUtc: facts.nowUtc, dueAtUtc: task.dueAtUtc, ahead: facts.ahead };
  const unknown = (reason: string, willMiss: Miss | null = null): Forecast => ({
    ...base,
    startsAtUtc: null,
    endsAtUtc: null,
    willMiss,
    perMinute: perMinute(facts),
    reason,
  });
  if (task.status === 'completed') return unknown('it is done', task.sla === null ? null : task.sla === 'met' ? 'no' : 'yes');
  if (task.status === 'cancelled' || task.status === 'dead_letter') return unknown(`it ended as ${task.status}`);
  const isOver = task.dueAtUtc !== null && task.dueAtUtc <= facts.nowUtc;
  if (task.status === 'leased') {
    const since = task.reservedAtUtc ?? facts.nowUtc;
    return placed(base, { low: since, likely: since, high: since }, facts);
  }
  if (obstacle !== null) return unknown(obstacle, isOver ? 'yes' : null);
  if (task.status === 'blocked') return unknown('it waits for other tasks', isOver ? 'yes' : null);
  const wait = waitOf(facts);
  if (wait === null) return unknown('nothing of the client ran lately: there is no rate to go by', isOver ? 'yes' : null);
  const from = (ms: number): number => Math.max(task.runAfterUtc, Math.round(facts.nowUtc + ms));
  return placed(base, { low: from(wait.low), likely: from(wait.likely), high: from(wait.high) }, facts);
}

/** Of a task of a category that would be enqueued now, with the due time that its category gives. */
export function forecastType(facts: ForecastFacts, maxWaitMs: number | null): Forecast {
  const dueAtUtc = maxWaitMs === null ? null : facts.nowUtc + maxWaitMs;
  const base = { taskId: null, type: facts.type, status: null, atUtc: facts.nowUtc, dueAtUtc, ahead: facts.ahead };
  const wait = waitOf(facts);
  if (wait === null) {
    const reason = 'nothing of the client ran lately: there is no rate to go by';
    return { ...base, startsAtUtc: null, endsAtUtc: null, willMiss: null, perMinute: null, reason };
  }
  const from = (ms: number): number => Math.round(facts.nowUtc + ms);
  return placed(base, { low: from(wait.low), likely: from(wait.likely), high: from(wait.high) }, facts);
}

type Base = Pick<Forecast, 'taskId' | 'type' | 'status' | 'atUtc' | 'dueAtUtc' | 'ahead'>;

function placed(base: Base, startsAtUtc: Span, facts: ForecastFacts): Forecast {
  const runMs = facts.ofType.count > 0 ? facts.ofType.meanMs : facts.ended.meanMs;
  const end = (start: number, run: number): number => Math.round(Math.max(facts.nowUtc, start + run));
  const endsAtUtc =
    runMs === null ? null : { low: end(startsAtUtc.low, 0), likely: end(startsAtUtc.likely, runMs), high: end(startsAtUtc.high, runMs * LONG_RUN) };
  const due = base.dueAtUtc;
  const willMiss = due === null ? null : due <= base.atUtc ? 'yes' : endsAtUtc === null ? null : missOf(endsAtUtc, due);
  return { ...base, startsAtUtc, endsAtUtc, willMiss, perMinute: perMinute(facts), reason: null };
}

/** What runs long, of a mean: nine of ten of an exponential. */
const LONG_RUN = 2.3;

const missOf = ({ low, likely, high }: Span, due: number): Miss => (low > due || likely > due ? (low > due ? 'yes' : 'maybe') : high > due ? 'maybe' : 'no');

/** Starts a ms: as many as run, each for so long (what runs now knows of a burst at once), and as many as were seen to end. */
function ratesOf({ running, ended, nowUtc }: ForecastFacts): { readonly live: number | null; readonly seen: number | null } {
  const live = running > 0 && ended.meanMs !== null ? running / Math.max(1, ended.meanMs) : null;
  const seen = ended.sinceUtc === null || ended.count < 2 ? null : ended.count / Math.max(1, nowUtc - ended.sinceUtc);
  return { live, seen };
}

/** ms until the start, with where nine of ten lie. */
function waitOf(facts: ForecastFacts): Span | null {
  const { live, seen } = ratesOf(facts);
  const rate = live ?? seen;
  if (rate === null) return null;
  const { ahead } = facts;
  // Nobody before it: somebody may be free, or the next who is done takes it.
  if (ahead === 0) return { low: 0, likely: 0.5 / rate, high: 2.3 / rate };
  const rates = seen === null || live === null ? [rate] : [live, seen];
  // The count of a Poisson process, and that rates change while it waits.
  const spread = 1.64 / Math.sqrt(ahead + 1) + DRIFT;
  return {
    low: (ahead / Math.max(...rates)) * Math.max(0, 1 - spread),
    likely: ahead / rate,
    high: (ahead / Math.min(...rates)) * (1 + spread),
  };
}

const DRIFT = 0.3;

function perMinute(facts: ForecastFacts): number | null {
  const { live, seen } = ratesOf(facts);
  const rate = live ?? seen;
  return rate === null ? null : Math.round(rate * 6_000_000) / 100;
}
