// Who may do what: one row an operation, one column a role. `authorize` is the only reader; handles, routes, database rights,
// tests and the docs page come from this table or are checked against it.
import type { Result } from './errors.ts';
import { ok } from './errors.ts';
import { shown, wrongField } from './fields.ts';
import type { TaskEvent } from './lifecycle.ts';
import type { Principal } from './principal.ts';

/**
 * How far a permission reaches.
 * `no` never · `own` rows of the bound client · `any` rows of every client · `meta` every client, without payload and result ·
 * `named` inside a client that the call names, with a reason · `grant` inside declared ∩ granted · `lease` with a current lease ·
 * `self` the principal's own row.
 */
export type Reach = 'no' | 'own' | 'any' | 'meta' | 'named' | 'grant' | 'lease' | 'self';

export const COLUMNS = ['client', 'worker', 'client_admin', 'platform_admin', 'auditor', 'system'] as const;
export type Column = (typeof COLUMNS)[number];

export interface AccessRule {
  readonly object: 'task' | 'log' | 'worker' | 'grant' | 'key' | 'client' | 'category' | 'schedule' | 'limit' | 'audit' | 'queue';
  readonly reach: Readonly<Record<Column, Reach>>;
  /** What a foreign object answers: the same as an absent one. */
  readonly foreign: 'not_found' | 'empty' | 'lease_lost' | 'n/a';
  /** Whether it is a security event when it is done, or only when it is refused. */
  readonly audit: 'always' | 'denied' | 'none';
  readonly event?: TaskEvent;
}

type Reaches = readonly [client: Reach, worker: Reach, clientAdmin: Reach, platformAdmin: Reach, auditor: Reach, system: Reach];
function row(object: AccessRule['object'], reaches: Reaches, foreign: AccessRule['foreign'], audit: AccessRule['audit'], event?: TaskEvent): AccessRule {
  const reach = Object.fromEntries(COLUMNS.map((column, i) => [column, reaches[i]])) as Record<Column, Reach>;
  return event === undefined ? { object, reach, foreign, audit } : { object, reach, foreign, audit, event };
}

export const ACCESS = {
  //                             client   worker   cl.admin platform auditor system
  'task.enqueue': row('task', ['own', 'no', 'own', 'named', 'no', 'any'], 'n/a', 'denied', 'enqueue'),
  'task.get': row('task', ['own', 'no', 'own', 'meta', 'no', 'no'], 'not_found', 'denied'),
  'task.payload': row('task', ['own', 'lease', 'own', 'named', 'no', 'no'], 'not_found', 'denied'),
  'task.list': row('task', ['own', 'no', 'own', 'meta', 'no', 'no'], 'empty', 'denied'),
  'task.explain': row('task', ['own', 'no', 'own', 'meta', 'no', 'no'], 'not_found', 'denied'),
  'task.unroutable': row('task', ['own', 'no', 'own', 'meta', 'no', 'no'], 'empty', 'denied'),
  'task.forecast': row('task', ['own', 'no', 'own', 'meta', 'no', 'no'], 'not_found', 'denied'),
  'task.stats': row('task', ['own', 'no', 'own', 'any', 'any', 'any'], 'empty', 'none'),
  'task.wait': row('task', ['own', 'no', 'own', 'no', 'no', 'no'], 'not_found', 'denied'),
  'task.cancel': row('task', ['own', 'no', 'own', 'any', 'no', 'any'], 'not_found', 'denied', 'cancel'),
  'task.requeue': row('task', ['own', 'no', 'own', 'any', 'no', 'no'], 'not_found', 'denied', 'requeue'),
  'task.reprioritise': row('task', ['own', 'no', 'own', 'named', 'no', 'no'], 'not_found', 'denied', 'reprioritise'),
  'task.amend': row('task', ['own', 'no', 'own', 'no', 'no', 'no'], 'not_found', 'denied', 'amend'),
  'task.purge': row('task', ['no', 'no', 'own', 'any', 'no', 'any'], 'not_found', 'always', 'purge'),
  'task.dependencies': row('task', ['own', 'no', 'own', 'meta', 'no', 'no'], 'not_found', 'denied'),
  'task.logs': row('log', ['own', 'no', 'own', 'meta', 'meta', 'no'], 'not_found', 'denied'),
  'task.events': row('log', ['own', 'no', 'own', 'meta', 'meta', 'no'], 'empty', 'denied'),
  'bulk.cancel': row('task', ['own', 'no', 'own', 'named', 'no', 'no'], 'empty', 'denied', 'cancel'),
  'bulk.requeue': row('task', ['own', 'no', 'own', 'named', 'no', 'no'], 'empty', 'denied', 'requeue'),
  'bulk.reprioritise': row('task', ['own', 'no', 'own', 'named', 'no', 'no'], 'empty', 'denied', 'reprioritise'),
  'bulk.purge': row('task', ['no', 'no', 'own', 'named', 'no', 'no'], 'empty', 'always', 'purge'),
  'inbox.list': row('task', ['no', 'grant', 'no', 'no', 'no', 'no'], 'empty', 'denied'),
  'lease.claim': row('task', ['no', 'grant', 'no', 'no', 'no', 'no'], 'empty', 'denied', 'claim'),
  'lease.heartbeat': row('task', ['no', 'lease', 'no', 'no', 'no', 'no'], 'lease_lost', 'denied', 'heartbeat'),
  'lease.complete': row('task', ['no', 'lease', 'no', 'no', 'no', 'no'], 'lease_lost', 'denied', 'complete'),
  'lease.fail': row('task', ['no', 'lease', 'no', 'no', 'no', 'no'], 'lease_lost', 'denied', 'fail'),
  'lease.release': row('task', ['no', 'lease', 'no', 'no', 'no', 'no'], 'lease_lost', 'denied', 'release'),
  'lease.progress': row('task', ['no', 'lease', 'no', 'no', 'no', 'no'], 'lease_lost', 'denied'),
  'lease.enqueue': row('task', ['no', 'lease', 'no', 'no', 'no', 'no'], 'lease_lost', 'denied'),
  'lease.parents': row('task', ['no', 'lease', 'no', 'no', 'no', 'no'], 'lease_lost', 'denied'),
  'lease.log': row('log', ['no', 'lease', 'no', 'no', 'no', 'no'], 'lease_lost', 'denied'),
  'worker.register': row('worker', ['no', 'self', 'no', 'no', 'no', 'no'], 'n/a', 'always'),
  'worker.heartbeat': row('worker', ['no', 'self', 'no', 'no', 'no', 'no'], 'n/a', 'denied'),
  'worker.deregister': row('worker', ['no', 'self', 'no', 'no', 'no', 'no'], 'n/a', 'always'),
  'worker.list': row('worker', ['no', 'self', 'own', 'any', 'any', 'no'], 'empty', 'none'),
  'worker.remove': row('worker', ['no', 'no', 'no', 'any', 'no', 'any'], 'not_found', 'always'),
  'grant.create': row('grant', ['no', 'no', 'own', 'any', 'no', 'no'], 'not_found', 'always'),
  'grant.list': row('grant', ['no', 'self', 'own', 'any', 'any', 'no'], 'empty', 'none'),
  'grant.delete': row('grant', ['no', 'no', 'own', 'any', 'no', 'no'], 'not_found', 'always'),
  'key.create': row('key', ['no', 'no', 'own', 'any', 'no', 'no'], 'n/a', 'always'),
  'key.list': row('key', ['no', 'no', 'own', 'any', 'any', 'no'], 'empty', 'none'),
  'key.rotate': row('key', ['no', 'no', 'own', 'any', 'no', 'no'], 'not_found', 'always'),
  'key.revoke': row('key', ['no', 'no', 'own', 'any', 'no', 'no'], 'not_found', 'always'),
  'key.bootstrap': row('key', ['no', 'no', 'no', 'no', 'no', 'any'], 'n/a', 'always'),
  'client.create': row('client', ['no', 'no', 'no', 'any', 'no', 'no'], 'n/a', 'always'),
  'client.list': row('client', ['no', 'no', 'no', 'any', 'any', 'no'], 'empty', 'none'),
  'client.suspend': row('client', ['no', 'no', 'no', 'any', 'no', 'no'], 'not_found', 'always'),
  'client.weight': row('client', ['no', 'no', 'no', 'any', 'no', 'no'], 'not_found', 'always'),
  'client.quota': row('client', ['no', 'no', 'no', 'any', 'no', 'no'], 'not_found', 'always'),
  'client.usage': row('client', ['own', 'no', 'own', 'named', 'no', 'no'], 'n/a', 'denied'),
  'client.encrypt': row('client', ['no', 'no', 'own', 'any', 'no', 'no'], 'not_found', 'always'),
  'client.erase': row('client', ['no', 'no', 'no', 'any', 'no', 'no'], 'not_found', 'always'),
  'client.export': row('client', ['no', 'no', 'own', 'any', 'no', 'no'], 'not_found', 'always'),
  'category.set': row('category', ['no', 'no', 'no', 'any', 'no', 'no'], 'n/a', 'always'),
  'category.list': row('category', ['any', 'any', 'any', 'any', 'any', 'no'], 'empty', 'none'),
  'category.forecast': row('category', ['own', 'no', 'own', 'named', 'no', 'no'], 'n/a', 'denied'),
  'category.delete': row('category', ['no', 'no', 'no', 'any', 'no', 'no'], 'not_found', 'always'),
  'schedule.set': row('schedule', ['own', 'no', 'own', 'named', 'no', 'no'], 'n/a', 'always'),
  'schedule.list': row('schedule', ['own', 'no', 'own', 'meta', 'no', 'no'], 'empty', 'none'),
  'schedule.get': row('schedule', ['own', 'no', 'own', 'no', 'no', 'no'], 'not_found', 'none'),
  'schedule.delete': row('schedule', ['own', 'no', 'own', 'named', 'no', 'no'], 'not_found', 'always'),
  'schedule.pause': row('schedule', ['own', 'no', 'own', 'named', 'no', 'no'], 'not_found', 'always'),
  'schedule.run': row('schedule', ['own', 'no', 'own', 'named', 'no', 'no'], 'not_found', 'always'),
  'schedule.fire': row('schedule', ['no', 'no', 'no', 'no', 'no', 'any'], 'n/a', 'none'),
  'limit.set': row('limit', ['no', 'no', 'own', 'named', 'no', 'no'], 'n/a', 'always'),
  'limit.list': row('limit', ['own', 'no', 'own', 'any', 'no', 'no'], 'empty', 'none'),
  'limit.delete': row('limit', ['no', 'no', 'own', 'named', 'no', 'no'], 'not_found', 'always'),
  'queue.pause': row('queue', ['no', 'no', 'own', 'named', 'no', 'no'], 'n/a', 'always'),
  'audit.events': row('audit', ['no', 'no', 'own', 'any', 'any', 'no'], 'empty', 'none'),
  'audit.trail': row('audit', ['no', 'no', 'own', 'any', 'any', 'no'], 'empty', 'none'),
  'audit.verify': row('audit', ['no', 'no', 'own', 'any', 'any', 'any'], 'empty', 'none'),
  'audit.export': row('audit', ['no', 'no', 'own', 'any', 'any', 'no'], 'empty', 'always'),
  'audit.anchor': row('audit', ['no', 'no', 'no', 'any', 'no', 'any'], 'n/a', 'denied'),
  'audit.retain': row('audit', ['no', 'no', 'no', 'any', 'no', 'no'], 'not_found', 'always'),
  'audit.retention': row('audit', ['no', 'no', 'own', 'any', 'any', 'no'], 'empty', 'none'),
  'audit.cut': row('audit', ['no', 'no', 'no', 'no', 'no', 'any'], 'n/a', 'none'),
  'audit.seal': row('audit', ['no', 'no', 'no', 'no', 'no', 'any'], 'n/a', 'none'),
  'metrics.read': row('queue', ['no', 'no', 'own', 'any', 'any', 'any'], 'empty', 'none'),
  'janitor.tick': row('queue', ['no', 'no', 'no', 'any', 'no', 'any'], 'n/a', 'none'),
} as const satisfies Record<string, AccessRule>;

export type Operation = keyof typeof ACCESS;
export const OPERATION_NAMES = Object.keys(ACCESS) as readonly Operation[];

export function columnOf(principal: Principal): Column {
  if (principal.role !== 'admin') return principal.role;
  return principal.clientId === undefined ? 'platform_admin' : 'client_admin';
}

/** How far the principal's permission reaches for this operation; `no` is a refusal. Scopes only take away. */
export function reachOf(principal: Principal, operation: Operation): Reach {
  if (principal.scopes !== undefined && !isInScopes(principal.scopes, operation)) return 'no';
  return ACCESS[operation].reach[columnOf(principal)];
}

// Scopes: what a key may be narrowed to

/** Operations that change nothing: the scope `read`. */
export const READING = [
  'task.get',
  'task.payload',
  'task.list',
  'task.explain',
  'task.forecast',
  'task.unroutable',
  'task.stats',
  'task.wait',
  'task.dependencies',
  'task.logs',
  'inbox.list',
  'worker.list',
  'grant.list',
  'key.list',
  'client.list',
  'client.usage',
  'category.list',
  'category.forecast',
  'schedule.list',
  'schedule.get',
  'limit.list',
  'audit.events',
  'metrics.read',
] as const satisfies readonly Operation[];

const GROUPS = [...new Set(OPERATION_NAMES.map((operation) => `${operation.slice(0, operation.indexOf('.'))}.*`))];

/** All that a scope may be: `read`, the operations of an object (`task.*`), or one operation. */
export const SCOPES: readonly string[] = ['read', ...GROUPS, ...OPERATION_NAMES];

const isScopeOf = (scope: string, operation: Operation): boolean =>
  scope === operation ||
  (scope === 'read' ? (READING as readonly Operation[]).includes(operation) : scope.endsWith('.*') && operation.startsWith(scope.slice(0, -1)));

export const isInScopes = (scopes: readonly string[], operation: Operation): boolean => scopes.some((scope) => isScopeOf(scope, operation));

/** The operations of a role, narrowed by scopes. */
export const operationsOf = (column: Column, scopes?: readonly string[]): readonly Operation[] =>
  OPERATION_NAMES.filter((operation) => ACCESS[operation].reach[column] !== 'no' && (scopes === undefined || isInScopes(scopes, operation)));

/** Scopes as they are kept: known, each of use to the role, none twice. */
export function checkScopes(column: Column, scopes: unknown): Result<readonly string[]> {
  if (!Array.isArray(scopes) || scopes.length === 0) return wrongField('scopes', 'give a list of scopes, or leave it out for all that the role may do');
  for (const scope of scopes as unknown[]) {
    if (typeof scope !== 'string' || !SCOPES.includes(scope)) return wrongField('scopes', `${shown(scope)} is no scope: there are ${SCOPES.join(', ')}`);
    if (operationsOf(column, [scope]).length === 0) return wrongField('scopes', `${scope} gives this role nothing: scopes only narrow what a role may do`);
  }
  return ok([...new Set(scopes as string[])].toSorted());
}
