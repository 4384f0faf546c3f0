// The order of a strategy as SQL, and the indexes that are made when somebody first needs them, so that a queue pays only for what
// it uses: each index costs every enqueue. PRIORITY within a client is the key of `ready` itself.
import { STRATEGIES, strategyIndex } from '../../domain/strategy.ts';
import type { Strategy } from '../../domain/strategy.ts';
import { asOwner, setSetting, setting } from './engine.ts';
import type { Engine } from './engine.ts';

/** Tasks without a due time come last. */
const SQL_COLUMN = { priority: 'priority', position: 'task_no', due_at_utc: 'ifnull(due_at_utc, 9007199254740991)', draw: 'draw' } as const;

export const orderOf = (strategy: Strategy): string => strategy.order.map(([column, direction]) => `${SQL_COLUMN[column]} ${direction}`).join(', ');

const KEY_ORDER = 'priority asc, task_no asc';

/** What an order is wanted for: to scan a client, to probe lanes, to scan across clients. */
export type Over = 'client' | 'lane' | 'all';
const OVER = { client: ['ready_by_', 'client_id, '], lane: ['ready_lane_by_', 'lane_id, '], all: ['ready_all_by_', ''] } as const;

/** Makes the index of an order where it is missing. The key of `ready` is the order PRIORITY within a client. */
export function ensureOrder(engine: Engine, strategy: Strategy, over: Over): void {
  const order = orderOf(strategy);
  if (over === 'client' && order === KEY_ORDER) return;
  const [name, leading] = OVER[over];
  ensureIndex(engine, `${name}${strategyIndex(strategy)}`, `ready (${leading}${order})`, strategy);
}

/** Whether a lane has ready tasks is asked only where a worker may take some lanes of a client and others not, and by inboxes. */
export const ensureLanes = (engine: Engine): void => ensureOrder(engine, PRIORITY, 'lane');
export const hasLanes = (engine: Engine): boolean => made.get(engine)?.has(`${OVER.lane[0]}${strategyIndex(PRIORITY)}`) ?? false;

const PRIORITY: Strategy = { name: 'PRIORITY', ...STRATEGIES.PRIORITY };

const LISTING = 'tasks_of_client';
/** A client's list without a status. While nobody lists, no enqueue writes a page of it for each client. */
export const ensureListing = (engine: Engine): void => ensureIndex(engine, LISTING, 'tasks (client_id, task_id)');
export const hasListing = (engine: Engine): boolean => made.get(engine)?.has(LISTING) ?? false;

function ensureIndex(engine: Engine, name: string, on: string, strategy?: Strategy): void {
  const done = made.get(engine) ?? new Set<string>();
  if (done.has(name)) return;
  asOwner(engine, () => {
    if (strategy?.order.some(([column]) => column === 'draw') === true) startDraws(engine);
    engine.db.exec(`CREATE INDEX IF NOT EXISTS ${name} ON ${on}`);
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
