-- API keys: a key is found by the digest of all of it, and never read back.

-- name: key_insert (registry)
INSERT INTO main.api_keys (key_id, digest, role, client_id, worker_id, name, created_at_utc, expires_at_utc, scopes, created_by, rotated_from)
VALUES (:key_id, :digest, :role, :client_id, :worker_id, :name, :now, :expires_at_utc, :scopes, :created_by, :rotated_from);

-- name: key_list (registry)
SELECT k.key_id, k.role, k.client_id, k.worker_id, k.name, k.created_at_utc, k.revoked_at_utc, k.expires_at_utc, k.scopes, k.created_by, k.last_used_at_utc, k.rotated_from FROM walled.api_keys k WHERE (:client_id IS NULL OR k.client_id = :client_id) ORDER BY k.created_at_utc, k.key_id;

-- name: key_get (registry)
SELECT k.key_id, k.role, k.client_id, k.worker_id, k.name, k.created_at_utc, k.revoked_at_utc, k.expires_at_utc, k.scopes, k.created_by, k.last_used_at_utc, k.rotated_from FROM walled.api_keys k WHERE k.key_id = :key_id AND (:client_id IS NULL OR k.client_id = :client_id);

-- Whose key it is, is only known by it: the look-up by digest sees every client's.
-- name: key_find (registry)
SELECT k.key_id, k.role, k.client_id, k.worker_id, k.name, k.created_at_utc, k.revoked_at_utc, k.expires_at_utc, k.scopes, k.created_by, k.last_used_at_utc, k.rotated_from, (SELECT c.status FROM walled.clients c WHERE c.client_id = k.client_id)
FROM walled.api_keys k WHERE k.digest = :digest;

-- name: key_touch (registry)
UPDATE main.api_keys SET last_used_at_utc = :now WHERE key_id = :key_id AND coalesce(last_used_at_utc, 0) <= :now - 60000;

-- name: key_revoke (registry)
UPDATE main.api_keys SET revoked_at_utc = :now WHERE key_id = :key_id;

-- name: key_expire (registry)
UPDATE main.api_keys SET expires_at_utc = :at WHERE key_id = :key_id;

-- Who else trusts a worker: the clients that granted it something, and those that hold its keys.
-- name: worker_owners (registry)
SELECT g.client_id FROM walled.worker_grants g WHERE g.worker_id = :worker_id
UNION SELECT k.client_id FROM walled.api_keys k WHERE k.worker_id = :worker_id;

-- name: key_of_operator (registry)
SELECT k.key_id FROM walled.api_keys k WHERE k.role = 'admin' AND k.client_id IS NULL AND k.revoked_at_utc IS NULL AND coalesce(k.expires_at_utc, :now + 1) > :now LIMIT 1;
