// `node bench/cells.ts`: how many cells carry how much, and what placing tenants costs, from a million to a milliard tasks a day. A
// model, not a measurement; the same seed gives the same table. Options: --seed 1 --cell-rate 2000 --target 0.5 --skew 1 --json.
import { parseArgs } from 'node:util';
import { PLACEMENTS, cellsFor, cutGiants, dayOf, movedByGrowth, peakOf, place, recoveryS, tenantsOf } from './cells-model.ts';
import type { Placement, Scenario } from './cells-model.ts';

const DAYS = [1e6, 1e7, 1e8, 1e9] as const;
/** A tenant for every so many tasks a day, at least 20 of them. */
const TASKS_A_TENANT = 100_000;
const DOWN_S = 1800;

export interface Line {
  readonly tasksADay: number;
  readonly tenants: number;
  readonly peakRate: number;
  readonly cells: number;
  readonly placement: Placement;
  readonly hottest: number;
  readonly meanPeak: number;
  readonly late: number;
  readonly longestWaitS: number;
  readonly movedTenants: number;
  readonly movedLoad: number;
  /** The heaviest tenant's busiest five minutes, in cells: above 1 it has to be cut into several clients. */
  readonly heaviest: number;
  /** A cell that is away for half an hour at its busiest: seconds until it has caught up. */
  readonly recoveryS: number;
}

export function simulate(options: Omit<Scenario, 'tasksADay' | 'tenants'>): readonly Line[] {
  return DAYS.flatMap((tasksADay) => {
    const scenario: Scenario = { ...options, tasksADay, tenants: Math.max(20, Math.round(tasksADay / TASKS_A_TENANT)) };
    const { cellRate } = scenario;
    const tenants = tenantsOf(scenario);
    const peakRate = peakOf(tenants);
    const cells = cellsFor(scenario, peakRate);
    const heaviest = Math.max(...tenants.slice(0, 20).map((tenant) => peakOf([tenant]))) / cellRate;
    return PLACEMENTS.map((placement): Line => {
      const placed = placement === 'pins and cuts' ? cutGiants(tenants, cellRate) : tenants;
      const day = dayOf(placed, place(placement, placed, cells, cellRate), cells, cellRate);
      const moved = movedByGrowth(placement, placed, cells, cellRate);
      const common = { tasksADay, tenants: placed.length, peakRate, cells, placement, heaviest };
      return { ...common, ...day, movedTenants: moved.tenants, movedLoad: moved.load, recoveryS: recoveryS(day.meanPeak, DOWN_S) };
    });
  });
}

const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.001 ? 3 : 1)} %`;
const minutes = (seconds: number): string => (Number.isFinite(seconds) ? `${(seconds / 60).toFixed(1)} min` : 'never');

export function tableOf(lines: readonly Line[]): string {
  const head = [
    'tasks a day',
    'tenants',
    'peak/s',
    'cells',
    'placement',
    'hottest',
    'mean peak',
    'late > 1 min',
    'longest wait',
    '+1 cell moves',
    'heaviest tenant',
    'after 30 min away',
  ];
  const rows = lines.map((line) => [
    line.tasksADay.toExponential(0).replace('e+', 'e'),
    String(line.tenants),
    line.peakRate.toFixed(0),
    String(line.cells),
    line.placement,
    percent(line.hottest),
    percent(line.meanPeak),
    percent(line.late),
    minutes(line.longestWaitS),
    `${line.movedTenants} tenants, ${percent(line.movedLoad)} of load`,
    `${line.heaviest.toFixed(2)} cells`,
    minutes(line.recoveryS),
  ]);
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      'cell-rate': { type: 'string', default: '2000' },
      target: { type: 'string', default: '0.5' },
      skew: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const lines = simulate({ seed: Number(values.seed), cellRate: Number(values['cell-rate']), target: Number(values.target), skew: Number(values.skew) });
  console.log(values.json ? JSON.stringify(lines, null, 2) : tableOf(lines));
}
