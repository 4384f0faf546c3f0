// The model of tenants over cells: the same seed gives the same table, nothing is lost in it, and it can say that a placement is bad.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PLACEMENTS, cutGiants, dayOf, movedByGrowth, peakOf, place, recoveryS, rendezvous, tenantsOf } from '../../bench/cells-model.ts';
import type { Scenario } from '../../bench/cells-model.ts';
import { simulate, tableOf } from '../../bench/cells.ts';

const OPTIONS = { seed: 1, cellRate: 2000, target: 0.5, skew: 1 } as const;
const scenario = (over: Partial<Scenario> = {}): Scenario => ({ ...OPTIONS, tasksADay: 1e8, tenants: 500, ...over });

test('the same seed gives the same table, another one another', () => {
  assert.equal(tableOf(simulate(OPTIONS)), tableOf(simulate(OPTIONS)));
  assert.notEqual(tableOf(simulate(OPTIONS)), tableOf(simulate({ ...OPTIONS, seed: 2 })));
});

test('the table has every scale up to 10⁹ tasks a day and every placement, and tells a bad one from a good one', () => {
  const lines = simulate(OPTIONS);
  assert.deepEqual([...new Set(lines.map(({ tasksADay }) => tasksADay))], [1e6, 1e7, 1e8, 1e9]);
  assert.equal(lines.length, 4 * PLACEMENTS.length);
  const largest = new Map(lines.filter(({ tasksADay }) => tasksADay === 1e9).map((line) => [line.placement, line]));
  assert.ok((largest.get('hash')?.hottest ?? 0) > 1, 'hashing alone fills a cell beyond its rate');
  assert.ok((largest.get('hash')?.late ?? 0) > 0 && (largest.get('hash')?.longestWaitS ?? 0) > 60);
  assert.ok((largest.get('pins and cuts')?.hottest ?? 9) < 0.7, 'pins and cuts do not');
  assert.equal(largest.get('pins and cuts')?.late, 0);
  assert.ok((largest.get('pins and cuts')?.movedTenants ?? 1e9) < (largest.get('balanced')?.movedTenants ?? 0) / 5);
});

test('the rates of the tenants add up to the tasks of a day, cut or not, and all of them are placed', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.integer({ min: 1, max: 300 }),
      fc.double({ min: 0, max: 2, noNaN: true }),
      fc.integer({ min: 1, max: 20 }),
      (seed, tenants, skew, cells) => {
        const all = tenantsOf(scenario({ seed, tenants, skew }));
        const sum = (of: typeof all): number => of.reduce((total, { rate }) => total + rate, 0) * 86_400;
        assert.ok(Math.abs(sum(all) - 1e8) < 1);
        assert.ok(Math.abs(sum(cutGiants(all, 2000)) - 1e8) < 1);
        for (const placement of PLACEMENTS)
          for (const cell of place(placement, all, cells, 2000)) assert.ok(Number.isInteger(cell) && cell >= 0 && cell < cells);
      },
    ),
    { numRuns: 30 },
  );
});

test('when a cell is added, hashing moves a tenant to the new cell or nowhere, and about its share of them', () => {
  const ids = Array.from({ length: 5000 }, (_, i) => `t${i}`);
  for (const cells of [1, 2, 7, 30]) {
    const moved = ids.filter((id) => rendezvous(id, cells) !== rendezvous(id, cells + 1));
    for (const id of moved) assert.equal(rendezvous(id, cells + 1), cells);
    const share = moved.length / ids.length;
    assert.ok(Math.abs(share - 1 / (cells + 1)) < 0.03, `${cells}: ${share}`);
  }
  assert.ok(movedByGrowth('hash', tenantsOf(scenario()), 5, 2000).load < movedByGrowth('balanced', tenantsOf(scenario()), 5, 2000).load);
});

test('what comes beyond the rate of a cell waits, and nothing waits below it', () => {
  const tenants = tenantsOf(scenario({ skew: 0 }));
  const where = place('balanced', tenants, 1, 2000);
  const peak = peakOf(tenants);
  assert.deepEqual([dayOf(tenants, where, 1, peak * 1.01).late, dayOf(tenants, where, 1, peak * 1.01).longestWaitS], [0, 0]);
  const full = dayOf(tenants, where, 1, peak * 0.8);
  assert.ok(full.late > 0 && full.longestWaitS > 0 && full.hottest > 1);
  assert.equal(recoveryS(0.5, 600), 600);
  assert.equal(recoveryS(1, 600), Number.POSITIVE_INFINITY);
});
