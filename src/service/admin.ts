// The handle of an admin: of one client (bound by its principal) or of the whole platform. What is foreign answers like what
// is absent; what the role may never do is refused and recorded.
import { QueueError, unwrap } from '../domain/errors.ts';
import { reachOf } from '../domain/access.ts';
import { checkGrant } from '../domain/capability.ts';
import { LIMITS, checkInt } from '../domain/limits.ts';
import { checkClientId, checkWorkerId } from '../domain/names.ts';
import { checkQuota } from '../domain/quota.ts';
import type { AdminPrincipal, Principal } from '../domain/principal.ts';
import type { Task } from '../domain/task.ts';
import type { StoreScope } from '../store/store.ts';
import { auditAdmin } from './audit-admin.ts';
import { categoryAdmin } from './category-admin.ts';
import { clientHandle } from './client.ts';
import { authorize, ownClient, recordRefusal } from './deps.ts';
import type { Deps } from './deps.ts';
import type { AdminHandle, ClientHandle, Page, QueueStats, SecurityEvent } from './handles.ts';
import { keyAdmin } from './keys.ts';
import { limitList } from './limits.ts';
import { privacyAdmin } from './privacy.ts';
import type { PrivacyAdmin } from './privacy-handle.ts';
import { scheduleList } from './schedules.ts';
import { notFound, raise } from './refusal.ts';
import { checkPage, statsOf, taskMoves, taskReads } from './tasks.ts';

export function adminHandle(deps: Deps, principal: AdminPrincipal, scope: StoreScope): AdminHandle {
  return {
    ...taskReads(deps, principal, scope),
    ...taskMoves(deps, principal, scope),
    audit: auditAdmin(deps, principal, scope),
    inside: (clientId, reason) => inside(deps, principal, clientId, reason, scope.raw === true),
    payload: (taskId, reason) => payload(deps, principal, scope, taskId, reason),
    async purge(taskId) {
      await authorize(deps, principal, 'task.purge');
      const refusal = await deps.store.purge(scope, taskId);
      if (refusal !== null) throw QueueError.from(refusal);
    },
    clients: { ...clientAdmin(deps, principal, scope), ...privacyAdmin(deps, principal, scope) },
    workers: workerAdmin(deps, principal, scope),
    grants: grantAdmin(deps, principal, scope),
    keys: keyAdmin(deps, principal, scope),
    categories: categoryAdmin(deps, principal, scope),
    schedules: scheduleList(deps, principal, scope),
    limits: limitList(deps, principal, scope),
    metrics: () => metrics(deps, principal, scope),
    async tick() {
      await authorize(deps, principal, 'janitor.tick');
      return deps.store.tick({ retentionMs: deps.retentionMs });
    },
    securityEvents: (page) => securityEvents(deps, principal, scope, page),
  };
}

export async function metrics(deps: Deps, principal: Principal, scope: StoreScope): Promise<QueueStats> {
  await authorize(deps, principal, 'metrics.read');
  return statsOf(await deps.store.counts(scope));
}

/** A platform admin inside a client acts without seeing payloads, and each act is recorded with the reason before it is done. */
function inside(deps: Deps, principal: AdminPrincipal, clientId: string, reason: string, raw: boolean): ClientHandle {
  unwrap(checkClientId(clientId));
  if (principal.clientId !== undefined && principal.clientId !== clientId) {
    void recordRefusal(deps, principal, 'task.enqueue', clientId, 'client');
    throw new QueueError('not_found', 'there is no such client');
  }
  checkReason(reason);
  const scope: StoreScope = {
    role: 'admin',
    actor: principal.clientId === undefined ? 'admin' : `admin:${clientId}`,
    clients: [clientId],
    ...(reachOf(principal, 'task.payload') === 'own' ? {} : { blind: true as const }),
    ...(raw ? { raw: true as const } : {}),
  };
  const handle = clientHandle(deps, { ...principal, reason }, clientId, scope, false);
  if (principal.clientId !== undefined) return handle;
  const recorded = async <T>(action: string, object: string | null, act: () => Promise<T>): Promise<T> => {
    await deps.store.recordSecurity({ actor: scope.actor, action, clientId, object, outcome: 'done', details: JSON.stringify({ reason }) });
    return act();
  };
  return {
    ...handle,
    enqueue: (type, payload, options) => recorded('task.enqueue', typeof type === 'string' ? type : type.type, () => handle.enqueue(type, payload, options)),
    enqueueMany: (items, options) => recorded('task.enqueue', `${items.length} tasks`, () => handle.enqueueMany(items, options)),
    async *enqueueStream(items) {
      yield* await recorded('task.enqueue', 'a stream', async () => handle.enqueueStream(items));
    },
    reprioritise: (taskId, priority) => recorded('task.reprioritise', taskId, () => handle.reprioritise(taskId, priority)),
    quota: () => recorded('client.usage', null, () => handle.quota()),
    forecastType: (type, priority) => recorded('category.forecast', type, () => handle.forecastType(type, priority)),
    bulk: (event, request) =>
      request.dryRun === true ? handle.bulk(event, request) : recorded(`bulk.${event}`, 'many tasks', () => handle.bulk(event, request)),
  };
}

function checkReason(reason: string): void {
  if (reason.trim() !== '') return;
  throw new QueueError('invalid_input', 'say why: the reason is written to the audit', { fields: [{ field: 'reason', message: 'empty' }] });
}

/** An admin of a client sees its own; one of the platform breaks the glass, which is on record before anything is seen. */
async function payload(deps: Deps, principal: AdminPrincipal, scope: StoreScope, taskId: string, reason: string): Promise<Task> {
  await authorize(deps, principal, 'task.payload');
  checkReason(reason);
  const { clientId } = (await deps.store.task(scope, taskId)) ?? raise(notFound());
  if (principal.clientId === undefined)
    await deps.store.recordSecurity({
      actor: scope.actor,
      action: 'task.payload',
      clientId,
      object: taskId,
      outcome: 'done',
      details: JSON.stringify({ reason }),
    });
  return (await deps.store.task({ ...scope, clients: [clientId] }, taskId)) ?? raise(notFound());
}

export async function securityEvents(
  deps: Deps,
  principal: Principal,
  scope: StoreScope,
  page: { readonly limit?: number; readonly cursor?: string } = {},
): Promise<Page<SecurityEvent>> {
  await authorize(deps, principal, 'audit.events');
  await deps.refusals.flush();
  const { items, nextCursor } = await deps.store.securityEvents(scope, checkPage(page));
  return { items: items.map((row) => ({ ...row, details: row.details === null ? {} : (JSON.parse(row.details) as SecurityEvent['details']) })), nextCursor };
}

function clientAdmin(deps: Deps, principal: Principal, scope: StoreScope): Omit<AdminHandle['clients'], keyof PrivacyAdmin> {
  const { store } = deps;
  const unknown = (clientId: string): never => raise(new QueueError('not_found', `there is no client ${clientId}`));
  const update = async (
    operation: 'client.suspend' | 'client.weight',
    clientId: string,
    change: { status?: 'active' | 'suspended'; weight?: number },
  ): Promise<Awaited<ReturnType<AdminHandle['clients']['create']>>> => {
    await authorize(deps, principal, operation);
    const updated = await store.updateClient(scope, unwrap(checkClientId(clientId)), change);
    deps.keyring.forget();
    return updated ?? unknown(clientId);
  };
  return {
    async create(clientId, { weight = 1 } = {}) {
      await authorize(deps, principal, 'client.create');
      const made = await store.createClient(scope, unwrap(checkClientId(clientId)), unwrap(checkInt('weight', weight, 'weight')));
      return made ?? raise(new QueueError('already_exists', `the client ${clientId} exists`));
    },
    async list() {
      await authorize(deps, principal, 'client.list');
      return store.clients(scope);
    },
    suspend: (clientId) => update('client.suspend', clientId, { status: 'suspended' }),
    resume: (clientId) => update('client.suspend', clientId, { status: 'active' }),
    async quota(clientId, quota) {
      await authorize(deps, principal, 'client.quota');
      return (await store.quotas.set(scope, unwrap(checkClientId(clientId)), unwrap(checkQuota(quota)))) ?? unknown(clientId);
    },
    weight: async (clientId, weight) => update('client.weight', clientId, { weight: unwrap(checkInt('weight', weight, 'weight')) }),
  };
}

function workerAdmin(deps: Deps, principal: Principal, scope: StoreScope): AdminHandle['workers'] {
  const { store } = deps;
  return {
    async list() {
      await authorize(deps, principal, 'worker.list');
      return store.workers(scope);
    },
    async remove(workerId) {
      await authorize(deps, principal, 'worker.remove');
      if (!(await store.removeWorker(scope, workerId))) throw new QueueError('not_found', `there is no worker ${workerId}`);
    },
    async prune(staleMs = LIMITS.staleMs.default) {
      await authorize(deps, principal, 'worker.remove');
      return store.pruneWorkers(scope, staleMs);
    },
  };
}

function grantAdmin(deps: Deps, principal: AdminPrincipal, scope: StoreScope): AdminHandle['grants'] {
  const { store } = deps;
  return {
    async create(workerId, grant) {
      await authorize(deps, principal, 'grant.create');
      const checked = unwrap(checkGrant(grant));
      await ownClient(deps, principal, 'grant.create', checked.clientId);
      return (
        (await store.createGrant(scope, deps.randomHex(12), unwrap(checkWorkerId(workerId)), checked)) ??
        raise(new QueueError('already_exists', 'the worker has this grant'))
      );
    },
    async list(workerId) {
      await authorize(deps, principal, 'grant.list');
      const grants = await store.grants(scope, workerId);
      return grants;
    },
    async delete(grantId) {
      await authorize(deps, principal, 'grant.delete');
      if (!(await store.deleteGrant(scope, grantId))) throw new QueueError('not_found', 'there is no such grant');
    },
  };
}
