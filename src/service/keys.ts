// API keys: made here, shown once, stored only as a digest; never wider than the key or the admin that makes them.
import { checkScopes, isInScopes, operationsOf } from '../domain/access.ts';
import type { Column, Operation } from '../domain/access.ts';
import { KEY_ID_BYTES, KEY_KINDS, SECRET_BYTES, formatBootstrap, formatKey, isBootstrap } from '../domain/api-key.ts';
import { QueueError, unwrap } from '../domain/errors.ts';
import { checkGrant } from '../domain/capability.ts';
import { textTrouble } from '../domain/fields.ts';
import { LIMITS, checkInt } from '../domain/limits.ts';
import { checkClientId, checkWorkerId } from '../domain/names.ts';
import { actorOf } from '../domain/principal.ts';
import type { AdminPrincipal, Principal } from '../domain/principal.ts';
import type { KeyRow, NewKeyRow, StoreScope } from '../store/store.ts';
import type { CallerOrigin } from './credential.ts';
import { authorize, ownClient, recordRefusal, scopeOf } from './deps.ts';
import type { Deps } from './deps.ts';
import type { AdminHandle, BootstrapSecret, MadeKey, NewKey, RotateOptions } from './handles.ts';
import { raise } from './refusal.ts';

const BOOTSTRAP_MS = 15 * 60_000;

export function keyAdmin(deps: Deps, principal: AdminPrincipal, scope: StoreScope): AdminHandle['keys'] {
  const { store, keyring } = deps;
  return {
    async create(asked) {
      await authorize(deps, principal, 'key.create');
      return create(deps, principal, scope, asked);
    },
    async list() {
      await authorize(deps, principal, 'key.list');
      return store.keys(scope);
    },
    async rotate(keyId, options = {}) {
      await authorize(deps, principal, 'key.rotate');
      return rotate(deps, principal, scope, keyId, options);
    },
    async revoke(keyId) {
      await authorize(deps, principal, 'key.revoke');
      const isThere = await store.revokeKey(scope, keyId);
      keyring.forget();
      if (!isThere) throw new QueueError('not_found', 'there is no such key');
    },
  };
}

async function create(deps: Deps, principal: AdminPrincipal, scope: StoreScope, asked: NewKey): Promise<MadeKey> {
  const clientId = asked.clientId === undefined ? (principal.clientId ?? null) : unwrap(checkClientId(asked.clientId));
  if (clientId !== null) await ownClient(deps, principal, 'key.create', clientId);
  const row = checkKey(principal, { ...asked, clientId });
  if (row.grants.length > 0) await authorize(deps, principal, 'grant.create');
  for (const { grant } of row.grants) await ownClient(deps, principal, 'grant.create', grant.clientId);
  await within(deps, principal, 'key.create', row);
  const { key, keyId, digest } = newKey(deps, row.role);
  const grants = row.grants.map(({ grant }) => ({ grantId: deps.randomHex(12), grant }));
  const made = unwrap(await deps.store.createKey(scope, { ...row, keyId, digest, grants }));
  return { ...made, key };
}

async function rotate(deps: Deps, principal: AdminPrincipal, scope: StoreScope, keyId: string, options: RotateOptions): Promise<MadeKey> {
  const { overlapMs = LIMITS.keyOverlapMs.default, expiresInMs } = options;
  unwrap(checkInt('overlapMs', overlapMs, 'keyOverlapMs'));
  const life = expiresInMs === undefined ? {} : { expiresInMs: unwrap(checkInt('expiresInMs', expiresInMs, 'keyExpiresMs')) };
  const old = (await deps.store.keys(scope)).find((key) => key.keyId === keyId);
  if (old === undefined) throw new QueueError('not_found', 'there is no such key');
  // Else a narrow key would trade itself a wide one for a look at the list.
  await within(deps, principal, 'key.rotate', old);
  const { key, keyId: newId, digest } = newKey(deps, old.role);
  const rotated = await deps.store.rotateKey(scope, keyId, { keyId: newId, digest, createdBy: makerOf(principal), overlapMs, ...life });
  deps.keyring.forget();
  return { ...unwrap(rotated), key };
}

function newKey(deps: Deps, role: KeyRow['role']): { readonly key: string; readonly keyId: string; readonly digest: string } {
  const { key, keyId } = formatKey(role, deps.randomHex(KEY_ID_BYTES), deps.randomHex(SECRET_BYTES));
  return { key, keyId, digest: deps.digest(key) };
}

const makerOf = (principal: Principal): string => (principal.keyId === undefined ? actorOf(principal) : `key:${principal.keyId}`);
const wrong = (field: string, message: string): never => raise(new QueueError('invalid_input', `${field}: ${message}`, { fields: [{ field, message }] }));
const columnOfKey = ({ role, clientId }: Pick<KeyRow, 'role' | 'clientId'>): Column =>
  role === 'admin' ? (clientId === null ? 'platform_admin' : 'client_admin') : role;

type Checked = Omit<NewKeyRow, 'keyId' | 'digest'>;

function checkKey(principal: AdminPrincipal, asked: Omit<NewKey, 'clientId'> & { readonly clientId: string | null }): Checked {
  const { role, clientId, name = null } = asked;
  if (!KEY_KINDS.includes(role)) wrong('role', `is one of ${KEY_KINDS.join(', ')}`);
  if (role === 'client' && clientId === null) wrong('clientId', 'a key of a client names it');
  const trouble = name === null ? null : textTrouble(name, LIMITS.keyName.max);
  if (trouble !== null) wrong('name', trouble);
  const workerId = role === 'worker' ? ownWorkerId(principal, unwrap(checkWorkerId(name ?? wrong('name', 'a key of a worker names the worker')))) : null;
  const grants = (asked.grants ?? []).map((grant) => ({ grantId: '', grant: unwrap(checkGrant(grant)) }));
  if (grants.length > 0 && role !== 'worker') wrong('grants', 'are for keys of workers');
  const scopes = asked.scopes === undefined ? null : unwrap(checkScopes(columnOfKey({ role, clientId }), asked.scopes));
  const expiresInMs = asked.expiresInMs === undefined ? null : unwrap(checkInt('expiresInMs', asked.expiresInMs, 'keyExpiresMs'));
  return { role, clientId, workerId, name, scopes, expiresInMs, grants, createdBy: makerOf(principal) };
}

/** Ids of workers are shared by all clients: those that a client's admin makes begin with its client, so that none poses as another's. */
function ownWorkerId(principal: AdminPrincipal, workerId: string): string {
  if (principal.clientId !== undefined && !workerId.startsWith(`${principal.clientId}:`))
    wrong('name', `a worker that an admin of ${principal.clientId} makes is called ${principal.clientId}:…`);
  return workerId;
}

/** Refuses a key that may do what its maker may not: a role is bounded by `ownClient`, scopes here. */
async function within(deps: Deps, principal: AdminPrincipal, operation: Operation, key: Pick<KeyRow, 'role' | 'clientId' | 'scopes'>): Promise<void> {
  const { scopes } = principal;
  if (scopes === undefined) return;
  const beyond = operationsOf(columnOfKey(key), key.scopes ?? undefined).find((one) => !isInScopes(scopes, one));
  if (beyond === undefined) return;
  await recordRefusal(deps, principal, operation, null, 'scopes');
  throw new QueueError('forbidden', `the key would be wider than this one, whose scopes do not have ${beyond}: name scopes within ${scopes.join(', ')}`);
}

// The first admin

export async function openBootstrap(deps: Deps, principal: Principal): Promise<BootstrapSecret | null> {
  await authorize(deps, principal, 'key.bootstrap');
  const secret = formatBootstrap(deps.randomHex(SECRET_BYTES));
  const expiresAtUtc = await deps.store.openBootstrap(scopeOf(principal), deps.digest(secret), BOOTSTRAP_MS);
  return expiresAtUtc === null ? null : { secret, expiresAtUtc };
}

export async function useBootstrap(deps: Deps, secret: string, { address }: CallerOrigin = {}): Promise<MadeKey> {
  const { key, keyId, digest } = newKey(deps, 'admin');
  const row = { keyId, digest, role: 'admin', clientId: null, workerId: null, name: 'first admin', scopes: null, createdBy: 'bootstrap' } as const;
  const opens = typeof secret === 'string' && isBootstrap(secret);
  const made = opens ? await deps.store.useBootstrap(deps.digest(secret), { ...row, expiresInMs: null, grants: [] }) : null;
  if (made !== null) return { ...made, key };
  await deps.refusals.record({
    actor: 'anonymous',
    action: 'key.bootstrap',
    details: { because: 'secret', ...(address === undefined ? {} : { address: address.slice(0, 64) }) },
  });
  throw new QueueError('unauthenticated', 'the one-time secret is unknown, was used or has expired, or there is an admin already');
}
