// What the service is given by the composition root: the store, ids, digests, the limits in force. Nothing here is looked up.
import { ACCESS, columnOf, reachOf } from '../domain/access.ts';
import type { Operation } from '../domain/access.ts';
import { QueueError } from '../domain/errors.ts';
import { actorOf } from '../domain/principal.ts';
import type { AdminPrincipal, Principal } from '../domain/principal.ts';
import type { CompileSchema } from '../domain/schema.ts';
import type { NextCron } from '../domain/schedule.ts';
import type { Strategy } from '../domain/strategy.ts';
import type { Store, StoreScope } from '../store/store.ts';
import type { VerifyToken } from './credential.ts';
import type { Keyring } from './keyring.ts';
import type { Refusals } from './refusals.ts';
import type { DataKeys } from './sealed/keys.ts';
import type { MasterKey } from './sealed/master.ts';

/** What the composition root gives. */
export interface Given {
  readonly store: Store;
  readonly newId: () => string;
  /** SHA-256 in hex. */
  readonly digest: (text: string) => string;
  readonly randomHex: (bytes: number) => string;
  readonly limits: { readonly payloadBytes: number; readonly payloadDepth: number };
  readonly retentionMs: number;
  /** Of clients without one of their own; null: for ever. */
  readonly auditRetentionMs: number | null;
  /** Strategies beside those built in. */
  readonly strategies: readonly Strategy[];
  /** Whether a client that the program names is made on first use. */
  readonly createClients: boolean;
  /** Wraps the data keys of clients; absent: nothing is sealed. */
  readonly masterKey?: MasterKey;
  /** For tokens that are no API keys; absent: none is taken. */
  readonly verifyToken?: VerifyToken;
  /** For schedules by cron; absent: those are left to whoever has it. */
  readonly cron?: NextCron;
  /** For the schemas of categories; absent: payloads are not held against them here. */
  readonly schemas?: CompileSchema;
}

export interface Deps extends Given {
  /** Where a master key is given. */
  readonly sealing?: DataKeys;
  readonly refusals: Refusals;
  readonly keyring: Keyring;
}

/** The scope that a principal acts in. A worker's clients follow from its grants. */
export function scopeOf(principal: Principal, raw = false): StoreScope {
  const base = { role: principal.role, actor: actorOf(principal), ...(raw ? { raw: true as const } : {}) };
  const blind = reachOf(principal, 'task.payload') === 'no' ? { blind: true as const } : {};
  switch (principal.role) {
    case 'client':
      return { ...base, ...blind, clients: [principal.clientId] };
    case 'worker':
      return { ...base, clients: [], workerId: principal.workerId };
    case 'system':
      return { ...base, clients: '*' };
    case 'admin':
      return principal.clientId === undefined ? { ...base, clients: '*' } : { ...base, ...blind, clients: [principal.clientId] };
    default:
      return { ...base, clients: principal.clientId === undefined ? '*' : [principal.clientId] };
  }
}

/** Refuses what the access table and the scopes of the key do not give. */
export async function authorize(deps: Deps, principal: Principal, operation: Operation): Promise<void> {
  if (reachOf(principal, operation) !== 'no') return;
  const because = ACCESS[operation].reach[columnOf(principal)] === 'no' ? 'role' : 'scopes';
  await recordRefusal(deps, principal, operation, null, because);
  throw new QueueError('forbidden', because === 'role' ? `${operation} is not for ${actorOf(principal)}` : `${operation} is not in the scopes of this key`);
}

/**
 * Puts a refusal on record. What changes who may do what waits until it is written, and fails when it can not be; all else is
 * answered at once.
 */
export async function recordRefusal(deps: Deps, principal: Principal, operation: Operation, object: string | null, because: string): Promise<void> {
  const key = principal.keyId === undefined ? {} : { key_id: principal.keyId };
  const clientId = 'clientId' in principal ? (principal.clientId ?? null) : null;
  const refusal = { actor: actorOf(principal), action: operation, clientId, object, details: { because, ...key } };
  if (ACCESS[operation].audit === 'always') await deps.refusals.record(refusal);
  else deps.refusals.note(refusal);
}

/** An admin of a client names its own client only; another one, or all of them, is as good as absent, and the try is recorded. */
export async function ownClient(deps: Deps, principal: AdminPrincipal, operation: Operation, clientId: string): Promise<void> {
  if (principal.clientId === undefined || clientId === principal.clientId) return;
  await recordRefusal(deps, principal, operation, clientId, 'client');
  throw new QueueError('not_found', 'there is no such client');
}
