// The loop: claims what there is room for plus a bounded prefetch, starts it, and sends ends back in batches. It is driven by
// what happens (an end, an answer, a hint) and decides once a turn of the event loop, so that the settle of what ended and the
// claim of what comes next are asked for together and committed together. It yields after 5 ms of handlers without promises.
import type { StrategyName } from '../domain/strategy.ts';
import type { ClaimedTask } from '../domain/task.ts';
import type { ClaimOptions, WorkerHandle } from '../service/handles.ts';
import type { Attempts } from './attempts.ts';
import type { Clock } from './clock.ts';
import { Held, type HeldBuffer, type Leases } from './held.ts';
import { isCode, isHopeless, mayBeDone } from './hopeless.ts';
import { BATCH, type Settings } from './options.ts';
import { Pace } from './pace.ts';
import { promised } from './promised.ts';
import type { Report } from './report.ts';
import type { Settler } from './settle.ts';

export interface LoopHost {
  readonly handle: WorkerHandle;
  readonly settings: Settings;
  readonly attempts: Attempts;
  readonly settler: Settler;
  readonly leases: Leases;
  readonly buffer: HeldBuffer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: Report;
  /** The main loop moved: tells the renewal thread. */
  readonly moved: () => void;
  readonly claimed: (count: number) => void;
  /** A claim failed: what it leased, if anything, nobody knows. */
  readonly unsure: () => void;
  /** A claim was answered. */
  readonly answered: () => void;
  /** Nothing left to do, and that was the wish: drained, or `maxTasks` reached. */
  readonly finished: () => void;
  /** The store no longer knows this worker. */
  readonly outdated: () => void;
  /** It can not go on. */
  readonly broken: (error: unknown) => void;
}

/** Handlers without promises run this long before timers and signals get their turn; also how long an end waits for company. */
const SLICE_MS = 5;
/** What a prefetch found by itself covers: more than is started in this time would only be kept from other workers. */
const HORIZON_MS = 1_000;
/** With `drain`, a claim waits no longer than this. */
const DRAIN_WAIT_MS = 1_000;

export class Loop {
  readonly #host: LoopHost;
  readonly #pace: Pace;
  #strategy: StrategyName | undefined;
  #open = false;
  #paused = false;
  #claimedCount = 0;
  #turnOpen = false;
  #turnAt = 0;
  #pumping = false;
  #claiming = false;
  /** Of a claim that waits at the server. */
  #waiting: AbortController | undefined;
  /** Claims in a row that were sent and answered, with nothing, while nothing ran. */
  #still = 0;

  constructor(host: LoopHost) {
    const { handle, settings, clock, random, report } = host;
    this.#host = host;
    this.#strategy = settings.strategy;
    this.#pace = new Pace({ handle, pollMs: settings.pollMs, waits: handle.waitsInClaim === true, clock, random, report, look: () => this.openTurn() });
  }

  start(): void {
    this.#open = true;
    this.openTurn();
  }

  strategy(name: StrategyName): void {
    this.#strategy = name;
    this.#waiting?.abort();
    this.#pace.hint();
  }

  pause(): void {
    this.#paused = true;
    this.#waiting?.abort();
  }

  resume(): void {
    this.#paused = false;
    this.#pace.hint();
  }

  /** Claims no more and hands back what has not begun; also what a claim that is on its way still brings. */
  close(): void {
    this.#open = false;
    this.#pace.stop();
    this.#waiting?.abort();
    this.#handBack();
  }

  /** A claim is on its way. */
  get claiming(): boolean {
    return this.#claiming;
  }

  /** A slot is free: the next one starts at once, and the end of this turn decides about the rest. */
  freed(): void {
    this.openTurn();
    this.#pump();
  }

  /** Whatever happens in one turn of the event loop is decided about once, at its end. */
  openTurn(): void {
    if (this.#turnOpen) return;
    this.#turnOpen = true;
    this.#turnAt = this.#host.clock.now();
    setImmediate(() => this.#guarded(() => this.#endTurn()));
  }

  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#host.broken(error);
    }
  }

  #endTurn(): void {
    const { clock, moved, settings, finished } = this.#host;
    this.#turnOpen = false;
    moved();
    const now = clock.now();
    const room = this.#room(now);
    // Settle before claim: what ended makes room in limits.
    this.#settle(now, room > 0);
    if (room > 0) this.#claim(room, now);
    this.#pace.rearm(now);
    this.#pump();
    if (this.#open && this.#claimedCount >= settings.maxTasks && !this.#claiming && this.#isStill()) finished();
  }

  /** While there is enough to go on with, ends wait up to 5 ms for company; alone they go at once. */
  #settle(now: number, withClaim: boolean): void {
    const { settler, buffer } = this.#host;
    if (settler.waiting === 0) return;
    const due = settler.oldestAt + SLICE_MS;
    if (!this.#open || withClaim || buffer.size <= this.#lowWater() || due <= now) settler.flush();
    else this.#pace.lookAt(due);
  }

  #pump(): void {
    const { attempts, buffer, settings, clock } = this.#host;
    if (this.#pumping || buffer.size === 0) return;
    this.openTurn();
    this.#pumping = true;
    try {
      while (attempts.running < settings.concurrency && buffer.size > 0) {
        const now = clock.now();
        if (now - this.#turnAt > SLICE_MS) return;
        const held = buffer.take();
        if (held !== undefined) this.#begin(held, now);
      }
    } finally {
      this.#pumping = false;
    }
  }

  #begin(held: Held, now: number): void {
    const { attempts, leases } = this.#host;
    if (leases.isOver(held, now)) attempts.lapse(held);
    // It waited here for so long that the run would be cut short: a fresh claim gives it its whole time.
    else if ((now - held.receivedAt) * 2 >= held.task.maxRunMs) attempts.finish(held, { op: 'release' });
    else attempts.start(held, now);
  }

  #prefetch(): number {
    const { settings, attempts } = this.#host;
    if (settings.prefetch !== undefined) return settings.prefetch;
    const mean = attempts.meanRunMs;
    return mean === undefined ? 0 : Math.min(settings.mostPrefetch, Math.floor((settings.concurrency * HORIZON_MS) / Math.max(mean, 0.01)));
  }

  /** At this many in the buffer, or fewer, the next claim is due. */
  #lowWater(): number {
    return this.#prefetch() >> 2;
  }

  /** How many to claim now; 0 is none. */
  #room(now: number): number {
    const { settings, attempts, settler, buffer } = this.#host;
    if (!this.#open || this.#paused || this.#claiming || settler.failing || settler.waiting >= 2 * BATCH) return 0;
    if (buffer.size > this.#lowWater()) return 0;
    const mustLook = settings.drain && this.#isStill();
    if (!this.#pace.mayClaim(now, settler.waiting > 0, mustLook)) return 0;
    const held = attempts.running + buffer.size;
    return Math.max(0, Math.min(BATCH, settings.concurrency + this.#prefetch() - held, settings.maxTasks - this.#claimedCount));
  }

  #isStill(): boolean {
    const { attempts, buffer, settler } = this.#host;
    return attempts.running === 0 && buffer.size === 0 && settler.idle;
  }

  #claim(max: number, now: number): void {
    const { settings, handle } = this.#host;
    this.#claiming = true;
    this.#pace.asking();
    const wasStill = this.#isStill();
    const waitMs = this.#waitMs(wasStill);
    const waiting = waitMs > 0 ? new AbortController() : undefined;
    this.#waiting = waiting;
    const options: ClaimOptions = {
      max,
      leaseMs: settings.leaseMs,
      ...(this.#strategy === undefined ? {} : { strategy: this.#strategy }),
      ...(settings.fairness === undefined ? {} : { fairness: settings.fairness }),
      ...(settings.types === undefined ? {} : { types: settings.types }),
      ...(waiting === undefined ? {} : { waitMs, signal: waiting.signal }),
    };
    promised(() => handle.claim(options)).then(
      (tasks) => this.#answered(() => this.#claimed(tasks, max, now, wasStill, now + waitMs)),
      (error: unknown) => this.#answered(() => this.#claimFailed(error, waiting?.signal.aborted === true)),
    );
  }

  /** How long the claim waits at the server for a task; with `drain`, what is left is to be known soon. */
  #waitMs(isStill: boolean): number {
    const { settings, handle } = this.#host;
    if (handle.waitsInClaim !== true || (settings.drain && isStill)) return 0;
    return settings.drain ? Math.min(settings.waitMs, DRAIN_WAIT_MS) : settings.waitMs;
  }

  #answered(step: () => void): void {
    this.#claiming = false;
    this.#waiting = undefined;
    this.#guarded(step);
    this.#host.answered();
  }

  #claimed(tasks: readonly ClaimedTask[], asked: number, sentAt: number, wasStill: boolean, until: number): void {
    const { attempts, claimed, settings, finished } = this.#host;
    this.#pace.found(tasks.length, asked, until);
    if (tasks.length === 0) {
      this.#still = wasStill && this.#isStill() ? this.#still + 1 : 0;
      if (this.#open && settings.drain && this.#still >= 2) finished();
      return;
    }
    this.#still = 0;
    this.#claimedCount += tasks.length;
    claimed(tasks.length);
    this.#keep(tasks, sentAt);
    if (!this.#open) return this.#handBack();
    attempts.watch(sentAt + settings.leaseMs * 0.95);
    this.openTurn();
    this.#pump();
  }

  #keep(tasks: readonly ClaimedTask[], sentAt: number): void {
    const { leases, buffer, clock, attempts } = this.#host;
    const now = clock.now();
    for (const task of tasks) {
      const held = new Held(task, sentAt + (task.waitedMs ?? 0), now);
      const before = leases.add(held);
      if (before !== undefined) attempts.drop(before, 'lease_lost', 'its lease ran out, and it was claimed here again');
      buffer.push(held);
    }
  }

  #handBack(): void {
    const { buffer, attempts, settler } = this.#host;
    for (const held of buffer.list()) attempts.finish(held, { op: 'release' });
    settler.flush();
  }

  #claimFailed(error: unknown, wasStopped: boolean): void {
    const { report, broken, outdated, unsure } = this.#host;
    if (mayBeDone(error)) unsure();
    if (!this.#open) return;
    // By us: paused, or another strategy.
    if (wasStopped) return this.openTurn();
    if (isHopeless(error)) return broken(error);
    report({ type: 'trouble', where: 'claim', error, failures: this.#pace.failed(), fatal: false });
    if (isCode(error, 'worker_outdated')) outdated();
  }
}
