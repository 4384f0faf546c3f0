// When a failed attempt runs again: exponential back-off with jitter, given the uniform draw by the caller.
import type { Result } from './errors.ts';
import { ok } from './errors.ts';
import type { FieldError } from './fields.ts';
import { isPlainObject, shown, unknownKeys, wrongField, wrongFields } from './fields.ts';

export interface BackoffPolicy {
  /** Wait after the first failure, ms. */
  readonly initialMs: number;
  /** Most that a wait grows to before jitter, ms. */
  readonly maxMs: number;
  readonly multiplier: number;
  /** Share of the wait that the draw adds or takes: 0.1 is ± 10 %. */
  readonly jitter: number;
}

export const DEFAULT_BACKOFF: BackoffPolicy = { initialMs: 1000, maxMs: 300_000, multiplier: 2, jitter: 0.1 };

const DAY_MS = 86_400_000;
const BOUNDS = {
  initialMs: { min: 0, max: DAY_MS, integer: true },
  maxMs: { min: 0, max: DAY_MS, integer: true },
  multiplier: { min: 1, max: 10, integer: false },
  jitter: { min: 0, max: 1, integer: false },
} as const satisfies Record<keyof BackoffPolicy, { readonly min: number; readonly max: number; readonly integer: boolean }>;
const KEYS = Object.keys(BOUNDS) as readonly (keyof BackoffPolicy)[];

/**
 * Wait in whole ms after attempt number `attempt` (from 1) failed: min(initial · multiplier^(n−1), max), then × (1 ± jitter).
 * `uniform` in [0, 1) places it between the bounds; 0.5 is the middle.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, uniform: number): number {
  if (policy.initialMs === 0) return 0;
  const grown = policy.initialMs * policy.multiplier ** Math.max(0, attempt - 1);
  const base = Math.min(grown, policy.maxMs);
  return Math.max(0, Math.round(base * (1 + policy.jitter * (2 * uniform - 1))));
}

/** A policy with what it leaves out taken from the default. */
export function checkBackoff(value: unknown): Result<BackoffPolicy> {
  if (!isPlainObject(value)) return wrongField('backoff', `give an object with ${KEYS.join(', ')}`);
  const wrong: FieldError[] = unknownKeys(value, KEYS, 'backoff.');
  const policy = { ...DEFAULT_BACKOFF };
  for (const key of KEYS) {
    const given = value[key];
    if (given === undefined) continue;
    const { min, max, integer } = BOUNDS[key];
    const fits = typeof given === 'number' && given >= min && given <= max && (!integer || Number.isSafeInteger(given));
    if (fits) policy[key] = given;
    else wrong.push({ field: `backoff.${key}`, message: `${shown(given)} is not ${integer ? 'an integer' : 'a number'} from ${min} to ${max}` });
  }
  if (wrong.length === 0 && policy.maxMs < policy.initialMs)
    wrong.push({ field: 'backoff.maxMs', message: `${policy.maxMs} is less than initialMs, ${policy.initialMs}` });
  return wrong.length === 0 ? ok(policy) : wrongFields(wrong);
}
