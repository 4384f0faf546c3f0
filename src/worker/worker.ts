// `startWorker`: wires the parts of one worker and walks it through its life: register, run, stop in two phases, leave.
import type { StrategyName } from '../domain/strategy.ts';
import type { SettleResult, Settlement } from '../domain/task.ts';
import { Attempts } from './attempts.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Enlisted, type WorkerTarget, enlist } from './enlist.ts';
import { Grace } from './grace.ts';
import { type Held, HeldBuffer, Leases } from './held.ts';
import { isCode } from './hopeless.ts';
import { Loop } from './loop.ts';
import { numberOf, type Settings, settingsOf } from './options.ts';
import { Presence } from './presence.ts';
import { type Registry, registryOf } from './registry.ts';
import type { RunningRenewal } from './renewal.ts';
import { createReport, type Report } from './report.ts';
import { Settler } from './settle.ts';
import { Tally } from './tally.ts';
import type { Handlers, Worker, WorkerOptions, WorkerSummary } from './types.ts';

/** Beyond the grace: for handing back what is left, and for the farewell. */
const FAREWELL_MS = 5_000;
/** For the farewell when what was handed back did not get through either. */
const SHORT_FAREWELL_MS = 1_000;

/**
 * Starts to take tasks and run them. With a queue, the worker is granted the patterns of its handlers; with `{ url, key }` of a
 * server, or a handle, it takes what that was granted. It works until `stop`, or until nothing is left with `drain`; `done` tells
 * how it ended.
 * @throws QueueError `invalid_input`, `invalid_category`, `already_exists` (two handlers of one pattern)
 */
export function startWorker(target: WorkerTarget, handlers: Handlers, options: WorkerOptions = {}): Worker {
  const settings = settingsOf(options);
  const registry = registryOf(handlers);
  return new RunningWorker(enlist(target, registry, options), registry, settings, options);
}

class RunningWorker implements Worker {
  readonly done: Promise<WorkerSummary>;
  readonly #enlisted: Enlisted;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #report: Report;
  readonly #tally: Tally;
  readonly #leases: Leases;
  readonly #buffer = new HeldBuffer();
  readonly #settler: Settler;
  readonly #attempts: Attempts;
  readonly #loop: Loop;
  readonly #presence: Presence;
  #renewal: RunningRenewal | undefined;
  #phase: 'starting' | 'running' | 'stopping' | 'stopped' = 'starting';
  #grace: Grace | undefined;
  /** The store took nothing any more when the worker stopped. */
  #isAway = false;
  #failure: { readonly error: unknown } | undefined;
  readonly #end = Promise.withResolvers<WorkerSummary>();

  constructor(enlisted: Enlisted, registry: Registry, settings: Settings, options: WorkerOptions) {
    this.#enlisted = enlisted;
    this.#settings = settings;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#report = createReport(options.logger, options.onEvent);
    this.#tally = new Tally(this.#report, options.onEvent !== undefined);
    this.#leases = new Leases(() => this.#renewal?.renewedAt() ?? Number.NEGATIVE_INFINITY);
    this.done = this.#end.promise;
    // Who does not look at `done` is told by the log, not by the end of the process.
    this.done.catch(() => undefined);
    this.#settler = this.#makeSettler();
    this.#attempts = this.#makeAttempts(registry);
    this.#loop = this.#makeLoop();
    this.#presence = new Presence({ ...this.#shared(), registration: enlisted.registration, status: () => this.status });
    void this.#start();
  }

  get workerId(): string {
    return this.#enlisted.handle.workerId;
  }

  get status(): Worker['status'] {
    if (this.#phase === 'starting' || this.#phase === 'stopped') return 'offline';
    if (this.#phase === 'stopping') return 'draining';
    return this.#attempts.running > 0 ? 'busy' : 'ready';
  }

  get summary(): WorkerSummary {
    return this.#tally.summary;
  }

  stop(options: { readonly graceMs?: number } = {}): Promise<WorkerSummary> {
    const graceMs = numberOf({ graceMs: options.graceMs ?? this.#settings.graceMs }, 'graceMs') as number;
    if (this.#grace !== undefined) this.#grace.shorten(graceMs);
    else void this.#stop(graceMs);
    return this.done;
  }

  async strategy(name: StrategyName): Promise<void> {
    await this.#presence.change({ strategy: name });
    this.#loop.strategy(name);
  }

  pause(): void {
    this.#loop.pause();
  }

  resume(): void {
    this.#loop.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    try {
      await this.#presence.enter();
      if (this.#phase !== 'starting') return;
      const { leaseMs, maxBlockMs } = this.#settings;
      this.#renewal = this.#enlisted.renewal({ ...this.#shared(), attempts: this.#attempts, leaseMs, maxBlockMs });
      this.#phase = 'running';
      this.#report({ type: 'ready', workerId: this.workerId, patterns: this.#enlisted.patterns });
      this.#presence.begin();
      this.#loop.start();
    } catch (error) {
      this.#broken(error);
    }
  }

  async #stop(graceMs: number): Promise<void> {
    this.#phase = 'stopping';
    this.#grace = new Grace(this.#clock, graceMs, () => this.#attempts.running === 0 && !this.#loop.claiming);
    try {
      this.#presence.look();
      this.#loop.close();
      await this.#grace.until('ending');
      this.#attempts.abortAll('shutdown');
      await this.#grace.until('aborted');
      this.#attempts.releaseAll();
      await this.#atMost(FAREWELL_MS, this.#settler.settled());
      this.#isAway = !this.#settler.idle;
      this.#settler.abandon();
    } catch (error) {
      this.#failure ??= { error };
    }
    await this.#leave();
  }

  async #leave(): Promise<void> {
    this.#attempts.stopWatching();
    await this.#atMost(this.#isAway ? SHORT_FAREWELL_MS : FAREWELL_MS, Promise.allSettled([this.#renewal?.stop(), this.#presence.leave()]));
    this.#enlisted.close();
    this.#phase = 'stopped';
    this.#report({ type: 'stopped', workerId: this.workerId, summary: this.summary });
    if (this.#failure === undefined) this.#end.resolve(this.summary);
    else this.#end.reject(this.#failure.error);
  }

  /** It can not go on: what runs may end, then `done` rejects. */
  #broken(error: unknown): void {
    if (this.#failure !== undefined || this.#phase === 'stopped') return;
    this.#failure = { error };
    this.#report({ type: 'trouble', where: 'loop', error, failures: 1, fatal: true });
    // Nothing that still runs can be told to a closed queue.
    this.stop(isCode(error, 'closed') ? { graceMs: 0 } : {}).catch(() => undefined);
  }

  #atMost(ms: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const alarm = this.#clock.after(ms, resolve);
      void work.finally(() => {
        alarm.cancel();
        resolve();
      });
    });
  }

  #shared() {
    const broken = (error: unknown): void => this.#broken(error);
    return { handle: this.#enlisted.handle, leases: this.#leases, clock: this.#clock, random: this.#random, report: this.#report, broken };
  }

  #makeSettler(): Settler {
    return new Settler({
      ...this.#shared(),
      accepted: (held, item, answer) => this.#accepted(held, item, answer),
      lost: (held, message) => this.#lost(held, message),
      answered: () => this.#loop.openTurn(),
    });
  }

  #makeAttempts(registry: Registry): Attempts {
    const { leaseMs, maxResultBytes } = this.#settings;
    return new Attempts({
      ...this.#shared(),
      registry,
      leaseMs,
      maxResultBytes,
      buffer: this.#buffer,
      settler: this.#settler,
      decided: () => this.#loop.openTurn(),
      freed: () => {
        this.#loop.freed();
        this.#grace?.check();
      },
      dropped: (held, cause, message) => {
        this.#tally.dropped(held, cause, message);
        this.#loop.openTurn();
      },
    });
  }

  #makeLoop(): Loop {
    return new Loop({
      ...this.#shared(),
      settings: this.#settings,
      attempts: this.#attempts,
      settler: this.#settler,
      buffer: this.#buffer,
      moved: () => this.#renewal?.moved(),
      claimed: (count) => this.#tally.claimed(count),
      unsure: () => this.#renewal?.unsure(),
      answered: () => this.#grace?.check(),
      finished: () => void this.stop(),
      outdated: () => this.#presence.outdated(),
    });
  }

  #accepted(held: Held, item: Settlement, answer: SettleResult & { readonly ok: true }): void {
    held.state = 'gone';
    this.#leases.remove(held);
    this.#tally.ended(held, item, answer.status);
  }

  #lost(held: Held, message: string): void {
    held.state = 'gone';
    this.#leases.remove(held);
    this.#tally.dropped(held, 'lease_lost', message);
  }
}
