// The book: workers, grants, clients, keys, categories, security events. Every change of who may do what leaves its security
// event in the same transaction.
import { canonicalAttributes } from '../../domain/capability.ts';
import type { GrantSpec, WorkerCapabilities, WorkerInfo, WorkerStatus } from '../../domain/task.ts';
import { oneClient } from '../pages.ts';
import { clientOfRow, grantOf, workerOf } from '../rows.ts';
import type { CategoryRow, ClientRow, GrantRow, NewSecurityEvent, Registration, StoreScope } from '../store.ts';
import { ensureSet } from './capability-sets.ts';
import { bump, setSetting } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Row } from './statements.ts';

export function security(engine: Engine, event: NewSecurityEvent): void {
  const now = engine.now();
  const clientId = event.clientId ?? null;
  const newest = (engine.st.row('security_newest', { client_id: clientId })?.[0] as number | undefined) ?? 0;
  engine.st.run('security_add', {
    now,
    shown_id: Math.max(now * 1000, newest + 1),
    actor: event.actor,
    action: event.action,
    client_id: clientId,
    object: event.object ?? null,
    outcome: event.outcome,
    details: event.details ?? null,
  });
}

// Workers

export function register(engine: Engine, scope: StoreScope, registration: Registration): WorkerInfo {
  const workerId = scope.workerId as string;
  engine.wall.bind({ clients: '*' });
  if (registration.grants !== undefined) replaceProgramGrants(engine, workerId, registration.grants);
  const set_id = ensureSet(engine, registration.capabilities, grantsOf(engine, workerId));
  const row = {
    worker_id: workerId,
    set_id,
    capabilities: JSON.stringify(registration.capabilities),
    strategy: registration.strategy,
    fairness: registration.fairness,
    versions: JSON.stringify(registration.versions),
    now: engine.now(),
  };
  if (engine.st.run('worker_update', row) === 0) engine.st.run('worker_insert', row);
  security(engine, {
    actor: scope.actor,
    action: 'worker.register',
    object: workerId,
    outcome: 'done',
    details: JSON.stringify({ capabilities: registration.capabilities }),
  });
  return workerInfo(engine, engine.st.row('worker_get', { worker_id: workerId }) as Row);
}

function replaceProgramGrants(engine: Engine, workerId: string, grants: readonly GrantSpec[]): void {
  engine.st.run('grants_of_program_drop', { worker_id: workerId });
  for (const grant of grants) insertGrant(engine, engine.options.randomHex(12), workerId, grant, 1);
}

const grantsOf = (engine: Engine, workerId: string): GrantSpec[] => engine.st.rows('grants_of', { worker_id: workerId, client_id: null }).map(grantOf);

/** After a grant changed: the worker's set is that of its new grants, at once. Binds every client. */
function resetWorker(engine: Engine, workerId: string): void {
  engine.wall.bind({ clients: '*' });
  const worker = engine.st.row('worker_get', { worker_id: workerId });
  if (worker === undefined) return;
  const set_id = ensureSet(engine, JSON.parse(worker[2] as string) as WorkerCapabilities, grantsOf(engine, workerId));
  engine.st.run('worker_set', { worker_id: workerId, set_id });
}

export function beat(engine: Engine, scope: StoreScope, status: WorkerStatus): boolean {
  engine.wall.bind({ clients: [] });
  return engine.st.run('worker_beat', { worker_id: scope.workerId as string, status, now: engine.now() }) > 0;
}

export function dropWorker(engine: Engine, actor: string, workerId: string, action: 'worker.deregister' | 'worker.remove'): boolean {
  engine.wall.bind({ clients: '*' });
  const dropped = engine.st.run('worker_delete', { worker_id: workerId }) > 0;
  engine.st.run('grants_of_program_drop', { worker_id: workerId });
  for (const [setId] of engine.st.rows('sets_unused', { most: 16 })) {
    engine.st.run('set_uncover', { set_id: setId as number });
    engine.st.run('set_delete', { set_id: setId as number });
    bump(engine, 'lanes_version');
  }
  if (dropped) security(engine, { actor, action, object: workerId, outcome: 'done' });
  return dropped;
}

export function pruneWorkers(engine: Engine, scope: StoreScope, staleMs: number): number {
  engine.wall.bind({ clients: '*' });
  const stale = engine.st.rows('workers_stale', { cut: engine.now() - staleMs });
  for (const [workerId] of stale) dropWorker(engine, scope.actor, workerId as string, 'worker.remove');
  return stale.length;
}

export function listWorkers(engine: Engine, scope: StoreScope): WorkerInfo[] {
  engine.wall.bind({ clients: scope.clients });
  if (scope.workerId !== undefined) {
    const own = engine.st.row('worker_get', { worker_id: scope.workerId });
    return own === undefined ? [] : [workerInfo(engine, own)];
  }
  return engine.st.rows('workers_list', { client_id: oneClient(scope) }).map((row) => workerInfo(engine, row));
}

/** Rows of `worker_get` have the set and the fairness between what the other engine names too. */
const workerInfo = (engine: Engine, row: Row): WorkerInfo => workerOf([row[0], row[2], row[3], row[5], row[6], row[7], row[8], row[9]], engine.now());

// Grants

function insertGrant(engine: Engine, grantId: string, workerId: string, grant: GrantSpec, ofProgram: number): boolean {
  const attributes = canonicalAttributes(grant.attributes);
  const same = { worker_id: workerId, client_id: grant.clientId, pattern: grant.pattern, attributes };
  if (engine.st.row('grant_same', same) !== undefined) return false;
  engine.st.run('grant_insert', { ...same, grant_id: grantId, of_program: ofProgram, now: engine.now() });
  return true;
}

export function createGrant(engine: Engine, scope: StoreScope, grantId: string, workerId: string, grant: GrantSpec): GrantRow | null {
  engine.wall.bind({ clients: scope.clients });
  if (!insertGrant(engine, grantId, workerId, grant, 0)) return null;
  security(engine, {
    actor: scope.actor,
    action: 'grant.create',
    clientId: grant.clientId === '*' ? null : grant.clientId,
    object: workerId,
    outcome: 'done',
    details: JSON.stringify({ grant_id: grantId, ...grant }),
  });
  const row = grantOf(engine.st.row('grant_get', { grant_id: grantId, client_id: oneClient(scope) }) as Row);
  resetWorker(engine, workerId);
  return row;
}

export function listGrants(engine: Engine, scope: StoreScope, workerId?: string): GrantRow[] {
  engine.wall.bind({ clients: scope.workerId === undefined ? scope.clients : '*' });
  const of = scope.workerId ?? workerId;
  // A worker sees what each client granted it.
  const own = { client_id: scope.workerId === undefined ? oneClient(scope) : null };
  return (of === undefined ? engine.st.rows('grants_list', own) : engine.st.rows('grants_of', { ...own, worker_id: of })).map(grantOf);
}

export function deleteGrant(engine: Engine, scope: StoreScope, grantId: string): boolean {
  engine.wall.bind({ clients: scope.clients });
  const found = engine.st.row('grant_get', { grant_id: grantId, client_id: oneClient(scope) });
  if (found === undefined) return false;
  const grant = grantOf(found);
  engine.st.run('grant_delete', { grant_id: grantId });
  security(engine, {
    actor: scope.actor,
    action: 'grant.delete',
    clientId: grant.clientId === '*' ? null : grant.clientId,
    object: grant.workerId,
    outcome: 'done',
    details: JSON.stringify({ grant_id: grantId, pattern: grant.pattern }),
  });
  resetWorker(engine, grant.workerId);
  return true;
}

// Clients

export function createClient(engine: Engine, scope: StoreScope, clientId: string, weight: number): ClientRow | null {
  engine.wall.bind({ clients: scope.clients });
  if (engine.st.row('client_get', { client_id: clientId }) !== undefined) return null;
  engine.st.run('client_add', { client_id: clientId, weight, now: engine.now() });
  security(engine, { actor: scope.actor, action: 'client.create', clientId, object: clientId, outcome: 'done' });
  return clientOfRow(engine.st.row('client_get', { client_id: clientId }) as Row);
}

export function listClients(engine: Engine, scope: StoreScope): ClientRow[] {
  engine.wall.bind({ clients: scope.clients });
  return engine.st.rows('client_list', { client_id: oneClient(scope) }).map(clientOfRow);
}

export function updateClient(
  engine: Engine,
  scope: StoreScope,
  clientId: string,
  change: { readonly status?: ClientRow['status']; readonly weight?: number },
): ClientRow | null {
  engine.wall.bind({ clients: scope.clients });
  if (engine.st.row('client_get', { client_id: clientId }) === undefined) return null;
  if (change.status !== undefined) engine.st.run('client_status', { client_id: clientId, status: change.status });
  if (change.weight !== undefined) engine.st.run('client_share', { client_id: clientId, weight: change.weight });
  bump(engine, 'lanes_version'); // Claims remember whom they may ask by this number.
  const action = change.weight !== undefined ? 'client.weight' : change.status === 'active' ? 'client.resume' : 'client.suspend';
  security(engine, { actor: scope.actor, action, clientId, object: clientId, outcome: 'done', details: JSON.stringify(change) });
  return clientOfRow(engine.st.row('client_get', { client_id: clientId }) as Row);
}

// Categories
export function setCategory(engine: Engine, scope: StoreScope, category: CategoryRow): void {
  engine.wall.bind({ clients: scope.clients });
  engine.st.run('category_put', {
    pattern: category.pattern,
    priority: category.priority,
    max_attempts: category.maxAttempts,
    max_run_ms: category.maxRunMs,
    backoff: category.backoff === null ? null : JSON.stringify(category.backoff),
    schema: category.schema,
    max_wait_ms: category.maxWaitMs,
  });
  bump(engine, 'categories_version');
  security(engine, { actor: scope.actor, action: 'category.set', object: category.pattern, outcome: 'done' });
}

export function deleteCategory(engine: Engine, scope: StoreScope, pattern: string): boolean {
  engine.wall.bind({ clients: scope.clients });
  if (engine.st.run('category_delete', { pattern }) === 0) return false;
  bump(engine, 'categories_version');
  security(engine, { actor: scope.actor, action: 'category.delete', object: pattern, outcome: 'done' });
  return true;
}

export function setCategoryMode(engine: Engine, scope: StoreScope, mode: string): void {
  engine.wall.bind({ clients: scope.clients });
  setSetting(engine, 'category_mode', mode);
  bump(engine, 'categories_version');
  security(engine, { actor: scope.actor, action: 'category.set', object: `mode ${mode}`, outcome: 'done' });
}
