// Time that moves only by hand, and turns of the event loop to let what was caused by it happen.
import assert from 'node:assert/strict';
import type { Alarm, Clock } from '../../src/worker/clock.ts';

interface Due {
  readonly at: number;
  readonly run: () => void;
}

export class FakeClock implements Clock {
  #now = 1_000;
  readonly #due = new Set<Due>();

  now(): number {
    return this.#now;
  }

  /** Alarms that are set. */
  get pending(): number {
    return this.#due.size;
  }

  after(ms: number, run: () => void): Alarm {
    const due = { at: this.#now + Math.max(0, ms), run };
    this.#due.add(due);
    return { cancel: () => void this.#due.delete(due) };
  }

  /** Moves time from alarm to alarm, and lets each have its effects before the next. */
  async advance(ms: number): Promise<void> {
    await turns();
    const target = this.#now + ms;
    for (;;) {
      const next = [...this.#due].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > target) break;
      this.#due.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await turns();
    }
    this.#now = target;
    await turns();
  }

  /** Time passes while nothing else can happen: a handler that blocks. */
  jump(ms: number): void {
    this.#now += ms;
  }
}

/** Enough turns of the event loop for a claim, its handlers, their settling and the next claim. */
export async function turns(count = 12): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Turns until it is so; fails when it never is. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2_000; i += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail(`never happened: ${what}`);
}
