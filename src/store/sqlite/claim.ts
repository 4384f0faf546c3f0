// Claim: what is due is promoted, clients are picked by fair share, inside a client rows are scanned in the order of the
// strategy (wide workers) or lanes are probed (narrow ones); the picked rows move to leases set-based. Bounded by what is
// asked for, never by the backlog.
import { createFairShare } from '../../domain/fair-share.ts';
import { intersectPatterns } from '../../domain/category.ts';
import { QueueError, unwrap } from '../../domain/errors.ts';
import { compareBy, findStrategy } from '../../domain/strategy.ts';
import type { Strategy } from '../../domain/strategy.ts';
import type { ClaimedTask, WorkerCapabilities } from '../../domain/task.ts';
import type { ClaimRequest, StoreScope } from '../store.ts';
import { ensureSet } from './capability-sets.ts';
import type { createSets } from './capability-sets.ts';
import { setting } from './engine.ts';
import type { Engine } from './engine.ts';
import { promoteDue } from './janitor.ts';
import { ensureOrder, orderOf } from './orders.ts';
import type { Row } from './statements.ts';

/** Up to this many covered lanes a worker is narrow: its lanes are probed one by one. */
const NARROW_LANES = 256;
/** Lanes probed in one client when a scan met too much of what the worker may not take. */
const PROBED_LANES = 512;
const DUE_A_CLAIM = 1000;
const CLIENTS_A_LOOK = 1024;

interface Candidate {
  readonly clientId: string;
  readonly weight: number;
}
interface Request {
  readonly scope: StoreScope;
  readonly workerId: string;
  readonly setId: number;
  readonly clients: '*' | readonly string[];
  readonly strategy: Strategy;
  readonly order: string;
  readonly now: number;
  readonly max: number;
}
type CoveredLanes = ReadonlyMap<string, readonly number[]>;

export interface Claimer {
  claim(scope: StoreScope, request: ClaimRequest): readonly ClaimedTask[];
  /** A client got work: look at it in the next claim. */
  activated(clientId: string): void;
}

export function createClaimer(engine: Engine, sets: ReturnType<typeof createSets>): Claimer {
  const fair = createFairShare();
  const covered = createCovered(engine);
  const active = createActive(engine);
  return {
    activated: active.add,
    claim(scope, asked) {
      const now = engine.now();
      engine.wall.bind({ clients: '*' });
      if (engine.st.row('due_exists', { now }) !== undefined) promoteDue(engine, now, DUE_A_CLAIM);
      const request = prepare(engine, sets, scope, asked, now);
      engine.wall.bind({ clients: request.clients, workerId: request.workerId, setId: request.setId });
      const lanes = covered(request.setId);
      const pick = createPicker(engine, request, lanes);
      const fairness = asked.fairness ?? (request as Request & { fairness: string }).fairness;
      let picked: number;
      if (fairness === 'none') picked = pickAcross(engine, request, lanes);
      else picked = fair.take(candidatesOf(engine, request, lanes, active), request.max, pick);
      active.served(picked < request.max);
      return picked === 0 ? [] : lease(engine, request, asked.leaseMs);
    },
  };
}

function prepare(
  engine: Engine,
  sets: ReturnType<typeof createSets>,
  scope: StoreScope,
  asked: ClaimRequest,
  now: number,
): Request & { readonly fairness: string } {
  const workerId = scope.workerId as string;
  const worker = engine.st.row('worker_of', { worker_id: workerId });
  if (worker === undefined) throw new QueueError('worker_outdated', `the worker ${workerId} is not registered: register it first`);
  const [registeredSet, named, fairness, key] = worker as [number, string, string, string];
  const strategy = unwrap(findStrategy(asked.strategy ?? named, engine.options.strategies));
  ensureOrder(engine, strategy);
  let setId = registeredSet;
  let content = sets.content(setId, key);
  if (asked.types !== undefined) {
    const declared: WorkerCapabilities = { ...content.declared, categories: intersectPatterns(content.declared.categories ?? ['*'], asked.types) };
    setId = ensureSet(engine, declared, content.grants);
    content = { ...content, declared };
  }
  return { scope, workerId, setId, clients: content.clients, strategy, order: orderOf(strategy), now, max: asked.max, fairness };
}

function candidatesOf(engine: Engine, request: Request, lanes: CoveredLanes | null, active: ReturnType<typeof createActive>): readonly Candidate[] {
  if (lanes === null && request.clients === '*') return active.list();
  const clients = lanes === null ? (request.clients as readonly string[]) : [...lanes.keys()];
  return clients.flatMap((clientId) => {
    const weight = engine.st.row('client_weight', { client_id: clientId })?.[0];
    return weight === undefined ? [] : [{ clientId, weight: weight as number }];
  });
}

/** The fair share may ask a client again: then it is picked anew, for what it got before and what is asked now. */
function createPicker(engine: Engine, request: Request, lanes: CoveredLanes | null): (clientId: string, most: number) => number {
  const got = new Map<string, number>();
  return (clientId, most) => {
    const before = got.get(clientId) ?? 0;
    if (before > 0) engine.st.run('picked_drop', { client_id: clientId });
    const now = pickOf(engine, request, lanes?.get(clientId), clientId, before + most);
    got.set(clientId, now);
    return now - before;
  };
}

/** Picks up to `most` of one client; how many it got. */
function pickOf(engine: Engine, request: Request, lanes: readonly number[] | undefined, clientId: string, most: number): number {
  if (lanes !== undefined) return probe(engine, request, [[clientId, lanes]], most);
  const scan = most * 4 + 64;
  const got = engine.st.run(engine.st.ordered('pick_scan', request.order), { client_id: clientId, set_id: request.setId, now: request.now, scan, most });
  if (got === most || Number(engine.st.row('ready_beyond', { client_id: clientId, most: scan })?.[0] ?? 0) <= scan) return got;
  // Behind a backlog of what it may not take: start again by its lanes.
  engine.st.run('picked_drop', { client_id: clientId });
  const own = engine.st.rows('covered_lanes_of', { set_id: request.setId, client_id: clientId, most: PROBED_LANES });
  return probe(engine, request, [[clientId, own.map(([laneId]) => laneId as number)]], most);
}

/** The best `most` of the heads of these lanes. */
function probe(engine: Engine, request: Request, lanes: readonly (readonly [string, readonly number[]])[], most: number): number {
  const statement = engine.st.ordered('pick_lane', request.order);
  const heads: Row[] = [];
  let probed = 0;
  for (const [clientId, ids] of lanes)
    for (const laneId of ids) {
      heads.push(...engine.st.rows(statement, { lane_id: laneId, client_id: clientId, now: request.now, most }));
      probed++;
    }
  const best = probed === 1 ? heads : heads.sort(compareRows(request.strategy)).slice(0, most);
  for (const row of best) engine.st.insert('pick_add', row);
  return best.length;
}

/** `fairness: 'none'`: the strategy over all clients. */
function pickAcross(engine: Engine, request: Request, lanes: CoveredLanes | null): number {
  if (lanes !== null) {
    const open = [...lanes].filter(([clientId]) => engine.st.row('client_weight', { client_id: clientId }) !== undefined);
    return probe(engine, request, open, request.max);
  }
  ensureOrder(engine, request.strategy, 'all');
  return engine.st.run(engine.st.ordered('pick_all', request.order), {
    set_id: request.setId,
    now: request.now,
    scan: request.max * 16 + 1024,
    most: request.max,
  });
}

/** Rows of `pick_lane`: task_no is 0, priority 2, due 8, draw 10. */
function compareRows(strategy: Strategy): (a: Row, b: Row) => number {
  const compare = compareBy(strategy);
  const view = (row: Row): { priority: number; position: number; dueAtUtc: number | null; draw: number } => ({
    priority: row[2] as number,
    position: row[0] as number,
    dueAtUtc: row[8] as number | null,
    draw: row[10] as number,
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
  const tasks = st.rows('claimed', { lease_id: leaseId }).map((row) => claimedTask(row, leaseId, leaseMs, epoch));
  st.run('picked_clear');
  return tasks;
}

function claimedTask(row: Row, leaseId: string, leaseMs: number, epoch: number): ClaimedTask {
  return {
    clientId: row[0] as string,
    taskId: row[1] as string,
    leaseId,
    type: row[2] as string,
    payload: row[3] as string,
    compatibility: row[4] as string,
    priority: row[5] as number,
    attempt: row[6] as number,
    maxAttempts: row[7] as number,
    leaseUntilUtc: row[8] as number,
    leaseMs,
    fence: epoch * 2 ** 32 + (row[9] as number),
    maxRunMs: row[10] as number,
    createdAtUtc: row[11] as number,
    createdBy: row[12] as string | null,
    metadata: row[13] as string | null,
    traceparent: row[14] as string | null,
  };
}

/** The covered lanes of narrow sets by client, remembered until the number of lanes and sets changes; null for wide sets. */
function createCovered(engine: Engine): (setId: number) => CoveredLanes | null {
  const known = new Map<number, CoveredLanes | null>();
  let version: unknown;
  return (setId) => {
    const current = engine.st.row('lanes_version')?.[0];
    if (current !== version) known.clear();
    version = current;
    const cached = known.get(setId);
    if (cached !== undefined) return cached;
    const wide = (engine.st.row('covered_count', { set_id: setId, most: NARROW_LANES + 1 })?.[0] as number) > NARROW_LANES;
    const lanes = wide ? null : new Map<string, number[]>();
    if (lanes !== null)
      for (const [clientId, laneId] of engine.st.rows('covered_lanes', { set_id: setId })) {
        const mine = lanes.get(clientId as string);
        if (mine === undefined) lanes.set(clientId as string, [laneId as number]);
        else mine.push(laneId as number);
      }
    known.set(setId, lanes);
    return lanes;
  };
}

/** Which clients have ready work: looked up again when a claim was not filled, when a client got work, and every so many claims. */
function createActive(engine: Engine): { list(): readonly Candidate[]; add(clientId: string): void; served(unfilled: boolean): void } {
  let clients: readonly Candidate[] = [];
  let names = new Set<string>();
  let claimsLeft = 0;
  return {
    list() {
      if (claimsLeft-- > 0) return clients;
      clients = engine.st
        .rows('active_clients', { after: '', most: CLIENTS_A_LOOK })
        .map(([clientId, weight]) => ({ clientId: clientId as string, weight: weight as number }));
      names = new Set(clients.map((client) => client.clientId));
      // A look costs a probe a client: spread it over as many claims.
      claimsLeft = Math.ceil(clients.length / 16);
      return clients;
    },
    add(clientId) {
      if (!names.has(clientId)) claimsLeft = 0;
    },
    served(unfilled) {
      if (unfilled) claimsLeft = 0;
    },
  };
}
