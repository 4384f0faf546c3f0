// What tests ask of a result: its value, its code, the fields it names.
import assert from 'node:assert/strict';
import type { Result } from '../../src/domain/errors.ts';

export const codeOf = (result: Result<unknown>): string | null => (result.ok ? null : result.refusal.code);

export function valueOf<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : result.refusal.message);
  return result.value;
}

/** The fields that a refusal names, sorted. */
export function fieldsOf(result: Result<unknown>): string[] {
  assert.equal(codeOf(result), 'invalid_input');
  const fields = (result.ok ? [] : result.refusal.details?.['fields']) as readonly { readonly field: string; readonly message: string }[];
  for (const { message } of fields) assert.notEqual(message, '');
  return fields.map(({ field }) => field).sort();
}

/** A repeatable uniform source in (0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
}
