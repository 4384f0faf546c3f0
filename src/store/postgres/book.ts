// The book: workers, grants, clients, keys, categories, security events. The changes are functions of the database; here are
// their callers and the rows as the domain names them.
import { canonicalAttributes } from '../../domain/capability.ts';
import type { GrantSpec, WorkerInfo, WorkerStatus } from '../../domain/task.ts';
import { oneClient } from '../pages.ts';
import { categoryOf, clientOfRow, grantOf, workerOf } from '../rows.ts';
import type { Categories } from '../rows.ts';
import type { CategoryMode, CategoryRow, ClientRow, GrantRow, NewSecurityEvent, Registration, StoreScope } from '../store.ts';
import { SYSTEM, actingOf } from './acting.ts';
import { call } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Row } from './pool.ts';
import type { Params } from './statements.ts';
import { statement } from './statements.ts';

/** An admin's call: by the admin's login, whatever clients it is of. */
const asAdmin = (engine: Engine, scope: StoreScope, name: string, params: Params = {}): Promise<Row[]> => engine.pools.admin.run(name, actingOf(scope), params);
const asSystem = (engine: Engine, name: string, params: Params = {}): Promise<Row[]> => engine.pools.admin.run(name, SYSTEM, params);
async function readAsAdmin(engine: Engine, scope: StoreScope, name: string, params: Params = {}): Promise<Row[]> {
  const [rows] = await engine.pools.admin.read(actingOf(scope), [{ statement: statement(name), params }]);
  return rows as Row[];
}

// Workers

export async function register(engine: Engine, scope: StoreScope, registration: Registration): Promise<WorkerInfo> {
  // What the program gives is the operator's word: no worker's login may give itself a grant.
  if (registration.grants !== undefined)
    await asSystem(engine, 'program_grants', {
      worker_id: scope.workerId,
      grants: JSON.stringify(
        registration.grants.map((grant) => ({
          grant_id: engine.options.randomHex(12),
          client_id: grant.clientId,
          pattern: grant.pattern,
          attributes: canonicalAttributes(grant.attributes),
        })),
      ),
    });
  const [row] = await call(engine, scope, 'worker_register', {
    capabilities: JSON.stringify(registration.capabilities),
    strategy: registration.strategy,
    fairness: registration.fairness,
    versions: JSON.stringify(registration.versions),
  });
  return workerOf(row as Row, engine.now());
}

export const beat = async (engine: Engine, scope: StoreScope, status: WorkerStatus): Promise<boolean> =>
  (await call(engine, scope, 'worker_beat', { status }))[0]?.[0] === true;

/** What the program gave goes with its worker; that is the system's to take. */
export async function deregister(engine: Engine, scope: StoreScope): Promise<void> {
  await call(engine, scope, 'worker_delete', { worker_id: scope.workerId });
  await asSystem(engine, 'program_grants', { worker_id: scope.workerId, grants: '[]' });
}

export const removeWorker = async (engine: Engine, scope: StoreScope, workerId: string): Promise<boolean> =>
  (await asAdmin(engine, scope, 'worker_delete', { worker_id: workerId }))[0]?.[0] === true;

export const pruneWorkers = async (engine: Engine, scope: StoreScope, staleMs: number): Promise<number> =>
  Number((await asAdmin(engine, scope, 'workers_stale', { stale_ms: staleMs }))[0]?.[0] ?? 0);

export async function listWorkers(engine: Engine, scope: StoreScope): Promise<WorkerInfo[]> {
  const pool = scope.workerId === undefined ? engine.pools.admin : engine.pools.worker;
  return (await pool.run('workers_list', actingOf(scope))).map((row) => workerOf(row, engine.now()));
}

// Grants

export async function createGrant(engine: Engine, scope: StoreScope, grantId: string, workerId: string, grant: GrantSpec): Promise<GrantRow | null> {
  const [row] = await asAdmin(engine, scope, 'grant_insert', {
    grant_id: grantId,
    worker_id: workerId,
    client_id: grant.clientId,
    pattern: grant.pattern,
    attributes: canonicalAttributes(grant.attributes),
  });
  return row === undefined ? null : grantOf(row);
}

export async function listGrants(engine: Engine, scope: StoreScope, workerId?: string): Promise<GrantRow[]> {
  const of = scope.workerId ?? workerId;
  if (scope.workerId !== undefined) {
    const [rows] = await engine.pools.worker.read(actingOf(scope), [{ statement: statement('grants_of'), params: { worker_id: of, client_id: null } }]);
    return (rows as Row[]).map(grantOf);
  }
  const own = { client_id: oneClient(scope) };
  return (
    of === undefined ? await readAsAdmin(engine, scope, 'grants_list', own) : await readAsAdmin(engine, scope, 'grants_of', { ...own, worker_id: of })
  ).map(grantOf);
}

export const deleteGrant = async (engine: Engine, scope: StoreScope, grantId: string): Promise<boolean> =>
  (await asAdmin(engine, scope, 'grant_delete', { grant_id: grantId }))[0]?.[0] === true;

// Clients

const one = <T>(row: Row | undefined, map: (row: Row) => T): T | null => (row === undefined ? null : map(row));

export const createClient = async (engine: Engine, scope: StoreScope, clientId: string, weight: number): Promise<ClientRow | null> =>
  one((await asAdmin(engine, scope, 'client_add', { client_id: clientId, weight }))[0], clientOfRow);

export const listClients = async (engine: Engine, scope: StoreScope): Promise<ClientRow[]> =>
  (await readAsAdmin(engine, scope, 'client_list', { client_id: oneClient(scope) })).map(clientOfRow);

export const updateClient = async (
  engine: Engine,
  scope: StoreScope,
  clientId: string,
  change: { readonly status?: ClientRow['status']; readonly weight?: number },
): Promise<ClientRow | null> =>
  one((await asAdmin(engine, scope, 'client_change', { client_id: clientId, status: change.status ?? null, weight: change.weight ?? null }))[0], clientOfRow);

// Categories

export async function setCategory(engine: Engine, scope: StoreScope, category: CategoryRow): Promise<void> {
  await asAdmin(engine, scope, 'category_put', {
    pattern: category.pattern,
    priority: category.priority,
    max_attempts: category.maxAttempts,
    max_run_ms: category.maxRunMs,
    backoff: category.backoff === null ? null : JSON.stringify(category.backoff),
    schema: category.schema,
    max_wait_ms: category.maxWaitMs,
  });
}

export const deleteCategory = async (engine: Engine, scope: StoreScope, pattern: string): Promise<boolean> =>
  (await asAdmin(engine, scope, 'category_delete', { pattern }))[0]?.[0] === true;

export async function setCategoryMode(engine: Engine, scope: StoreScope, mode: CategoryMode): Promise<void> {
  await asAdmin(engine, scope, 'category_mode_set', { mode });
}

/**
 * The registry, read anew when its version changed. All callers of one turn share one look at the version. An empty one may be
 * remembered: it refuses nothing and gives no defaults, and the enqueue that names its version finds out when it is no longer so.
 */
export function createCategories(engine: Engine): (remembered?: boolean) => Promise<Categories> {
  let version: string | undefined;
  let known: Categories = { mode: 'open', rows: [] };
  let looking: Promise<Categories> | undefined;
  const nobody = { role: 'client', clients: [], actor: 'client' } as const;
  const look = async (): Promise<Categories> => {
    const current = (await engine.pools.client.row('categories_version', nobody))?.[0] as string | undefined;
    if (current !== version) {
      const [rows, mode] = await Promise.all([engine.pools.client.run('category_list', nobody), engine.pools.client.row('category_mode', nobody)]);
      known = { mode: (mode?.[0] ?? 'open') as CategoryMode, rows: rows.map(categoryOf) };
      version = current;
    }
    return known;
  };
  return (remembered = false) => {
    if (remembered && version !== undefined && known.mode === 'open' && known.rows.length === 0) return Promise.resolve({ ...known, seen: version });
    return (looking ??= new Promise<Categories>((resolve, reject) =>
      setImmediate(() => {
        looking = undefined;
        look().then(resolve, reject);
      }),
    ));
  };
}

// Security events

export async function recordSecurity(engine: Engine, event: NewSecurityEvent): Promise<void> {
  await asSystem(engine, 'security_add', {
    actor: event.actor,
    action: event.action,
    client_id: event.clientId ?? null,
    object: event.object ?? null,
    outcome: event.outcome,
    details: event.details ?? null,
  });
}
