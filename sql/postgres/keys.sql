-- API keys: what the engine sends. The changes themselves are in functions/11_keys.sql.

-- name: key_insert (admin)
SELECT (r.k).key_id, (r.k).role, (r.k).client_id, (r.k).worker_id, (r.k).name, (r.k).created_at_utc, (r.k).revoked_at_utc, (r.k).expires_at_utc, (r.k).scopes, (r.k).created_by, (r.k).last_used_at_utc, (r.k).rotated_from, r.refusal FROM prismq.key_create(:token, :key_id, :digest, :role, :client_id, :worker_id, :name, :expires_in_ms, :scopes, :created_by, :grants) r;

-- name: key_list (admin)
SELECT k.key_id, k.role, k.client_id, k.worker_id, k.name, k.created_at_utc, k.revoked_at_utc, k.expires_at_utc, k.scopes, k.created_by, k.last_used_at_utc, k.rotated_from FROM prismq.api_keys k WHERE (CAST(:client_id AS text) IS NULL OR k.client_id = CAST(:client_id AS text)) ORDER BY k.created_at_utc, k.key_id;

-- name: key_find (system)
SELECT k.key_id, k.role, k.client_id, k.worker_id, k.name, k.created_at_utc, k.revoked_at_utc, k.expires_at_utc, k.scopes, k.created_by, k.last_used_at_utc, k.rotated_from, k.client_status FROM prismq.key_find(:token, :digest) k;

-- name: key_touch (system)
SELECT prismq.key_touch(:token, :key_id);

-- name: key_rotate (admin)
SELECT (r.k).key_id, (r.k).role, (r.k).client_id, (r.k).worker_id, (r.k).name, (r.k).created_at_utc, (r.k).revoked_at_utc, (r.k).expires_at_utc, (r.k).scopes, (r.k).created_by, (r.k).last_used_at_utc, (r.k).rotated_from, r.refusal FROM prismq.key_rotate(:token, :key_id, :new_key_id, :digest, :created_by, :overlap_ms, :expires_in_ms) r;

-- name: key_revoke (admin)
SELECT prismq.key_revoke(:token, :key_id);

-- name: bootstrap_open (system)
SELECT prismq.bootstrap_open(:token, :digest, :ttl_ms);

-- name: bootstrap_use (system)
SELECT k.key_id, k.role, k.client_id, k.worker_id, k.name, k.created_at_utc, k.revoked_at_utc, k.expires_at_utc, k.scopes, k.created_by, k.last_used_at_utc, k.rotated_from FROM prismq.bootstrap_use(:token, :secret_digest, :key_id, :digest, :name, :created_by) k;

-- name: secret_get (system)
SELECT prismq.secret_of(:token, :name, :fresh);
