// Strategies: the orders and a program's own. The odds of WEIGHTED_RANDOM are the engines', in the conformance suite.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QueueError } from '../../src/domain/errors.ts';
import { STRATEGIES, compareBy, defineStrategy, findStrategy, strategyIndex } from '../../src/domain/strategy.ts';
import type { OrderTerm, OrderedRow } from '../../src/domain/strategy.ts';
import { codeOf, valueOf } from './results.ts';

const ROWS: readonly OrderedRow[] = [
  { position: 1, priority: 50, dueAtUtc: null, draw: 0.9 },
  { position: 2, priority: 10, dueAtUtc: 300, draw: 0.4 },
  { position: 3, priority: 10, dueAtUtc: 200, draw: 0.7 },
  { position: 4, priority: 1, dueAtUtc: null, draw: 0.1 },
  { position: 5, priority: 9, dueAtUtc: 200, draw: 0.5 },
];
const orderBy = (name: string, extra: Parameters<typeof findStrategy>[1] = []): number[] =>
  [...ROWS].sort(compareBy(valueOf(findStrategy(name, extra)))).map((row) => row.position);

test('each strategy takes in its order', () => {
  assert.deepEqual(orderBy('FIFO'), [1, 2, 3, 4, 5]);
  assert.deepEqual(orderBy('LIFO'), [5, 4, 3, 2, 1]);
  assert.deepEqual(orderBy('PRIORITY'), [4, 5, 2, 3, 1]);
  assert.deepEqual(orderBy('WEIGHTED_RANDOM'), [4, 2, 5, 3, 1]);
  assert.deepEqual(orderBy('DEADLINE'), [5, 3, 2, 4, 1]);
  const tied = [...ROWS].reverse().map((row) => ({ ...row, draw: 0.5 }));
  assert.deepEqual(
    tied.sort(compareBy(valueOf(findStrategy('WEIGHTED_RANDOM')))).map((row) => row.position),
    [1, 2, 3, 4, 5],
  );
});

test('a strategy is found in any case, and an unknown name is told the known ones', () => {
  assert.equal(valueOf(findStrategy('fifo')).name, 'FIFO');
  const mine = defineStrategy({ name: 'MINE', order: [['draw', 'desc']] });
  assert.equal(valueOf(findStrategy('Mine', [mine])), mine);
  for (const bad of ['MINE', 'toString', '', null, 7]) {
    const result = findStrategy(bad);
    assert.equal(codeOf(result), 'unknown_strategy');
    if (!result.ok) for (const name of Object.keys(STRATEGIES)) assert.ok(result.refusal.message.includes(name));
  }
});

test('an own strategy is ended by the position and orders as it says', () => {
  const mine = defineStrategy({ name: 'URGENT_LAST', order: [['priority', 'desc']], summary: 'the highest number first' });
  assert.deepEqual(mine.order, [
    ['priority', 'desc'],
    ['position', 'asc'],
  ]);
  assert.deepEqual(orderBy('URGENT_LAST', [mine]), [1, 2, 3, 5, 4]);
  assert.deepEqual(defineStrategy({ name: 'A', order: [['position', 'desc']] }).order, [['position', 'desc']]);
});

test('an own strategy of any other form is refused', () => {
  const due: OrderTerm = ['due_at_utc', 'asc'];
  const bad: readonly (readonly [unknown, unknown])[] = [
    ['lower', [due]],
    ['', [due]],
    ['A'.repeat(33), [due]],
    ['FIFO', [due]],
    [7, [due]],
    ['A B', [due]],
    ['A', []],
    ['A', 'priority asc'],
    ['A', [due, due]],
    ['A', [['created_at_utc', 'asc']]],
    ['A', [['draw', 'ASC']]],
    ['A', [['draw']]],
    ['A', [['draw', 'asc', 1]]],
    ['A', [['draw; DROP TABLE ready', 'asc']]],
    ['A', [due, ['draw', 'asc'], ['priority', 'asc'], ['position', 'asc'], ['position', 'desc']]],
  ];
  for (const [name, order] of bad)
    assert.throws(
      () => defineStrategy({ name: name as string, order: order as OrderTerm[] }),
      (error) => error instanceof QueueError && error.code === 'invalid_input',
      JSON.stringify([name, order]),
    );
});

test('the index of an order is an identifier that tells the order', () => {
  assert.equal(strategyIndex(valueOf(findStrategy('DEADLINE'))), 'due_at_utc_asc_priority_asc_position_asc');
  const names = Object.keys(STRATEGIES).map((name) => strategyIndex(valueOf(findStrategy(name))));
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[a-z_]+$/);
});

/** Whether a count of hits in `runs` is within three standard deviations of the probability. */
