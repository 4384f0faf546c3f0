// What the service is given by the composition root: the store, ids, digests, the limits in force. Nothing here is looked up.
import { ACCESS, reachOf } from '../domain/access.ts';
import type { Operation } from '../domain/access.ts';
import { QueueError } from '../domain/errors.ts';
import { actorOf } from '../domain/principal.ts';
import type { AdminPrincipal, Principal } from '../domain/principal.ts';
import type { Strategy } from '../domain/strategy.ts';
import type { GrantSpec } from '../domain/task.ts';
import type { Store, StoreScope } from '../store/store.ts';

export interface Deps {
  readonly store: Store;
  readonly newId: () => string;
  /** SHA-256 in hex. */
  readonly digest: (text: string) => string;
  readonly randomHex: (bytes: number) => string;
  readonly limits: { readonly payloadBytes: number; readonly payloadDepth: number };
  readonly retentionMs: number;
  /** Strategies beside those built in. */
  readonly strategies: readonly Strategy[];
  /** Whether a client that the program names is made on first use. */
  readonly createClients: boolean;
}

/** The scope that a principal acts in. A worker's clients follow from its grants. */
export function scopeOf(principal: Principal): StoreScope {
  const base = { role: principal.role, actor: actorOf(principal) };
  switch (principal.role) {
    case 'client':
      return { ...base, clients: [principal.clientId] };
    case 'worker':
      return { ...base, clients: [], workerId: principal.workerId };
    case 'system':
      return { ...base, clients: '*' };
    default:
      return { ...base, clients: principal.clientId === undefined ? '*' : [principal.clientId] };
  }
}

/** Refuses what the access table does not give, and records the refusal as a security event of its own. */
export async function authorize(deps: Deps, principal: Principal, operation: Operation): Promise<void> {
  if (reachOf(principal, operation) !== 'no') return;
  const clientId = 'clientId' in principal ? (principal.clientId ?? null) : null;
  await deps.store.recordSecurity({
    actor: actorOf(principal),
    action: operation,
    clientId,
    outcome: 'denied',
    details: JSON.stringify({ rule: ACCESS[operation].reach }),
  });
  throw new QueueError('forbidden', `${operation} is not for ${actorOf(principal)}`);
}

/** An admin of a client grants its own client only; another one, or all of them, is as good as absent. */
export function ownGrant(principal: AdminPrincipal, grant: GrantSpec): GrantSpec {
  if (principal.clientId !== undefined && grant.clientId !== principal.clientId) throw new QueueError('not_found', 'there is no such client');
  return grant;
}
