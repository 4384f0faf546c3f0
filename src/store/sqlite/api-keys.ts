// API keys: made, found by digest, rotated, revoked, and the one-time secret of the first admin. Each change leaves its
// security event in the same transaction, so that nothing of it stands without its record.
import { ok, refuse } from '../../domain/errors.ts';
import { NOTHING } from '../waiters.ts';
import type { Result } from '../../domain/errors.ts';
import { oneClient } from '../pages.ts';
import { keyOf } from '../rows.ts';
import type { FoundKey, KeyRow, NewKeyRow, NewSecurityEvent, Rotation, Store, StoreScope } from '../store.ts';
import { setSetting, setting } from './engine.ts';
import type { Engine } from './engine.ts';
import { createGrant, security } from './registry.ts';

type KeyOperations = Pick<Store, 'createKey' | 'keys' | 'findKey' | 'touchKey' | 'rotateKey' | 'revokeKey' | 'openBootstrap' | 'useBootstrap'>;

export function keyOperations(engine: Engine, read: <T>(action: () => T) => Promise<T>): KeyOperations {
  const { writer } = engine;
  return {
    createKey: (scope, key) => writer.one(scope.actor, () => createKey(engine, scope, key)),
    keys: (scope) => read(() => listKeys(engine, scope)),
    findKey: (digest) => read(() => findKey(engine, digest)),
    touchKey: (keyId) =>
      writer.one(
        'keys',
        () => touchKey(engine, keyId),
        () => NOTHING,
      ),
    rotateKey: (scope, keyId, rotation) => writer.one(scope.actor, () => rotateKey(engine, scope, keyId, rotation)),
    revokeKey: (scope, keyId) => writer.one(scope.actor, () => revokeKey(engine, scope, keyId)),
    openBootstrap: (scope, digest, ttlMs) => writer.one(scope.actor, () => openBootstrap(engine, scope, digest, ttlMs)),
    useBootstrap: (digest, key) => writer.one('bootstrap', () => useBootstrap(engine, digest, key)),
  };
}

/** `clientId` null: of any, for the platform. */
function getKey(engine: Engine, keyId: string, clientId: string | null): KeyRow | null {
  const row = engine.st.row('key_get', { key_id: keyId, client_id: clientId });
  return row === undefined ? null : keyOf(row);
}

type Insertion = Omit<NewKeyRow, 'expiresInMs' | 'grants'> & Pick<KeyRow, 'expiresAtUtc' | 'rotatedFrom'>;

function insertKey(engine: Engine, key: Insertion): KeyRow {
  engine.st.run('key_insert', {
    key_id: key.keyId,
    digest: key.digest,
    role: key.role,
    client_id: key.clientId,
    worker_id: key.workerId,
    name: key.name,
    now: engine.now(),
    expires_at_utc: key.expiresAtUtc,
    scopes: key.scopes === null ? null : JSON.stringify(key.scopes),
    created_by: key.createdBy,
    rotated_from: key.rotatedFrom,
  });
  return getKey(engine, key.keyId, key.clientId) as KeyRow;
}

const made = (actor: string, action: 'key.create' | 'key.bootstrap', key: KeyRow): NewSecurityEvent => ({
  actor,
  action,
  clientId: key.clientId,
  object: key.keyId,
  outcome: 'done',
  details: JSON.stringify({ role: key.role, worker_id: key.workerId, scopes: key.scopes, expires_at_utc: key.expiresAtUtc, created_by: key.createdBy }),
});

function createKey(engine: Engine, scope: StoreScope, key: NewKeyRow): Result<KeyRow> {
  engine.wall.bind({ clients: scope.clients });
  if (key.clientId !== null && engine.st.row('client_get', { client_id: key.clientId }) === undefined)
    return refuse('unknown_client', `there is no client ${key.clientId}: make it first`);
  if (!ownsWorker(engine, scope, key.workerId)) return WORKER_OF_OTHERS;
  engine.wall.bind({ clients: scope.clients });
  const row = insertKey(engine, { ...key, expiresAtUtc: key.expiresInMs === null ? null : engine.now() + key.expiresInMs, rotatedFrom: null });
  security(engine, made(scope.actor, 'key.create', row));
  for (const { grantId, grant } of key.grants) createGrant(engine, scope, grantId, key.workerId as string, grant);
  return ok(row);
}

const WORKER_OF_OTHERS = refuse('already_exists', 'a worker of this id has grants or keys beyond your client: choose another id');

/**
 * A worker's grants belong to its id, so whoever makes a key for an id gets all of them. An admin of a client may make one only
 * while nobody else trusts that id. Leaves every client bound.
 */
function ownsWorker(engine: Engine, scope: StoreScope, workerId: string | null): boolean {
  if (scope.clients === '*' || workerId === null) return true;
  engine.wall.bind({ clients: '*' });
  return engine.st.rows('worker_owners', { worker_id: workerId }).every(([clientId]) => scope.clients.includes(clientId as string));
}

function listKeys(engine: Engine, scope: StoreScope): KeyRow[] {
  engine.wall.bind({ clients: scope.clients });
  return engine.st.rows('key_list', { client_id: oneClient(scope) }).map(keyOf);
}

function findKey(engine: Engine, digest: string): FoundKey | null {
  engine.wall.bind({ clients: '*' });
  const row = engine.st.row('key_find', { digest });
  return row === undefined ? null : { ...keyOf(row), clientStatus: row[12] as FoundKey['clientStatus'] };
}

function touchKey(engine: Engine, keyId: string): void {
  engine.wall.bind({ clients: '*' });
  engine.st.run('key_touch', { key_id: keyId, now: engine.now() });
}

const isOver = (engine: Engine, key: KeyRow): boolean => key.revokedAtUtc !== null || (key.expiresAtUtc !== null && key.expiresAtUtc <= engine.now());

function rotateKey(engine: Engine, scope: StoreScope, keyId: string, rotation: Rotation): Result<KeyRow> {
  engine.wall.bind({ clients: scope.clients });
  const old = getKey(engine, keyId, oneClient(scope));
  if (old === null) return refuse('not_found', 'there is no such key');
  if (isOver(engine, old)) return refuse('invalid_transition', 'the key has expired or was revoked: make a new one', { key_id: keyId });
  if (!ownsWorker(engine, scope, old.workerId)) return WORKER_OF_OTHERS;
  engine.wall.bind({ clients: scope.clients });
  const now = engine.now();
  const life = rotation.expiresInMs ?? (old.expiresAtUtc === null ? null : old.expiresAtUtc - old.createdAtUtc);
  const row = insertKey(engine, {
    ...old,
    keyId: rotation.keyId,
    digest: rotation.digest,
    createdBy: rotation.createdBy,
    expiresAtUtc: life === null ? null : now + life,
    rotatedFrom: keyId,
  });
  const until = Math.min(old.expiresAtUtc ?? Number.MAX_SAFE_INTEGER, now + rotation.overlapMs);
  engine.st.run('key_expire', { key_id: keyId, at: until });
  const details = JSON.stringify({ new_key_id: row.keyId, old_until_utc: until, expires_at_utc: row.expiresAtUtc, created_by: row.createdBy });
  security(engine, { actor: scope.actor, action: 'key.rotate', clientId: old.clientId, object: keyId, outcome: 'done', details });
  return ok(row);
}

function revokeKey(engine: Engine, scope: StoreScope, keyId: string): boolean {
  engine.wall.bind({ clients: scope.clients });
  const key = getKey(engine, keyId, oneClient(scope));
  if (key === null) return false;
  if (key.revokedAtUtc !== null) return true;
  engine.st.run('key_revoke', { key_id: keyId, now: engine.now() });
  security(engine, { actor: scope.actor, action: 'key.revoke', clientId: key.clientId, object: keyId, outcome: 'done' });
  return true;
}

// The first admin

const hasOperator = (engine: Engine): boolean => engine.st.row('key_of_operator', { now: engine.now() }) !== undefined;

function openBootstrap(engine: Engine, scope: StoreScope, digest: string, ttlMs: number): number | null {
  engine.wall.bind({ clients: '*' });
  if (hasOperator(engine)) return null;
  const until = engine.now() + ttlMs;
  setSetting(engine, 'bootstrap', `${until} ${digest}`);
  security(engine, { actor: scope.actor, action: 'key.bootstrap', object: 'secret', outcome: 'done', details: JSON.stringify({ until_utc: until }) });
  return until;
}

function useBootstrap(engine: Engine, digest: string, key: NewKeyRow): KeyRow | null {
  engine.wall.bind({ clients: '*' });
  const [until = '0', kept] = (setting(engine, 'bootstrap') ?? '').split(' ');
  if (kept !== digest || Number(until) <= engine.now() || hasOperator(engine)) return null;
  setSetting(engine, 'bootstrap', '');
  const row = insertKey(engine, { ...key, expiresAtUtc: key.expiresInMs === null ? null : engine.now() + key.expiresInMs, rotatedFrom: null });
  security(engine, made('bootstrap', 'key.bootstrap', row));
  return row;
}
