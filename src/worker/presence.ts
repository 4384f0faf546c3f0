// How the store knows of this worker: it registers before its first claim, gives a sign of life every few seconds and at each
// change of its status, registers again when it was forgotten, and leaves at the end. Also what keeps the process alive.
import type { WorkerStatus } from '../domain/task.ts';
import type { RegisterInput, WorkerHandle } from '../service/handles.ts';
import { type Alarm, backoffMs, type Clock } from './clock.ts';
import { isCode, isHopeless } from './hopeless.ts';
import { promised } from './promised.ts';
import type { Report } from './report.ts';
import type { WorkerEvent } from './types.ts';

export interface PresenceHost {
  readonly handle: WorkerHandle;
  readonly registration: RegisterInput;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: Report;
  readonly status: () => WorkerStatus;
  readonly broken: (error: unknown) => void;
}

type Place = (WorkerEvent & { readonly type: 'trouble' })['where'];

/** A change of status is told this late at most, … */
const LOOK_MS = 1_000;
/** … and without a change a sign of life is given this often. */
const BEAT_MS = 10_000;

export class Presence {
  readonly #host: PresenceHost;
  #registration: RegisterInput;
  #told: WorkerStatus | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #beating = false;
  #failures = 0;
  #entering: Promise<void> | undefined;
  #alarm: Alarm | undefined;
  #left = false;
  #wakeUp: (() => void) | undefined;

  constructor(host: PresenceHost) {
    this.#host = host;
    this.#registration = host.registration;
  }

  /** Registers, however long that takes; rejects when trying again does not help. Resolves also when the worker left meanwhile. */
  enter(): Promise<void> {
    this.#entering ??= this.#register().finally(() => (this.#entering = undefined));
    return this.#entering;
  }

  /** From here on there are signs of life. */
  begin(): void {
    this.look();
  }

  /** Shows another strategy; throws what the store has against it. */
  async change(change: Pick<RegisterInput, 'strategy'>): Promise<void> {
    const registration = { ...this.#registration, ...change };
    await promised(() => this.#host.handle.register(registration));
    this.#registration = registration;
  }

  /** The store no longer knows this worker: registers again. */
  outdated(): void {
    if (!this.#left) this.enter().catch(this.#host.broken);
  }

  /** Tells the status if it changed or has not been told for long, and looks again soon. */
  look(): void {
    this.#alarm?.cancel();
    if (this.#left) return;
    this.#alarm = this.#host.clock.after(LOOK_MS, () => this.look());
    const status = this.#host.status();
    if (this.#beating || (status === this.#told && this.#host.clock.now() - this.#toldAt < BEAT_MS)) return;
    this.#beating = true;
    this.#toldAt = this.#host.clock.now();
    this.#told = status;
    void this.#beat(status);
  }

  /** Resolves when the store was told, or could not be. */
  async leave(): Promise<void> {
    this.#left = true;
    this.#alarm?.cancel();
    this.#wakeUp?.();
    try {
      // A registration that is still on its way would come after the farewell.
      await this.#entering;
      await promised(() => this.#host.handle.deregister());
    } catch (error) {
      if (!isCode(error, 'closed')) this.#trouble('deregister', error, 1);
    }
  }

  async #beat(status: WorkerStatus): Promise<void> {
    try {
      await promised(() => this.#host.handle.beat(status));
      this.#failures = 0;
    } catch (error) {
      this.#told = undefined;
      this.#failures += 1;
      if (!this.#left && !isCode(error, 'closed')) this.#trouble('beat', error, this.#failures);
      if (isCode(error, 'worker_outdated')) this.outdated();
    } finally {
      this.#beating = false;
    }
  }

  async #register(): Promise<void> {
    for (let failures = 1; !this.#left; failures += 1) {
      try {
        await promised(() => this.#host.handle.register(this.#registration));
        return;
      } catch (error) {
        if (isHopeless(error)) throw error;
        this.#trouble('register', error, failures);
        await this.#pause(backoffMs(failures, this.#host.random));
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const alarm = this.#host.clock.after(ms, resolve);
      this.#wakeUp = () => {
        alarm.cancel();
        resolve();
      };
    });
  }

  #trouble(where: Place, error: unknown, failures: number): void {
    this.#host.report({ type: 'trouble', where, error, failures, fatal: false });
  }
}
