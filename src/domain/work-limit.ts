// Limits of one client's work: how many tasks run at once, and how many start in a while, over all of it, a category, or each free key.
import { checkPattern } from './category.ts';
import { ok } from './errors.ts';
import type { Result } from './errors.ts';
import { isPlainObject, shown, textTrouble, unknownKeys, wrongFields } from './fields.ts';
import type { FieldError } from './fields.ts';

/** How a limit is set: `concurrency`, or `rate` with `perMs`, or both. Without `pattern` and `key` it is on all of the client's work. */
export interface LimitInput {
  /** A category or pattern. */
  readonly pattern?: string;
  /** A free key, or with `*` at its end every key that begins so: each of them is counted by itself. */
  readonly key?: string;
  /** Tasks that run at once; 0 holds all of them back. */
  readonly concurrency?: number;
  /** Tasks that start within any `perMs`. */
  readonly rate?: number;
  readonly perMs?: number;
}

export interface WorkLimit {
  readonly name: string;
  readonly pattern: string | null;
  readonly key: string | null;
  readonly concurrency: number | null;
  readonly rate: number | null;
  readonly perMs: number | null;
}

/** A limit as it is read. */
export interface LimitInfo extends WorkLimit {
  readonly clientId: string;
  /** Tasks under it that run now, over all of its keys. */
  readonly running: number;
  readonly createdAtUtc: number;
}

export const LIMITS_PER_CLIENT = 1000;
const MOST = 1_000_000;
const LONGEST_MS = 86_400_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;
const KEYS = ['pattern', 'key', 'concurrency', 'rate', 'perMs'] as const satisfies readonly (keyof LimitInput)[];

export const isLimitName = (name: unknown): name is string => typeof name === 'string' && NAME.test(name);

export function checkLimit(name: unknown, given: LimitInput): Result<WorkLimit> {
  const wrong: FieldError[] = [];
  if (!isLimitName(name)) wrong.push({ field: 'name', message: `${shown(name)} is no name: 1–100 letters, digits, '.', '_', ':' or '-'` });
  const input = given as LimitInput;
  if (!isPlainObject(given)) return wrongFields([...wrong, { field: 'limit', message: 'give an object' }]);
  wrong.push(...unknownKeys(given, KEYS));
  const { pattern, key, concurrency, rate, perMs } = input;
  const known = pattern === undefined ? ok(null) : checkPattern(pattern);
  if (!known.ok) wrong.push({ field: 'pattern', message: known.refusal.message });
  const trouble = key === undefined ? null : textTrouble(key, 128);
  if (trouble !== null) wrong.push({ field: 'key', message: trouble });
  const whole = (field: 'concurrency' | 'rate' | 'perMs', min: number, max: number): void => {
    const value = input[field];
    if (value !== undefined && (!Number.isSafeInteger(value) || (value as number) < min || value > max))
      wrong.push({ field, message: `${shown(value)} is not an integer from ${min} to ${max}` });
  };
  whole('concurrency', 0, MOST);
  whole('rate', 1, MOST);
  whole('perMs', 1, LONGEST_MS);
  if (concurrency === undefined && rate === undefined) wrong.push({ field: 'concurrency', message: 'give concurrency, or rate with perMs' });
  if ((rate === undefined) !== (perMs === undefined)) wrong.push({ field: 'perMs', message: 'rate and perMs go together' });
  if (wrong.length > 0) return wrongFields(wrong);
  return ok({ name: name as string, pattern: pattern ?? null, key: key ?? null, concurrency: concurrency ?? null, rate: rate ?? null, perMs: perMs ?? null });
}

/** What a lane with this key is counted with under a limit: null when the limit is not about it. */
export function bucketOf(limit: Pick<WorkLimit, 'key'>, laneKey: string): string | null {
  const { key } = limit;
  if (key === null) return '';
  if (!key.endsWith('*')) return laneKey === key ? '' : null;
  return laneKey !== '' && laneKey.startsWith(key.slice(0, -1)) ? laneKey : null;
}

/** The limit that a pause is: its name tells what of the client it holds back. `digest` is SHA-256 in hex. */
export const pauseName = (digest: (text: string) => string, { pattern, key }: { readonly pattern?: string; readonly key?: string }): string =>
  pattern === undefined && key === undefined ? 'pause' : `pause:${digest(JSON.stringify([pattern ?? null, key ?? null])).slice(0, 16)}`;
