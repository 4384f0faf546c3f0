// Claim: what is due is promoted, clients are picked by fair share, inside a client rows are scanned in the order of the
// strategy (wide workers) or lanes are probed (narrow ones); the picked rows move to leases set-based. Bounded by what is
// asked for, never by the backlog.
import { createFairShare } from '../../domain/fair-share.ts';
import { claimedOf } from '../rows.ts';
import type { FairShare } from '../../domain/fair-share.ts';
import { QueueError, unwrap } from '../../domain/errors.ts';
import { compareBy, findStrategy } from '../../domain/strategy.ts';
import type { Strategy } from '../../domain/strategy.ts';
import type { ClaimedTask } from '../../domain/task.ts';
import type { ClaimRequest, StoreScope } from '../store.ts';
import { createCandidates } from './candidates.ts';
import type { Candidate, Candidates, Line } from './candidates.ts';
import { ensureSet } from './capability-sets.ts';
import type { createSets } from './capability-sets.ts';
import { setting } from './engine.ts';
import type { Engine } from './engine.ts';
import { promoteDue } from './janitor.ts';
import { declaredBy } from '../waiters.ts';
import type { ReachOf } from '../waiters.ts';
import { createLimited } from './limited.ts';
import type { Limited } from './limited.ts';
import { ensureLanes, ensureOrder, orderOf } from './orders.ts';
import type { Row } from './statements.ts';

/** Lanes probed in one client when a scan met too much of what the worker may not take. */
const PROBED_LANES = 512;
const DUE_A_CLAIM = 1000;

interface Request {
  readonly scope: StoreScope;
  readonly workerId: string;
  readonly setId: number;
  readonly clients: '*' | readonly string[];
  readonly strategy: Strategy;
  readonly order: string;
  readonly now: number;
  readonly max: number;
  readonly fairness: string;
}

/** What a worker that is registered may take by such a call, for hints. */
export const reachIn =
  (engine: Engine, sets: ReturnType<typeof createSets>): ReachOf =>
  (workerId, request) => {
    engine.wall.bind({ clients: '*' });
    const worker = engine.st.row('worker_of', { worker_id: workerId });
    if (worker === undefined) return null;
    const { declared, grants } = sets.content(worker[0] as number, worker[3] as string);
    return { declared: declaredBy(request, declared), grants };
  };

export interface Claimer {
  claim(scope: StoreScope, request: ClaimRequest): readonly ClaimedTask[];
  /** A client got work: look at it in the next claim. */
  activated(clientId: string): void;
}

export function createClaimer(engine: Engine, sets: ReturnType<typeof createSets>): Claimer {
  const fair = createFairShare();
  const candidates = createCandidates(engine);
  return {
    activated: candidates.activated,
    claim(scope, asked) {
      const now = engine.now();
      engine.wall.bind({ clients: '*' });
      if (engine.st.row('due_exists', { now }) !== undefined) promoteDue(engine, now, DUE_A_CLAIM);
      const request = prepare(engine, sets, scope, asked, now);
      engine.wall.bind({ clients: request.clients, workerId: request.workerId, setId: request.setId });
      const limited = limitedOf(engine, request);
      const picked = request.fairness === 'none' ? pickAcross(engine, request, candidates, limited) : pickFairly(engine, request, candidates, fair, limited);
      if (picked === 0) return [];
      limited.record();
      return lease(engine, request, asked.leaseMs);
    },
  };
}

function prepare(engine: Engine, sets: ReturnType<typeof createSets>, scope: StoreScope, asked: ClaimRequest, now: number): Request {
  const workerId = scope.workerId as string;
  const worker = engine.st.row('worker_of', { worker_id: workerId });
  if (worker === undefined) throw new QueueError('worker_outdated', `the worker ${workerId} is not registered: register it first`);
  const [registeredSet, named, fairness, key] = worker as [number, string, string, string];
  const strategy = unwrap(findStrategy(asked.strategy ?? named, engine.options.strategies));
  ensureOrder(engine, strategy, 'client');
  let setId = registeredSet;
  let content = sets.content(setId, key);
  if (asked.types !== undefined || asked.capabilities !== undefined) {
    const declared = declaredBy(asked, content.declared);
    setId = ensureSet(engine, declared, content.grants);
    content = { ...content, declared };
  }
  return { scope, workerId, setId, clients: content.clients, strategy, order: orderOf(strategy), now, max: asked.max, fairness: asked.fairness ?? fairness };
}

/** Costs nothing until a client with limits is asked. */
const limitedOf = (engine: Engine, request: Request): Limited =>
  createLimited(engine, {
    setId: request.setId,
    now: request.now,
    heads(clientId, laneId, most) {
      ensureOrder(engine, request.strategy, 'lane');
      return engine.st.rows(engine.st.ordered('lane_heads', request.order), { lane_id: laneId, client_id: clientId, now: request.now, most });
    },
    compare: compareRows(request.strategy),
    pick: (rows) => pickRows(engine, rows),
  });

function pickFairly(engine: Engine, request: Request, candidates: Candidates, fair: FairShare, limited: Limited): number {
  const got = new Map<string, number>();
  let line: Line | null = candidates.recent(request.setId, request.clients);
  let picked = 0;
  // Not filled by those that were known: then by those that there are.
  for (; line !== null && picked < request.max; line = candidates.fresh(line, request.setId, request.clients))
    picked += fair.take(line.clients, request.max - picked, createPicker(engine, request, line, got, limited));
  return picked;
}

/** The fair share may ask a client again: what it gave before is passed over. */
function createPicker(
  engine: Engine,
  request: Request,
  { clients, lanes }: Line,
  got: Map<string, number>,
  limited: Limited,
): (clientId: string, most: number) => number {
  const under = limitedAmong(clients);
  return (clientId, most) => {
    if (under?.has(clientId) === true) return limited.take(clientId, most);
    const before = got.get(clientId) ?? 0;
    const own = lanes?.get(clientId);
    const now = own === undefined ? scan(engine, request, clientId, before, most) : probe(engine, request, [[clientId, own]], before, most);
    got.set(clientId, before + now);
    return now;
  };
}

/** Picks up to `most` of one client in the order of the strategy, beyond the `before` that it gave; how many it got. */
function scan(engine: Engine, request: Request, clientId: string, before: number, most: number): number {
  const rows = (before + most) * 4 + 64;
  const of = { client_id: clientId, set_id: request.setId, now: request.now };
  const got = engine.st.run(engine.st.ordered('pick_scan', request.order), { ...of, scan: rows, most, before });
  if (got === most || Number(engine.st.row('ready_beyond', { client_id: clientId, most: rows })?.[0] ?? 0) <= rows) return got;
  // Behind a backlog of what it may not take: start again by its lanes.
  engine.st.run('picked_drop', { client_id: clientId });
  const own = engine.st.rows('covered_lanes_of', { set_id: request.setId, client_id: clientId, most: PROBED_LANES });
  return probe(engine, request, [[clientId, own.map(([laneId]) => laneId as number)]], 0, before + most) - before;
}

type LanesOf = readonly (readonly [clientId: string, lanes: readonly number[]])[];

/** The best `most` of the heads of these lanes, beyond the `before` best. */
function probe(engine: Engine, request: Request, lanes: LanesOf, before: number, most: number): number {
  ensureOrder(engine, request.strategy, 'lane');
  const [client, ...others] = lanes;
  if (client !== undefined && others.length === 0 && client[1].length === 1) {
    const of = { lane_id: client[1][0] as number, client_id: client[0], now: request.now };
    return engine.st.run(engine.st.ordered('pick_lane', request.order), { ...of, most, before });
  }
  const statement = engine.st.ordered('lane_heads', request.order);
  const heads: Row[] = [];
  for (const [clientId, ids] of lanes)
    for (const laneId of ids) heads.push(...engine.st.rows(statement, { lane_id: laneId, client_id: clientId, now: request.now, most: before + most }));
  const best = heads.sort(compareRows(request.strategy)).slice(before, before + most);
  return best.length === 0 ? 0 : pickRows(engine, best);
}

const pickRows = (engine: Engine, rows: readonly Row[]): number =>
  engine.st.run('pick_keys', { keys: JSON.stringify(rows.map(([taskNo, clientId, priority]) => [clientId, priority, taskNo])) });

const limitedAmong = (clients: readonly Candidate[]): ReadonlySet<string> | null => {
  const under = clients.filter((client) => client.limited);
  return under.length === 0 ? null : new Set(under.map((client) => client.clientId));
};

/** `fairness: 'none'`: the strategy over all clients. */
function pickAcross(engine: Engine, request: Request, candidates: Candidates, limited: Limited): number {
  const { clients, lanes } = candidates.fresh(null, request.setId, request.clients) as Line;
  if (limitedAmong(clients) !== null) {
    ensureLanes(engine);
    return limited.across(
      clients.map(({ clientId }) => clientId),
      request.max,
    );
  }
  if (lanes !== null)
    return probe(
      engine,
      request,
      clients.map(({ clientId }) => [clientId, lanes.get(clientId) ?? []] as const),
      0,
      request.max,
    );
  ensureOrder(engine, request.strategy, 'all');
  return engine.st.run(engine.st.ordered('pick_all', request.order), {
    set_id: request.setId,
    now: request.now,
    scan: request.max * 16 + 1024,
    most: request.max,
  });
}

/** Rows of `lane_heads`: task_no, client_id, priority, due_at_utc, draw. */
function compareRows(strategy: Strategy): (a: Row, b: Row) => number {
  const compare = compareBy(strategy);
  const view = (row: Row): { priority: number; position: number; dueAtUtc: number | null; draw: number } => ({
    priority: row[2] as number,
    position: row[0] as number,
    dueAtUtc: row[3] as number | null,
    draw: row[4] as number,
  });
  return (a, b) => compare(view(a), view(b));
}

function lease(engine: Engine, request: Request, leaseMs: number): readonly ClaimedTask[] {
  const { st } = engine;
  const leaseId = engine.options.randomHex(16);
  const { now, workerId } = request;
  st.run('claim_lease', { worker_id: workerId, lease_id: leaseId, now, lease_ms: leaseMs });
  st.run('claim_unready');
  st.run('claim_log', { now, actor: request.scope.actor });
  if (request.strategy.order[0]?.[0] === 'draw')
    for (const [clientId, floor] of st.rows('picked_floors')) st.run('claim_floor', { client_id: clientId as string, floor: floor as number });
  const epoch = Number(setting(engine, 'restore_epoch') ?? 0);
  const tasks = st.rows('claimed', { lease_id: leaseId }).map((row) => claimedOf(row, leaseId, leaseMs, epoch));
  st.run('picked_clear');
  return tasks;
}
