// What a claim may take of clients with limits: free places are counted from the leases and the starts under the write lock, lanes
// without one are passed over, and the others are probed for no more than they have. Clients without limits never get here.
import type { Engine } from './engine.ts';
import type { Row } from './statements.ts';

/** Lanes of one client that one claim looks at. */
const PROBED_LANES = 512;

export interface LimitedRequest {
  readonly setId: number;
  readonly now: number;
  /** The heads of a lane in the order of the strategy: rows of `lane_heads`, with the lane. */
  readonly heads: (clientId: string, laneId: number, most: number) => readonly Row[];
  readonly compare: (a: Row, b: Row) => number;
  readonly pick: (rows: readonly Row[]) => number;
}

interface Budget {
  /** Of each bucket that some lane is in. */
  readonly free: Map<string, number>;
  readonly rates: ReadonlyMap<string, number>;
  /** Lanes with work, and the buckets of each. */
  readonly lanes: ReadonlyMap<number, readonly string[]>;
  readonly taken: Set<unknown>;
  readonly started: Map<string, number>;
}

export interface Limited {
  /** Up to `most` of one client, beyond what it gave before. */
  take(clientId: string, most: number): number;
  /** Up to `most` of all of these in one order. */
  across(clientIds: readonly string[], most: number): number;
  /** Puts the starts under rates on record. */
  record(): void;
}

export function createLimited(engine: Engine, request: LimitedRequest): Limited {
  const budgets = new Map<string, Budget>();
  const budget = (clientId: string): Budget => {
    let known = budgets.get(clientId);
    if (known === undefined) budgets.set(clientId, (known = budgetOf(engine, request, clientId)));
    return known;
  };
  const across = (clientIds: readonly string[], most: number): number => {
    const rows = clientIds.flatMap((clientId) => headsOf(engine, request, clientId, budget(clientId), most).map((row) => ({ clientId, ...row })));
    const chosen: Row[] = [];
    for (const { clientId, laneId, row } of rows.sort((a, b) => request.compare(a.row, b.row))) {
      if (chosen.length === most) break;
      if (spend(budget(clientId), laneId, row[0])) chosen.push(row);
    }
    return chosen.length === 0 ? 0 : request.pick(chosen);
  };
  return {
    take: (clientId, most) => across([clientId], most),
    across,
    record() {
      for (const [clientId, { started, rates }] of budgets)
        for (const [key, starts] of started) {
          const [name = '', bucket = ''] = key.split('\n');
          const at = { client_id: clientId, name, bucket };
          engine.st.run('limit_starts_old', { ...at, cut: request.now - (rates.get(name) as number) });
          engine.st.run('limit_start', { ...at, now: request.now, starts });
        }
    },
  };
}

function budgetOf({ st }: Engine, { setId, now }: LimitedRequest, clientId: string): Budget {
  const free = new Map<string, number>();
  const rates = new Map<string, number>();
  const of = { client_id: clientId };
  const counts = (rows: readonly Row[]): Map<string, number> =>
    new Map(rows.map(([name, bucket, n]) => [`${name as string}\n${bucket as string}`, n as number]));
  const running = counts(st.rows('limit_running', of));
  const limits = new Map(st.rows('limits_of', of).map((row) => [row[0] as string, row]));
  for (const [name, row] of limits) if (row[5] !== null) rates.set(name, row[5] as number);
  const started = rates.size === 0 ? new Map<string, number>() : counts(st.rows('limit_started', { ...of, now }));
  const lanes = new Map<number, string[]>();
  for (const [laneId, name, bucket] of st.rows('limited_lanes', { ...of, set_id: setId })) {
    const mine = lanes.get(laneId as number) ?? [];
    lanes.set(laneId as number, mine);
    const limit = limits.get(name as string);
    if (limit === undefined) continue;
    const key = `${name as string}\n${bucket as string}`;
    mine.push(key);
    const [, , , concurrency, rate] = limit as readonly (number | null)[];
    free.set(key, Math.min((concurrency ?? Infinity) - (running.get(key) ?? 0), (rate ?? Infinity) - (started.get(key) ?? 0)));
  }
  return { free, rates, lanes, taken: new Set(), started: new Map() };
}

const roomOf = ({ free, lanes }: Budget, laneId: number): number => Math.min(Infinity, ...(lanes.get(laneId) ?? []).map((key) => free.get(key) as number));

/** The heads of the lanes that have room, no more of each than it has. */
function headsOf(engine: Engine, { heads }: LimitedRequest, clientId: string, budget: Budget, most: number): { readonly laneId: number; readonly row: Row }[] {
  const open = [...budget.lanes.keys()].filter((laneId) => roomOf(budget, laneId) > 0);
  // Of too many, others each time: none is left out for good.
  const from = open.length <= PROBED_LANES ? 0 : Math.floor(engine.options.random() * open.length);
  const probed = from === 0 ? open.slice(0, PROBED_LANES) : [...open.slice(from), ...open.slice(0, from)].slice(0, PROBED_LANES);
  return probed.flatMap((laneId) => {
    const room = Math.min(most, roomOf(budget, laneId));
    const rows = heads(clientId, laneId, room + budget.taken.size);
    return rows
      .filter((row) => !budget.taken.has(row[0]))
      .slice(0, room)
      .map((row) => ({ laneId, row }));
  });
}

function spend({ free, lanes, rates, taken, started }: Budget, laneId: number, taskNo: unknown): boolean {
  const keys = lanes.get(laneId) ?? [];
  if (keys.some((key) => (free.get(key) as number) <= 0)) return false;
  for (const key of keys) {
    free.set(key, (free.get(key) as number) - 1);
    if (rates.has(key.slice(0, key.indexOf('\n')))) started.set(key, (started.get(key) ?? 0) + 1);
  }
  taken.add(taskNo);
  return true;
}
