// Back-off: its growth, its bounds for any policy and draw, and the policies that are refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_BACKOFF, backoffMs, checkBackoff } from '../../src/domain/retry.ts';
import { codeOf, fieldsOf, valueOf } from './results.ts';

test('the default waits double from one second to three hundred', () => {
  const waits = [1, 2, 3, 8, 9, 10, 100].map((attempt) => backoffMs(DEFAULT_BACKOFF, attempt, 0.5));
  assert.deepEqual(waits, [1000, 2000, 4000, 128_000, 256_000, 300_000, 300_000]);
  assert.equal(backoffMs(DEFAULT_BACKOFF, 1, 0), 900);
  assert.equal(backoffMs(DEFAULT_BACKOFF, 1, 0.999_999), 1100);
});

test('a wait is a whole number inside the jitter of its middle for every policy, attempt and draw', () => {
  const policy = fc.record({
    initialMs: fc.integer({ min: 0, max: 86_400_000 }),
    maxMs: fc.integer({ min: 0, max: 86_400_000 }),
    multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(
      policy,
      fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant(1_000_000)),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (given, attempt, uniform) => {
        const wait = backoffMs(given, attempt, uniform);
        const middle = backoffMs({ ...given, jitter: 0 }, attempt, uniform);
        // Both are rounded: the middle by up to half, which jitter may double, and the wait by half again.
        const spread = middle * given.jitter + 1.5;
        return Number.isSafeInteger(wait) && wait >= 0 && middle <= given.maxMs && wait >= middle - spread && wait <= middle + spread;
      },
    ),
    { numRuns: 5000 },
  );
});

test('waits never shrink from one attempt to the next when there is no jitter', () => {
  const policy = { ...DEFAULT_BACKOFF, jitter: 0, multiplier: 1.5 };
  for (let attempt = 1; attempt < 100; attempt++) assert.ok(backoffMs(policy, attempt + 1, 0) >= backoffMs(policy, attempt, 0));
});

test('a policy takes what it leaves out from the default', () => {
  assert.deepEqual(valueOf(checkBackoff({})), DEFAULT_BACKOFF);
  assert.deepEqual(valueOf(checkBackoff({ initialMs: 0, jitter: 0 })), { ...DEFAULT_BACKOFF, initialMs: 0, jitter: 0 });
});

test('a policy out of bounds is refused and its field named', () => {
  for (const [field, value] of [
    ['initialMs', -1],
    ['initialMs', 1.5],
    ['maxMs', 86_400_001],
    ['multiplier', 0.9],
    ['multiplier', '2'],
    ['jitter', 1.1],
    ['jitter', Number.NaN],
    ['factor', 2],
  ] as const)
    assert.deepEqual(fieldsOf(checkBackoff({ [field]: value })), [`backoff.${field}`]);
  assert.deepEqual(fieldsOf(checkBackoff({ initialMs: 5000, maxMs: 4000 })), ['backoff.maxMs']);
  assert.equal(codeOf(checkBackoff(null)), 'invalid_input');
});
