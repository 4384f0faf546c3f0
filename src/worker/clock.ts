// Time as the worker sees it: its own monotonic clock and alarms, and the back-off of everything that is tried again.
// Given as an argument so that tests move it by hand. No instant of the database is ever compared with it.
import { performance } from 'node:perf_hooks';

export interface Alarm {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds, with fractions. */
  now(): number;
  /** Calls `run` once after `ms`. `idle: true` does not keep the process alive. */
  after(ms: number, run: () => void, options?: { readonly idle?: boolean }): Alarm;
}

/** The longest delay that a Node timer takes; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, run, options) {
    const timer = setTimeout(run, Math.min(Math.max(0, Math.ceil(ms)), LONGEST_MS));
    if (options?.idle === true) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Monotonic milliseconds of the machine: the same in every thread of it. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const FIRST_MS = 100;
/** Not more: what was down is back at work within this time, and a try is one short call. */
const CAP_MS = 1_000;

/** Capped exponential back-off with full jitter: up to 100 ms after the first failure, up to 1 s from the fifth on. */
export function backoffMs(failures: number, random: () => number): number {
  const ceiling = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return Math.max(1, Math.ceil(random() * ceiling));
}
