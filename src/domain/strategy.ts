// How a worker's next task is chosen: an order over listed columns, as data. The engines make SQL and indexes from it; nobody
// gives SQL text.
import type { Result } from './errors.ts';
import { QueueError, ok, refuse, unwrap } from './errors.ts';
import { shown, wrongField } from './fields.ts';

export const STRATEGY_COLUMNS = ['priority', 'position', 'due_at_utc', 'draw'] as const;
export type StrategyColumn = (typeof STRATEGY_COLUMNS)[number];
export type OrderTerm = readonly [column: StrategyColumn, direction: 'asc' | 'desc'];

interface StrategyRule {
  readonly order: readonly OrderTerm[];
  readonly summary: string;
}

/** `position` is the place in the order of enqueueing; it survives retries. A task without a due time counts as due last. */
export const STRATEGIES = {
  FIFO: { order: [['position', 'asc']], summary: 'the oldest first' },
  LIFO: { order: [['position', 'desc']], summary: 'the newest first; may starve the old' },
  PRIORITY: {
    order: [
      ['priority', 'asc'],
      ['position', 'asc'],
    ],
    summary: 'the lowest priority number first, the oldest among equals; may starve high numbers',
  },
  /**
   * The engines draw when a task becomes ready: `floor − ln(U)·(priority + 1)`; the smallest draw is taken and becomes the client's
   * floor. Exponential clocks: the odds are exactly 1/(priority + 1) among those that wait, whoever came first.
   */
  WEIGHTED_RANDOM: {
    order: [
      ['draw', 'asc'],
      ['position', 'asc'],
    ],
    summary: 'drawn with odds 1/(priority + 1); nothing starves',
  },
  DEADLINE: {
    order: [
      ['due_at_utc', 'asc'],
      ['priority', 'asc'],
      ['position', 'asc'],
    ],
    summary: 'the earliest due first, those without a due time last',
  },
} as const satisfies Record<string, StrategyRule>;

type BuiltIn = keyof typeof STRATEGIES;
/** A built-in name, or that of a strategy given to `openQueue`. */
export type StrategyName = BuiltIn | (string & {});

export interface Strategy extends StrategyRule {
  readonly name: StrategyName;
}

export const DEFAULT_STRATEGY: StrategyName = 'PRIORITY';

const BUILT_IN: ReadonlyMap<string, Strategy> = new Map(Object.entries(STRATEGIES).map(([name, rule]) => [name, { name, ...rule }]));
const NAME = /^[A-Z][A-Z0-9_]{0,31}$/;

/**
 * A strategy of your own, for `openQueue(…, { strategies: [ … ] })`: an order over `priority`, `position`, `due_at_utc`, `draw`.
 * @throws QueueError `invalid_input`
 */
export function defineStrategy(input: { readonly name: string; readonly order: readonly OrderTerm[]; readonly summary?: string }): Strategy {
  const { name, summary = 'given by the program' } = input;
  if (typeof name !== 'string' || !NAME.test(name))
    unwrap(wrongField('name', `${shown(name)} is no strategy name: 1–32 of A–Z, 0–9 and _, the first a letter`));
  if (BUILT_IN.has(name))
    throw new QueueError('invalid_input', `name: ${name} is built in, choose another`, { fields: [{ field: 'name', message: 'built in' }] });
  const order = unwrap(checkOrder(input.order));
  return { name, summary, order: order.some(([column]) => column === 'position') ? order : [...order, ['position', 'asc']] };
}

function checkOrder(order: unknown): Result<readonly OrderTerm[]> {
  const form = `1–4 pairs of a column (${STRATEGY_COLUMNS.join(', ')}) and 'asc' or 'desc'`;
  if (!Array.isArray(order) || order.length < 1 || order.length > STRATEGY_COLUMNS.length) return wrongField('order', `give ${form}`);
  const terms: OrderTerm[] = [];
  for (const term of order as readonly unknown[]) {
    const [column, direction] = Array.isArray(term) && term.length === 2 ? (term as unknown[]) : [];
    const known = STRATEGY_COLUMNS.find((name) => name === column);
    if (known === undefined || (direction !== 'asc' && direction !== 'desc')) return wrongField('order', `give ${form}`);
    if (terms.some(([earlier]) => earlier === known)) return wrongField('order', `${known} is named twice`);
    terms.push([known, direction]);
  }
  return ok(terms);
}

/** By name, in any case; `extra` are the program's own. */
export function findStrategy(name: unknown, extra: readonly Strategy[] = []): Result<Strategy> {
  const wanted = typeof name === 'string' ? name.toUpperCase() : '';
  const found = BUILT_IN.get(wanted) ?? extra.find((strategy) => strategy.name === wanted);
  if (found !== undefined) return ok(found);
  const known = [...BUILT_IN.keys(), ...extra.map((strategy) => strategy.name)];
  return refuse('unknown_strategy', `there is no strategy ${shown(name)}: known are ${known.join(', ')}`, { known });
}

/** A stable identifier of the order, for the name of its index. */
export const strategyIndex = (strategy: Strategy): string => strategy.order.map(([column, direction]) => `${column}_${direction}`).join('_');

export interface OrderedRow {
  readonly priority: number;
  readonly position: number;
  readonly dueAtUtc: number | null;
  readonly draw: number;
}

const VALUE = {
  priority: (row) => row.priority,
  position: (row) => row.position,
  due_at_utc: (row) => row.dueAtUtc ?? Number.MAX_SAFE_INTEGER,
  draw: (row) => row.draw,
} as const satisfies Record<StrategyColumn, (row: OrderedRow) => number>;

/** The order as a comparator: what the engines must agree with. */
export function compareBy(strategy: Strategy): (a: OrderedRow, b: OrderedRow) => number {
  return (a, b) => {
    for (const [column, direction] of strategy.order) {
      const difference = VALUE[column](a) - VALUE[column](b);
      if (difference !== 0) return direction === 'asc' ? difference : -difference;
    }
    return 0;
  };
}
