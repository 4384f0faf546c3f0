// Attempts at work: starts handlers, turns their ends into settlements, and ends them from outside (lease lost, cancelled, too
// slow, shutdown). One alarm serves all deadlines; a task costs no timer, and no controller unless its handler asks for one.
import type { Settlement } from '../domain/task.ts';
import type { WorkerHandle } from '../service/handles.ts';
import type { Alarm, Clock } from './clock.ts';
import { TaskContext } from './context.ts';
import type { Held, HeldBuffer, Leases } from './held.ts';
import { failed, refused, type Verdict, verdictOf } from './outcome.ts';
import type { Registry } from './registry.ts';
import type { Report } from './report.ts';
import type { Settler } from './settle.ts';
import type { AbortCause } from './types.ts';

export interface AttemptsHost {
  readonly handle: WorkerHandle;
  readonly registry: Registry;
  readonly leases: Leases;
  readonly buffer: HeldBuffer;
  readonly settler: Settler;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly maxResultBytes: number;
  readonly report: Report;
  /** An outcome is decided and waits to be sent. */
  readonly decided: () => void;
  /** A slot is free again. */
  readonly freed: () => void;
  /** The lease is gone, or the task cancelled, before an outcome was decided. */
  readonly dropped: (held: Held, cause: 'lease_lost' | 'cancelled', message: string) => void;
  readonly broken: (error: unknown) => void;
}

/** A new run time counts this much in the mean that bounds the prefetch. */
const WEIGHT = 0.1;
const DEADLINE_MARGIN_MS = 250;

export class Attempts {
  readonly #host: AttemptsHost;
  /** Signal fired, handler still at work. */
  readonly #unheeding = new Set<Held>();
  readonly #marginMs: number;
  #running = 0;
  #meanRunMs: number | undefined;
  #alarm: Alarm | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;

  constructor(host: AttemptsHost) {
    this.#host = host;
    // Side effects are to stop a little before the lease ends.
    this.#marginMs = Math.min(1_000, host.leaseMs / 20);
  }

  /** Slots in use. */
  get running(): number {
    return this.#running;
  }
  /** Undefined until a first handler ended. */
  get meanRunMs(): number | undefined {
    return this.#meanRunMs;
  }

  /** Runs the handler of a task just taken from the buffer; `now` is the clock just read. A handler without promises has ended when this returns. */
  start(held: Held, now: number): void {
    const { registry, handle } = this.#host;
    held.startedAt = now;
    const entry = registry.find(held.task.type);
    if (entry === undefined) return this.finish(held, this.#unknownType(held.task.type));
    let input: unknown;
    try {
      input = JSON.parse(held.task.payload);
    } catch (error) {
      return this.finish(held, refused('invalid_payload', `The payload is not JSON: ${String(error)}`));
    }
    this.#running += 1;
    held.occupied = true;
    this.watch(deadlineOf(held));
    let returned: unknown;
    try {
      returned = entry.run(input, new TaskContext(held, handle));
      if (isThenable(returned)) {
        const promise = returned instanceof Promise ? returned : Promise.resolve(returned);
        promise.then(
          (value) => this.#ended(held, value, true),
          (error: unknown) => this.#ended(held, error, false),
        );
        return;
      }
    } catch (error) {
      return this.#ended(held, error, false);
    }
    this.#ended(held, returned, true);
  }

  #ended(held: Held, outcome: unknown, well: boolean): void {
    try {
      const ms = this.#host.clock.now() - held.startedAt;
      this.#meanRunMs = this.#meanRunMs === undefined ? ms : this.#meanRunMs + (ms - this.#meanRunMs) * WEIGHT;
      if (held.state === 'running') this.finish(held, well ? verdictOf(outcome, this.#host.maxResultBytes) : this.#thrown(held, outcome));
      this.#free(held);
    } catch (error) {
      this.#host.broken(error);
    }
  }

  /** What a handler throws once it was told to stop is no fault of the task. */
  #thrown(held: Held, error: unknown): Verdict {
    return held.cause === 'shutdown' ? { op: 'release' } : failed(error);
  }

  #free(held: Held): void {
    if (!held.occupied) return;
    held.occupied = false;
    this.#running -= 1;
    if (held.cause !== undefined) this.#unheeding.delete(held);
    this.#host.freed();
  }

  /** Decides the outcome: from here on nothing else can. */
  finish(held: Held, verdict: Verdict): void {
    const now = this.#host.clock.now();
    if (held.state === 'buffered') this.#host.buffer.forget();
    held.state = 'ending';
    this.#host.settler.add(held, settlementOf(held, verdict, now), now);
    this.#host.decided();
  }

  /** Takes the attempt away: its lease is gone or its task cancelled. What the handler still returns is ignored. */
  drop(held: Held, cause: 'lease_lost' | 'cancelled', message: string): void {
    if (held.state !== 'buffered' && held.state !== 'running') return;
    if (held.state === 'buffered') this.#host.buffer.forget();
    held.state = 'gone';
    this.#host.leases.remove(held);
    this.#abort(held, cause);
    this.#host.dropped(held, cause, message);
  }

  /**
   * Its lease could not be kept by our own clock. The store may still see it alive (and a renewal thread would keep it so): what
   * ran fails, what had not begun goes back, and if the lease is gone neither is accepted.
   */
  lapse(held: Held): void {
    if (held.state === 'buffered' || (held.state === 'running' && held.startedAt < 0)) return this.finish(held, { op: 'release' });
    if (held.state !== 'running') return;
    this.finish(held, { op: 'fail', error: { message: 'lease_lost: the lease could not be renewed in time', kind: 'lease_lost' } });
    this.#abort(held, 'lease_lost');
  }

  /** Beyond `max_run_ms`: fails, retryable. A task that had not even begun goes back instead. */
  timeOut(held: Held): void {
    if (held.state === 'buffered') return this.finish(held, { op: 'release' });
    if (held.state !== 'running') return;
    const { taskId, clientId, type: taskType, attempt, maxRunMs } = held.task;
    this.#host.report({ type: 'timed_out', taskId, clientId, taskType, attempt, maxRunMs });
    this.finish(held, {
      op: 'fail',
      error: { message: `timed_out: the attempt ran longer than the ${maxRunMs} ms that its task allows (max_run_ms)`, kind: 'timed_out' },
    });
    this.#abort(held, 'timed_out');
  }

  /** Second phase of a stop: tells every handler. */
  abortAll(cause: AbortCause): void {
    for (const held of [...this.#host.leases.all()]) if (held.state === 'running') this.#abort(held, cause);
  }

  /** End of a stop: hands back what still runs. */
  releaseAll(): void {
    for (const held of this.#host.leases.all()) if (held.state === 'running') this.finish(held, { op: 'release' });
  }

  /** Something is due at this instant of the monotonic clock: leases, longest runs, handlers that do not heed their signal. */
  watch(at: number): void {
    if (at >= this.#alarmAt) return;
    this.#alarm?.cancel();
    this.#alarmAt = at;
    this.#alarm = this.#host.clock.after(at - this.#host.clock.now(), () => this.#sweep(), { idle: true });
  }

  stopWatching(): void {
    this.#alarm?.cancel();
    this.#alarmAt = Number.NEGATIVE_INFINITY;
  }

  #abort(held: Held, cause: AbortCause): void {
    const now = this.#host.clock.now();
    held.abort(cause, now);
    if (!held.occupied) return;
    this.#unheeding.add(held);
    this.watch(now + this.#host.leaseMs);
  }

  #sweep(): void {
    this.#alarmAt = Number.POSITIVE_INFINITY;
    try {
      const now = this.#host.clock.now();
      let next = Number.POSITIVE_INFINITY;
      for (const held of [...this.#host.leases.all()]) next = Math.min(next, this.#due(held, now));
      for (const held of [...this.#unheeding]) next = Math.min(next, this.#heeding(held, now));
      if (next < Number.POSITIVE_INFINITY) this.watch(next);
    } catch (error) {
      this.#host.broken(error);
    }
  }

  #due(held: Held, now: number): number {
    if (held.state !== 'buffered' && held.state !== 'running') return Number.POSITIVE_INFINITY;
    const leaseEnd = this.#host.leases.endOf(held) - this.#marginMs;
    if (leaseEnd <= now) this.lapse(held);
    if (held.state !== 'running') return leaseEnd;
    const longest = deadlineOf(held);
    if (longest <= now) this.timeOut(held);
    return Math.min(leaseEnd, longest);
  }

  /** After a whole lease the slot of a handler that goes on regardless is given to others: else a few of them would stop the worker. */
  #heeding(held: Held, now: number): number {
    if (held.cause === 'shutdown') return Number.POSITIVE_INFINITY;
    const until = held.abortedAt + this.#host.leaseMs;
    if (until > now) return until;
    const { taskId, clientId, type: taskType, attempt } = held.task;
    this.#host.report({
      type: 'abandoned',
      taskId,
      clientId,
      taskType,
      attempt,
      message: `its handler did not end within ${this.#host.leaseMs} ms of its signal (${held.cause}) and runs on beside others`,
    });
    this.#free(held);
    return Number.POSITIVE_INFINITY;
  }

  #unknownType(type: string): Verdict {
    const known = this.#host.registry.list().map((entry) => entry.pattern);
    return refused('unknown_type', `No handler for ${type}. This worker knows ${known.length === 0 ? 'none' : known.join(', ')}.`);
  }
}

/**
 * The store counts `max_run_ms` from the claim and extends no lease beyond it: the failure has to arrive a little before.
 */
function deadlineOf({ claimedAt, task }: Held): number {
  return claimedAt + task.maxRunMs - Math.min(DEADLINE_MARGIN_MS, task.maxRunMs / 20);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise || (typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function');
}

/** One literal a kind: the hot path neither spreads nor copies. */
function settlementOf(held: Held, verdict: Verdict, now: number): Settlement {
  const { clientId, taskId, leaseId } = held.task;
  if (held.startedAt < 0) return { clientId, taskId, leaseId, ...verdict };
  const startedAfterMs = Math.max(0, Math.round(held.startedAt - held.claimedAt));
  const runMs = Math.max(0, Math.round(now - held.startedAt));
  if (verdict.op !== 'complete') return { clientId, taskId, leaseId, startedAfterMs, runMs, ...verdict };
  if (verdict.result === undefined) return { clientId, taskId, leaseId, startedAfterMs, runMs, op: 'complete' };
  return { clientId, taskId, leaseId, startedAfterMs, runMs, op: 'complete', result: verdict.result };
}
