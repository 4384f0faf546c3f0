// A scope of the port as a context of the database, and the login class that carries it.
import type { StoreScope } from '../store.ts';
import type { Acting } from './context.ts';

export type ClassName = 'client' | 'worker' | 'admin';

export const SYSTEM: Acting = { role: 'system', clients: '*', actor: 'system' };

/** What a scope signs. A worker's clients follow from its grants, unless the call names leases. */
export function actingOf(scope: StoreScope, clients: '*' | readonly string[] = scope.clients): Acting {
  if (scope.workerId !== undefined) return { role: 'worker', clients: clients === '*' ? [] : clients, actor: scope.actor };
  // A handler that enqueues a child acts for the client of its task; the audit names the worker.
  if (scope.role === 'worker') return { role: 'client', clients, actor: scope.actor };
  return { role: scope.role, clients, actor: scope.role === 'client' ? 'client' : scope.actor };
}

/** An admin of a client sees its contents, by the client's login; one of the platform does not. */
export function classOf(scope: StoreScope): ClassName {
  if (scope.workerId !== undefined) return 'worker';
  if (scope.role === 'client' || scope.role === 'worker') return 'client';
  return scope.role === 'admin' && scope.clients !== '*' && scope.blind !== true ? 'client' : 'admin';
}
