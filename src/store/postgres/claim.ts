// Claim: one round trip. Fair share says which clients to ask for how many, as a hint; the database decides what the worker may
// take, moves it and answers it; what was taken is then charged to the clients.
import type { Narrowing } from '../waiting.ts';
import { createFairShare } from '../../domain/fair-share.ts';
import type { FairCandidate, FairShare } from '../../domain/fair-share.ts';
import { QueueError, unwrap } from '../../domain/errors.ts';
import { findStrategy } from '../../domain/strategy.ts';
import type { Strategy } from '../../domain/strategy.ts';
import type { ClaimedTask } from '../../domain/task.ts';
import { claimedOf } from '../rows.ts';
import { declaredBy } from '../waiters.ts';
import type { Reach } from '../waiters.ts';
import type { ClaimRequest, StoreScope } from '../store.ts';
import { SYSTEM } from './acting.ts';
import { call } from './engine.ts';
import type { Engine } from './engine.ts';

const CLIENTS_A_LOOK = 1024;
/** A look at the clients is good for so many claims and so long; one that does not fill a claim is made anew at once. */
const CLAIMS_A_LOOK = 32;
const LOOK_MS = 100;
const LOOKS_KEPT = 1000;
/** What is remembered of what a worker may take: grants may be changed elsewhere. */
const REACH_MS = 5000;

export interface Claimer {
  claim(scope: StoreScope, request: ClaimRequest): Promise<readonly ClaimedTask[]>;
  /** What a worker may take by such a call, as it was lately: for hints. */
  reachOf(workerId: string, request: Narrowing): Promise<Reach | null>;
  /** What a worker registered may have changed. */
  forget(workerId: string): void;
  /** These clients got work: look anew for whoever does not know of them. */
  activated(clientIds: readonly string[]): void;
}

/** What a call declares instead of what was registered, and the types that it names. */
const narrowing = ({ types, capabilities }: ClaimRequest): { readonly types: readonly string[] | null; readonly capabilities: string | null } => ({
  types: types ?? null,
  capabilities: capabilities === undefined ? null : JSON.stringify(capabilities),
});

interface Known {
  readonly strategy: string;
  readonly fairness: 'weighted' | 'none';
}
interface Asked {
  readonly scope: StoreScope;
  readonly request: ClaimRequest;
  readonly known: Known;
  readonly strategy: Strategy;
}
interface Look {
  readonly candidates: readonly FairCandidate[];
  readonly names: ReadonlySet<string>;
  readonly until: number;
  claimsLeft: number;
}

/** What is remembered between claims: all of it hints, and each is found out when it is wrong. */
interface Memory {
  readonly engine: Engine;
  readonly fair: FairShare;
  readonly workers: Map<string, Known>;
  readonly looks: Map<string, Look>;
  /** Whose last claim found nothing: the next one needs no look, since nobody waits for a share. */
  readonly idle: Set<string>;
  readonly ordered: Set<string>;
}

export function createClaimer(engine: Engine): Claimer {
  const memory: Memory = { engine, fair: createFairShare(), workers: new Map(), looks: new Map(), idle: new Set(), ordered: new Set() };
  const reaches = new Map<string, KnownReach>();
  return {
    async reachOf(workerId, request) {
      const known = reaches.get(workerId);
      const { reach } = known !== undefined && performance.now() < known.until ? known : await readReach(memory.engine, workerId, reaches);
      return reach === null ? null : { ...reach, declared: declaredBy(request, reach.declared) };
    },
    forget(workerId) {
      memory.workers.delete(workerId);
      reaches.delete(workerId);
    },
    activated(clientIds) {
      for (const [key, { names }] of memory.looks) if (clientIds.some((clientId) => !names.has(clientId))) memory.looks.delete(key);
    },
    async claim(scope, request) {
      for (let attempt = 1; ; attempt++)
        try {
          return await claimOnce(memory, scope, request);
        } catch (error) {
          memory.workers.delete(scope.workerId as string);
          // Registered anew elsewhere, with another strategy.
          if (!(error instanceof QueueError) || (error.code as string) !== 'worker_changed' || attempt > 3) throw error;
        }
    },
  };
}

interface KnownReach {
  readonly reach: Reach | null;
  readonly until: number;
}

async function readReach(engine: Engine, workerId: string, reaches: Map<string, KnownReach>): Promise<KnownReach> {
  const [row] = await call(engine, { role: 'worker', actor: `worker:${workerId}`, clients: [], workerId }, 'worker_of');
  const read = { reach: row === undefined ? null : (JSON.parse(row[2] as string) as Reach), until: performance.now() + REACH_MS };
  if (reaches.size > LOOKS_KEPT) reaches.clear();
  reaches.set(workerId, read);
  return read;
}

async function claimOnce(memory: Memory, scope: StoreScope, request: ClaimRequest): Promise<readonly ClaimedTask[]> {
  const { engine, looks, idle } = memory;
  const known = await workerOf(memory, scope);
  const strategy = unwrap(findStrategy(request.strategy ?? known.strategy, engine.options.strategies));
  await ensureOrder(engine, scope, strategy, memory.ordered);
  const asked = { scope, request, known, strategy };
  // One order over all clients needs no look: the database finds them.
  if ((request.fairness ?? known.fairness) === 'none') return take(memory, asked, null, request.max);
  const key = `${scope.workerId}\n${request.types?.join() ?? ''}\n${narrowing(request).capabilities ?? ''}`;
  if (idle.delete(key)) return noted(idle, key, await take(memory, asked, null, request.max));
  const kept = looks.get(key);
  const usable = kept !== undefined && kept.claimsLeft-- > 0 && performance.now() < kept.until;
  const current = usable ? kept : await look(memory, asked, key);
  const first = await take(memory, asked, current.candidates, request.max);
  if (first.length === request.max) return first;
  looks.delete(key);
  if (!usable) return noted(idle, key, first);
  // What was remembered did not fill the claim: look, and ask for the rest.
  const { candidates } = await look(memory, asked, key);
  looks.delete(key);
  return candidates.length === 0 ? first : [...first, ...(await take(memory, asked, candidates, request.max - first.length))];
}

function noted(idle: Set<string>, key: string, tasks: readonly ClaimedTask[]): readonly ClaimedTask[] {
  if (idle.size > LOOKS_KEPT) idle.clear();
  if (tasks.length === 0) idle.add(key);
  return tasks;
}

async function workerOf({ engine, workers }: Memory, scope: StoreScope): Promise<Known> {
  const known = workers.get(scope.workerId as string);
  if (known !== undefined) return known;
  const [row] = await call(engine, scope, 'worker_of');
  if (row === undefined) throw new QueueError('worker_outdated', `the worker ${scope.workerId} is not registered: register it first`);
  const found = { strategy: row[0] as string, fairness: row[1] as Known['fairness'] };
  workers.set(scope.workerId as string, found);
  return found;
}

async function look({ engine, looks }: Memory, { scope, request }: Asked, key: string): Promise<Look> {
  const rows = await call(engine, scope, 'active_clients', { ...narrowing(request), most: CLIENTS_A_LOOK });
  const candidates = rows.map(([clientId, weight]) => ({ clientId: clientId as string, weight: weight as number }));
  const found = {
    candidates,
    names: new Set(candidates.map(({ clientId }) => clientId)),
    until: performance.now() + LOOK_MS,
    claimsLeft: CLAIMS_A_LOOK + Math.ceil(candidates.length / 16),
  };
  if (looks.size > LOOKS_KEPT) looks.clear();
  looks.set(key, found);
  return found;
}

async function take(
  { engine, fair }: Memory,
  { scope, request, known, strategy }: Asked,
  candidates: readonly FairCandidate[] | null,
  max: number,
): Promise<ClaimedTask[]> {
  const fairness = request.fairness ?? known.fairness;
  const plan = fairness === 'weighted' && candidates !== null ? fair.plan(candidates, max) : null;
  const leaseId = engine.options.randomHex(16);
  const rows = await call(engine, scope, 'claim', {
    most: max,
    lease_ms: request.leaseMs,
    lease_id: leaseId,
    terms: strategy.order.map(([column, direction]) => `${column} ${direction}`),
    strategy: known.strategy,
    fairness,
    ...narrowing(request),
    clients: plan?.map(({ clientId }) => clientId) ?? null,
    shares: plan?.map(({ share }) => share) ?? null,
  });
  const tasks = rows.map((row) => claimedOf(row, leaseId, request.leaseMs));
  if (fairness === 'weighted' && candidates !== null) charge(fair, candidates, tasks);
  return tasks;
}

/** Tells the fair share what each client got: it asks in its own order and is answered from what was taken. */
function charge(fair: FairShare, candidates: readonly FairCandidate[], tasks: readonly ClaimedTask[]): void {
  const got = new Map<string, number>();
  for (const { clientId } of tasks) got.set(clientId, (got.get(clientId) ?? 0) + 1);
  if (tasks.length === 0) return;
  fair.take(candidates, tasks.length, (clientId, most) => {
    const left = got.get(clientId) ?? 0;
    const taken = Math.min(left, most);
    got.set(clientId, left - taken);
    return taken;
  });
}

/** Indexes and draws of an order, made by the first worker that asks for it. */
async function ensureOrder(engine: Engine, scope: StoreScope, strategy: Strategy, done: Set<string>): Promise<void> {
  const terms = strategy.order.map(([column, direction]) => `${column} ${direction}`);
  const key = terms.join();
  if (done.has(key)) return;
  if (strategy.order.some(([column]) => column === 'draw')) await engine.pools.admin.run('start_draws', SYSTEM);
  await call(engine, scope, 'ensure_order', { terms });
  done.add(key);
}
