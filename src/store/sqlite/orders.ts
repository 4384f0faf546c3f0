// The order of a strategy as SQL, and its indexes. PRIORITY is the key of `ready`; every other order gets its indexes when
// the first worker asks for it, so that a queue pays only for the strategies that it uses.
import { strategyIndex } from '../../domain/strategy.ts';
import type { Strategy } from '../../domain/strategy.ts';
import { asOwner, setSetting, setting } from './engine.ts';
import type { Engine } from './engine.ts';

/** Tasks without a due time come last. */
const SQL_COLUMN = { priority: 'priority', position: 'task_no', due_at_utc: 'ifnull(due_at_utc, 9007199254740991)', draw: 'draw' } as const;

export const orderOf = (strategy: Strategy): string => strategy.order.map(([column, direction]) => `${SQL_COLUMN[column]} ${direction}`).join(', ');

const KEY_ORDER = 'priority asc, task_no asc';

/** Makes the indexes of an order where they are missing: one to scan a client or all clients, one to probe lanes. */
export function ensureOrder(engine: Engine, strategy: Strategy, over: 'client' | 'all' = 'client'): void {
  const order = orderOf(strategy);
  if (order === KEY_ORDER && over === 'client') return;
  const name = `${over === 'all' ? 'ready_all' : 'ready'}_by_${strategyIndex(strategy)}`;
  const done = made.get(engine) ?? new Set<string>();
  if (done.has(name)) return;
  asOwner(engine, () => {
    if (over === 'all') engine.db.exec(`CREATE INDEX IF NOT EXISTS ${name} ON ready (${order})`);
    else {
      if (strategy.order.some(([column]) => column === 'draw')) startDraws(engine);
      engine.db.exec(`CREATE INDEX IF NOT EXISTS ${name} ON ready (client_id, ${order})`);
      engine.db.exec(`CREATE INDEX IF NOT EXISTS lane_${name} ON ready (lane_id, ${order})`);
    }
  });
  // Remembered only as a saving: IF NOT EXISTS decides, and nothing ever drops them while the queue is open.
  made.set(engine, done.add(name));
}

const made = new WeakMap<Engine, Set<string>>();

/** From the first WEIGHTED_RANDOM claim on, every task draws when it enters `ready`; those that wait draw now. */
function startDraws(engine: Engine): void {
  if (setting(engine, 'draws') === '1') return;
  setSetting(engine, 'draws', '1');
  engine.wall.bind({ clients: '*' });
  asOwner(engine, () => engine.db.exec('UPDATE main.ready SET draw = -ln((abs(random() % 9007199254740991) + 1) / 9007199254740993.0) * (priority + 1)'));
}
