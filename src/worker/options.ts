// The options of a worker, checked once, with their defaults and bounds in one table.
import { QueueError } from '../domain/errors.ts';
import { LIMITS } from '../domain/limits.ts';
import type { StrategyName } from '../domain/strategy.ts';
import type { WorkerOptions } from './types.ts';

/** Most that one claim, one settle or one heartbeat carries. */
export const BATCH = 500;

const BOUNDS = {
  concurrency: { from: 1, to: 10_000, otherwise: 10 },
  prefetch: { from: 0, to: BATCH, otherwise: undefined },
  leaseMs: { from: LIMITS.leaseMs.min, to: LIMITS.leaseMs.max, otherwise: LIMITS.leaseMs.default },
  pollMs: { from: 1, to: 60_000, otherwise: 1_000 },
  graceMs: { from: 0, to: 3_600_000, otherwise: 10_000 },
  maxTasks: { from: 1, to: Number.MAX_SAFE_INTEGER, otherwise: Number.MAX_SAFE_INTEGER },
  maxBlockMs: { from: 1_000, to: 86_400_000, otherwise: 600_000 },
  maxResultBytes: { from: LIMITS.resultBytes.min, to: LIMITS.resultBytes.max, otherwise: LIMITS.resultBytes.default },
} as const satisfies Partial<Record<keyof WorkerOptions, { readonly from: number; readonly to: number; readonly otherwise: number | undefined }>>;

type Bounded = keyof typeof BOUNDS;

export interface Settings extends Readonly<Record<Exclude<Bounded, 'prefetch'>, number>> {
  /** As given; undefined lets the worker find it, up to `mostPrefetch`. */
  readonly prefetch: number | undefined;
  readonly mostPrefetch: number;
  readonly drain: boolean;
  /** Of a claim, where those wait at the server. */
  readonly waitMs: number;
  readonly strategy: StrategyName | undefined;
  readonly fairness: 'weighted' | 'none' | undefined;
  readonly types: readonly string[] | undefined;
}

export function settingsOf(options: WorkerOptions): Settings {
  const concurrency = numberOf(options, 'concurrency') as number;
  const prefetch = numberOf(options, 'prefetch');
  const leaseMs = numberOf(options, 'leaseMs') as number;
  return {
    concurrency,
    prefetch,
    mostPrefetch: prefetch ?? Math.min(BATCH, Math.max(concurrency * 4, 16)),
    leaseMs,
    pollMs: numberOf(options, 'pollMs') as number,
    graceMs: numberOf(options, 'graceMs') as number,
    maxTasks: numberOf(options, 'maxTasks') as number,
    maxBlockMs: numberOf(options, 'maxBlockMs') as number,
    maxResultBytes: numberOf(options, 'maxResultBytes') as number,
    drain: options.drain === true,
    waitMs: Math.min(options.pollMs ?? 20_000, 30_000, Math.floor(leaseMs / 3)),
    strategy: options.strategy,
    fairness: options.fairness,
    types: options.types,
  };
}

export function numberOf(options: WorkerOptions, name: Bounded): number | undefined {
  const { from, to, otherwise } = BOUNDS[name];
  const value = options[name];
  if (value === undefined) return otherwise;
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw new QueueError('invalid_input', `${name} must be a whole number from ${from} to ${to}, not ${String(value)}.`, { fields: { [name]: `${from}–${to}` } });
}
