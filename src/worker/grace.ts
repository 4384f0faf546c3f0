// The time that a stopping worker gives its handlers: most of it for them to end by themselves, the rest after their signals
// fired. May be shortened while it runs.
import type { Alarm, Clock } from './clock.ts';

/** `ending`: until the signals are to fire. `aborted`: until the end. */
export type GracePart = 'ending' | 'aborted';

/** What is left for handlers that heed their signal: a second, or a quarter of a shorter grace. */
const tailOf = (graceMs: number): number => Math.min(1_000, graceMs / 4);

export class Grace {
  readonly #clock: Clock;
  readonly #isIdle: () => boolean;
  readonly #startedAt: number;
  #graceMs: number;
  #waiting: { readonly part: GracePart; readonly resolve: () => void } | undefined;
  #alarm: Alarm | undefined;

  constructor(clock: Clock, graceMs: number, isIdle: () => boolean) {
    this.#clock = clock;
    this.#isIdle = isIdle;
    this.#startedAt = clock.now();
    this.#graceMs = graceMs;
  }

  shorten(graceMs: number): void {
    if (graceMs >= this.#graceMs) return;
    this.#graceMs = graceMs;
    this.check();
  }

  /** Resolves when the worker is idle, or this part of the time is over. */
  until(part: GracePart): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { part, resolve };
      this.check();
    });
  }

  /** Something has ended: maybe that was the last. */
  check(): void {
    if (this.#waiting === undefined) return;
    this.#alarm?.cancel();
    const { part, resolve } = this.#waiting;
    const left = this.#startedAt + this.#graceMs - (part === 'ending' ? tailOf(this.#graceMs) : 0) - this.#clock.now();
    if (left > 0 && !this.#isIdle()) {
      this.#alarm = this.#clock.after(left, () => this.check());
      return;
    }
    this.#waiting = undefined;
    resolve();
  }
}
