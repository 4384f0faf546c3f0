// API keys: made here, shown once, stored only as a digest. A key says its role and its id in clear, so that an operator can
// tell keys apart; the secret is 256 random bits.
import { QueueError, unwrap } from '../domain/errors.ts';
import { checkGrant } from '../domain/capability.ts';
import { checkClientId, checkWorkerId } from '../domain/names.ts';
import type { AdminPrincipal, KeyPrincipal } from '../domain/principal.ts';
import type { KeyRow, StoreScope } from '../store/store.ts';
import { authorize, ownGrant } from './deps.ts';
import type { Deps } from './deps.ts';
import type { AdminHandle, KeyInfo, NewKey } from './handles.ts';
import { raise } from './tasks.ts';

const KEY = /^pq_(client|worker|admin|auditor)_[0-9a-f]{16}_[0-9a-f]{64}$/;

export function keyAdmin(deps: Deps, principal: AdminPrincipal, scope: StoreScope): AdminHandle['keys'] {
  const { store } = deps;
  return {
    async create(asked) {
      await authorize(deps, principal, 'key.create');
      const row = checkKey(deps, principal, asked);
      const key = `pq_${row.role}_${row.keyId}_${deps.randomHex(32)}`;
      const grants = (asked.grants ?? []).map((grant) => ownGrant(principal, unwrap(checkGrant(grant))));
      if (grants.length > 0 && row.workerId === null)
        throw new QueueError('invalid_input', 'grants are for keys of workers', { fields: [{ field: 'grants', message: 'not for this role' }] });
      const made = await store.createKey(scope, { ...row, digest: deps.digest(key) });
      for (const grant of grants) await store.createGrant(scope, deps.randomHex(12), row.workerId as string, grant);
      return { ...made, key };
    },
    async list() {
      await authorize(deps, principal, 'key.list');
      return store.keys(scope);
    },
    async revoke(keyId) {
      await authorize(deps, principal, 'key.revoke');
      if (!(await store.revokeKey(scope, keyId))) throw new QueueError('not_found', 'there is no such key');
    },
  };
}

function checkKey(deps: Deps, principal: AdminPrincipal, asked: NewKey): KeyRow {
  const wrong = (field: string, message: string): never => raise(new QueueError('invalid_input', `${field}: ${message}`, { fields: [{ field, message }] }));
  if (!['client', 'worker', 'admin', 'auditor'].includes(asked.role)) wrong('role', 'is one of client, worker, admin, auditor');
  const clientId = asked.clientId === undefined ? (principal.clientId ?? null) : unwrap(checkClientId(asked.clientId));
  if (principal.clientId !== undefined && clientId !== principal.clientId) throw new QueueError('not_found', 'there is no such client');
  if (asked.role === 'client' && clientId === null) wrong('clientId', 'a key of a client names it');
  const workerId = asked.role === 'worker' ? unwrap(checkWorkerId(asked.name ?? wrong('name', 'a key of a worker names the worker'))) : null;
  return { keyId: deps.randomHex(8), role: asked.role, clientId, workerId, name: asked.name ?? null, createdAtUtc: 0, revokedAtUtc: null };
}

/** Whose key it is. One answer for every key that does not open. */
export async function principalOfKey(deps: Deps, key: string): Promise<KeyPrincipal> {
  const row: KeyInfo | null = KEY.test(key) ? await deps.store.findKey(deps.digest(key)) : null;
  if (row === null || row.revokedAtUtc !== null) throw new QueueError('unauthenticated', 'the key is unknown or was revoked');
  const keyId = row.keyId;
  if (row.role === 'client') return Object.freeze({ role: 'client', clientId: row.clientId as string, keyId });
  if (row.role === 'worker') return Object.freeze({ role: 'worker', workerId: row.workerId as string, keyId });
  return Object.freeze(row.clientId === null ? { role: row.role, keyId } : { role: row.role, clientId: row.clientId, keyId });
}
