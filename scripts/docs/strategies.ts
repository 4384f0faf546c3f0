// How a worker's next task is chosen.
import { DEFAULT_STRATEGY, STRATEGIES, STRATEGY_COLUMNS, type StrategyColumn } from '../../src/domain/strategy.ts';
import { code, codes, table } from './markdown.ts';
import type { Page } from './page.ts';

const COLUMN = {
  priority: '1–1000, the lower the more urgent',
  position: 'the place in the order of enqueueing; it survives retries',
  due_at_utc: 'when the task should be done; a task without a due time counts as due last',
  draw: 'the ticket of a weighted draw',
} as const satisfies Record<StrategyColumn, string>;

const ordered = (order: readonly (readonly [string, string])[]): string => order.map(([column, direction]) => code(`${column} ${direction}`)).join(', ');

export const strategiesPage = (): Page => ({
  file: 'strategies.md',
  title: 'Strategies',
  source: 'src/domain/strategy.ts',
  body: `
A strategy is a worker's, and may be switched while it runs. It is an order over columns; the default is ${code(DEFAULT_STRATEGY)}.

${table(
  ['strategy', 'takes', 'order'],
  Object.entries(STRATEGIES).map(([name, { order, summary }]) => [code(name), summary, ordered(order)]),
)}

## One of your own

\`defineStrategy({ name, order })\` over ${codes(STRATEGY_COLUMNS)}, handed to \`openQueue(…, { strategies: [ … ] })\`.

${table(
  ['column', 'meaning'],
  STRATEGY_COLUMNS.map((column) => [code(column), COLUMN[column]]),
)}
`,
});
