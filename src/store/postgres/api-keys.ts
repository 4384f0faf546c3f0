// API keys: made, found by digest, rotated, revoked, and the one-time secret of the first admin, by functions of the database.
import { canonicalAttributes } from '../../domain/capability.ts';
import { ok, refuse } from '../../domain/errors.ts';
import type { Result } from '../../domain/errors.ts';
import { oneClient } from '../pages.ts';
import { keyOf } from '../rows.ts';
import type { FoundKey, KeyRow, NewKeyRow, Store, StoreScope } from '../store.ts';
import { SYSTEM, actingOf } from './acting.ts';
import type { Engine } from './engine.ts';
import type { Row } from './pool.ts';
import { statement } from './statements.ts';
import type { Params } from './statements.ts';

type KeyOperations = Pick<Store, 'createKey' | 'keys' | 'findKey' | 'touchKey' | 'rotateKey' | 'revokeKey' | 'openBootstrap' | 'useBootstrap' | 'secret'>;

const REFUSALS = {
  unknown_client: 'there is no such client: make it first',
  already_exists: 'a worker of this id has grants or keys beyond your client: choose another id',
  not_found: 'there is no such key',
  invalid_transition: 'the key has expired or was revoked: make a new one',
} as const;

/** The key, or the code of the refusal in the column after it. */
function answerOf(row: Row): Result<KeyRow> {
  const code = row[12] as keyof typeof REFUSALS | null;
  return code === null ? ok(keyOf(row)) : refuse(code, REFUSALS[code]);
}

function columnsOf(key: NewKeyRow): Params {
  return {
    key_id: key.keyId,
    digest: key.digest,
    role: key.role,
    client_id: key.clientId,
    worker_id: key.workerId,
    name: key.name,
    expires_in_ms: key.expiresInMs,
    scopes: key.scopes === null ? null : JSON.stringify(key.scopes),
    created_by: key.createdBy,
    grants: JSON.stringify(
      key.grants.map(({ grantId, grant }) => ({
        grant_id: grantId,
        client_id: grant.clientId,
        pattern: grant.pattern,
        attributes: canonicalAttributes(grant.attributes),
      })),
    ),
  };
}

export function keyOperations(engine: Engine): KeyOperations {
  const { admin } = engine.pools;
  const asAdmin = (scope: StoreScope, name: string, params: Params): Promise<Row | undefined> => admin.row(name, actingOf(scope), params);
  return {
    createKey: async (scope, key) => answerOf((await asAdmin(scope, 'key_insert', columnsOf(key))) as Row),
    async keys(scope) {
      const [rows] = await admin.read(actingOf(scope), [{ statement: statement('key_list'), params: { client_id: oneClient(scope) } }]);
      return (rows as Row[]).map(keyOf);
    },
    async findKey(digest) {
      const row = await admin.row('key_find', SYSTEM, { digest });
      return row === undefined ? null : { ...keyOf(row), clientStatus: row[12] as FoundKey['clientStatus'] };
    },
    async touchKey(keyId) {
      await admin.run('key_touch', SYSTEM, { key_id: keyId });
    },
    rotateKey: async (scope, keyId, rotation) =>
      answerOf(
        (await asAdmin(scope, 'key_rotate', {
          key_id: keyId,
          new_key_id: rotation.keyId,
          digest: rotation.digest,
          created_by: rotation.createdBy,
          overlap_ms: rotation.overlapMs,
          expires_in_ms: rotation.expiresInMs ?? null,
        })) as Row,
      ),
    revokeKey: async (scope, keyId) => (await asAdmin(scope, 'key_revoke', { key_id: keyId }))?.[0] === true,
    openBootstrap: async (_scope, digest, ttlMs) => ((await admin.row('bootstrap_open', SYSTEM, { digest, ttl_ms: ttlMs }))?.[0] ?? null) as number | null,
    async useBootstrap(digest, key) {
      const row = await admin.row('bootstrap_use', SYSTEM, {
        secret_digest: digest,
        key_id: key.keyId,
        digest: key.digest,
        name: key.name,
        created_by: key.createdBy,
      });
      return row === undefined || row[0] === null ? null : keyOf(row);
    },
    secret: async (name) => (await admin.row('secret_get', SYSTEM, { name, fresh: engine.options.randomHex(32) }))?.[0] as string,
  };
}
