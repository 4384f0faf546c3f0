// Fair share between clients, all present: shares by weight, no task left behind, turns and ties.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFairShare } from '../../src/domain/fair-share.ts';
import type { FairCandidate } from '../../src/domain/fair-share.ts';
import { backlogs, endless, named } from './backlogs.ts';

const weighted = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 12 })
  .map((weights) => weights.map((weight, i) => ({ clientId: `c${i}`, weight })));

test('a lone client gets everything that is wanted, whatever its weight', () => {
  for (const weight of [1, 7, 1000]) {
    const { pick } = endless(['a']);
    const fair = createFairShare();
    for (const wanted of [1, 2, 500]) assert.equal(fair.take([{ clientId: 'a', weight }], wanted, pick), wanted);
  }
});

test('nothing is asked when nothing is wanted or nobody is there', () => {
  const fair = createFairShare();
  const never = (): number => assert.fail('was asked');
  assert.equal(fair.take(named('a'), 0, never), 0);
  assert.equal(fair.take(named('a'), -1, never), 0);
  assert.equal(fair.take([], 5, never), 0);
});

test('as much is taken as is there, up to what is wanted, and each is asked only for what is still wanted', () => {
  fc.assert(
    fc.property(
      weighted,
      fc.array(fc.nat(40), { minLength: 12, maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 12 }),
      (candidates, stock, calls) => {
        const { left, pick } = backlogs(Object.fromEntries(candidates.map(({ clientId }, i) => [clientId, stock[i] as number])));
        const fair = createFairShare();
        for (const wanted of calls) {
          const there = [...left.values()].reduce((sum, count) => sum + count, 0);
          let open = wanted;
          const taken = fair.take(candidates, wanted, (clientId, atMost) => {
            assert.ok(atMost >= 1 && atMost <= open);
            const got = pick(clientId, atMost);
            open -= got;
            return got;
          });
          assert.equal(taken, Math.min(wanted, there));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('a client that gives less than it was asked for is not asked again in that call', () => {
  fc.assert(
    fc.property(weighted, fc.array(fc.nat(9), { minLength: 12, maxLength: 12 }), fc.integer({ min: 1, max: 80 }), (candidates, stock, wanted) => {
      const { pick } = backlogs(Object.fromEntries(candidates.map(({ clientId }, i) => [clientId, stock[i] as number])));
      const dry = new Set<string>();
      createFairShare().take(candidates, wanted, (clientId, atMost) => {
        assert.ok(!dry.has(clientId));
        const got = pick(clientId, atMost);
        if (got < atMost) dry.add(clientId);
        return got;
      });
    }),
  );
});

test('long-run shares are by weight within one turn of each, in calls of any size', () => {
  fc.assert(
    fc.property(weighted, fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 5 }), fc.boolean(), (candidates, sizes, sameArray) => {
      const { got, pick } = endless(candidates.map(({ clientId }) => clientId));
      const fair = createFairShare();
      for (let i = 0; i < 200; i++) fair.take(sameArray ? candidates : [...candidates], sizes[i % sizes.length] as number, pick);
      const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
      // One quantum, in virtual time: the most that two clients with endless backlogs can be apart.
      const turn = Math.max(...sizes) / total + 1;
      const times = candidates.map(({ clientId, weight }) => (got.get(clientId) as number) / weight);
      assert.ok(Math.max(...times) - Math.min(...times) <= turn, `${times.join(' ')} within ${turn}`);
    }),
    { numRuns: 150 },
  );
});

test('among equals who was served longest ago comes first', () => {
  const order: string[] = [];
  const fair = createFairShare();
  for (let i = 0; i < 7; i++) fair.take(named('a', 'b', 'c'), 1, (clientId) => order.push(clientId) && 1);
  assert.deepEqual(order, ['a', 'b', 'c', 'a', 'b', 'c', 'a']);
});

test('equal times are told apart by the last service, not by who was known first', () => {
  const fair = createFairShare();
  for (const list of [named('a', 'b'), named('a', 'b'), named('b'), named('a')]) fair.take(list, 1, () => 1);
  fair.take(named('a', 'b'), 1, (clientId) => (assert.equal(clientId, 'b'), 1));
});

test('a turn is the share of the weights that are still in, rounded up', () => {
  const asked: (readonly [string, number])[] = [];
  const take = (candidates: readonly FairCandidate[], wanted: number, dry: readonly string[] = []): typeof asked => {
    asked.length = 0;
    createFairShare().take(candidates, wanted, (clientId, atMost) => {
      asked.push([clientId, atMost]);
      return dry.includes(clientId) ? 0 : atMost;
    });
    return asked;
  };
  assert.deepEqual(take(named('a', 'b', 'c'), 100), [
    ['a', 34],
    ['b', 34],
    ['c', 32],
  ]);
  assert.deepEqual(take([{ clientId: 'a', weight: 3 }, ...named('b')], 8), [
    ['a', 6],
    ['b', 2],
  ]);
  assert.deepEqual(take(named('a', 'b', 'c'), 90, ['a', 'b']), [
    ['a', 30],
    ['b', 45],
    ['c', 90],
  ]);
});

test('the same array is looked through once', () => {
  let reads = 0;
  const candidates = new Proxy(named('a', 'b', 'c'), { get: (target, key, self) => (reads++, Reflect.get(target, key, self) as unknown) });
  const fair = createFairShare();
  fair.take(candidates, 1, () => 1);
  const first = reads;
  assert.ok(first > 0);
  for (let i = 0; i < 10; i++) fair.take(candidates, 1, () => 1);
  assert.equal(reads, first);
});

test('of ten thousand clients each is served once before anyone is served twice', () => {
  const candidates = Array.from({ length: 10_000 }, (_, i) => ({ clientId: `c${i}`, weight: 1 }));
  const seen = new Set<string>();
  const fair = createFairShare();
  for (let i = 0; i < candidates.length; i++) fair.take(candidates, 1, (clientId) => (seen.add(clientId), 1));
  assert.equal(seen.size, candidates.length);
});

test('a pick that throws leaves the shares as they were', () => {
  const candidates = named('a', 'b', 'c');
  const { got, pick } = endless(['a', 'b', 'c']);
  const fair = createFairShare();
  for (let i = 0; i < 300; i++) {
    if (i % 3 === 0)
      assert.throws(() =>
        fair.take(candidates, 3, () => {
          throw new Error('the disk is full');
        }),
      );
    fair.take(candidates, 1, pick);
  }
  assert.deepEqual([...got.values()], [100, 100, 100]);
});

test('a pick that throws after others had nothing loses nobody', () => {
  const candidates = named('a', 'b');
  const fair = createFairShare();
  fair.take(candidates, 2, () => 1);
  assert.throws(() =>
    fair.take(candidates, 2, (clientId) => {
      if (clientId === 'a') return 0;
      throw new Error('the disk is full');
    }),
  );
  const asked = new Set<string>();
  fair.take(candidates, 2, (clientId) => (asked.add(clientId), 0));
  assert.deepEqual([...asked].sort(), ['a', 'b']);
});
