-- The book: workers and their capability sets, grants, clients, keys, categories, settings, security events.

-- name: secret_get (registry)
SELECT s.value FROM walled.secrets s WHERE s.name = :name;

-- name: secret_insert (registry)
INSERT INTO main.secrets (name, value) VALUES (:name, :value);

-- name: meta_get (registry)
SELECT value FROM walled.meta WHERE key = :key;

-- name: meta_insert (registry)
INSERT INTO main.meta (key, value) VALUES (:key, :value);

-- name: meta_update (registry)
UPDATE main.meta SET value = :value WHERE key = :key;

-- name: set_find (registry)
SELECT set_id FROM walled.capability_sets WHERE key = :key;

-- name: set_insert (registry)
INSERT INTO main.capability_sets (key) VALUES (?1);

-- A new set is matched against every lane there is, whoever's: it is the one statement that must see them all.
-- name: lanes_all (registry)
SELECT n.lane_id, n.client_id, n.type, n.compatibility FROM walled.lanes n WHERE n.lane_id > :after ORDER BY n.lane_id LIMIT :most;

-- name: set_cover (registry)
INSERT INTO main.capability_lanes (set_id, client_id, lane_id) SELECT :set_id, n.client_id, n.lane_id FROM json_each(:lane_ids) j JOIN walled.lanes n ON n.lane_id = j.value;

-- name: sets_unused (registry)
SELECT s.set_id FROM walled.capability_sets s WHERE NOT EXISTS (SELECT 1 FROM walled.workers w WHERE w.set_id = s.set_id) LIMIT :most;

-- name: set_uncover (registry)
DELETE FROM main.capability_lanes WHERE set_id = :set_id;

-- name: set_delete (registry)
DELETE FROM main.capability_sets WHERE set_id = :set_id;

-- name: worker_get (registry)
SELECT w.worker_id, w.set_id, w.capabilities, w.strategy, w.fairness, w.status, w.versions, w.registered_at_utc, w.heartbeat_utc,
  (SELECT count(*) FROM walled.leases l WHERE l.worker_id = w.worker_id) FROM walled.workers w WHERE w.worker_id = :worker_id;

-- name: worker_insert (registry)
INSERT INTO main.workers (worker_id, set_id, capabilities, strategy, fairness, status, versions, registered_at_utc, heartbeat_utc)
VALUES (:worker_id, :set_id, :capabilities, :strategy, :fairness, 'ready', :versions, :now, :now);

-- name: worker_update (registry)
UPDATE main.workers SET set_id = :set_id, capabilities = :capabilities, strategy = :strategy, fairness = :fairness, status = 'ready', versions = :versions, heartbeat_utc = :now WHERE worker_id = :worker_id;

-- name: worker_set (registry)
UPDATE main.workers SET set_id = :set_id WHERE worker_id = :worker_id;

-- name: worker_beat (registry)
UPDATE main.workers SET status = :status, heartbeat_utc = :now WHERE worker_id = :worker_id;

-- name: worker_delete (registry)
DELETE FROM main.workers WHERE worker_id = :worker_id;

-- name: workers_stale (registry)
SELECT w.worker_id FROM walled.workers w WHERE w.heartbeat_utc < :cut AND NOT EXISTS (SELECT 1 FROM walled.leases l WHERE l.worker_id = w.worker_id);

-- name: workers_list (registry)
SELECT w.worker_id, w.set_id, w.capabilities, w.strategy, w.fairness, w.status, w.versions, w.registered_at_utc, w.heartbeat_utc,
  (SELECT count(*) FROM walled.leases l WHERE l.worker_id = w.worker_id AND (:client_id IS NULL OR l.client_id = :client_id)) FROM walled.workers w
WHERE :client_id IS NULL OR EXISTS (SELECT 1 FROM walled.worker_grants g WHERE g.worker_id = w.worker_id AND g.client_id = :client_id) ORDER BY w.worker_id;

-- A worker's own grants, whichever clients gave them: they decide its capability set.
-- name: grants_of (registry)
SELECT g.grant_id, g.worker_id, g.client_id, g.pattern, g.attributes, g.created_at_utc FROM walled.worker_grants g WHERE g.worker_id = :worker_id AND (:client_id IS NULL OR g.client_id = :client_id) ORDER BY g.client_id, g.pattern, g.attributes;

-- name: grants_list (registry)
SELECT g.grant_id, g.worker_id, g.client_id, g.pattern, g.attributes, g.created_at_utc FROM walled.worker_grants g WHERE (:client_id IS NULL OR g.client_id = :client_id) ORDER BY g.worker_id, g.client_id, g.pattern;

-- name: grant_get (registry)
SELECT g.grant_id, g.worker_id, g.client_id, g.pattern, g.attributes, g.created_at_utc FROM walled.worker_grants g WHERE g.grant_id = :grant_id AND (:client_id IS NULL OR g.client_id = :client_id);

-- name: grant_same (registry)
SELECT g.grant_id FROM walled.worker_grants g WHERE g.worker_id = :worker_id AND g.client_id = :client_id AND g.pattern = :pattern AND g.attributes = :attributes;

-- name: grant_insert (registry)
INSERT INTO main.worker_grants (grant_id, worker_id, client_id, pattern, attributes, of_program, created_at_utc)
VALUES (:grant_id, :worker_id, :client_id, :pattern, :attributes, :of_program, :now);

-- name: grant_delete (registry)
DELETE FROM main.worker_grants WHERE grant_id = :grant_id;

-- name: grants_of_program_drop (registry)
DELETE FROM main.worker_grants WHERE worker_id = :worker_id AND of_program = 1;

-- name: client_get (registry)
SELECT c.client_id, c.status, c.weight, c.created_at_utc FROM walled.clients c WHERE c.client_id = :client_id;

-- name: client_list (registry)
SELECT c.client_id, c.status, c.weight, c.created_at_utc FROM walled.clients c WHERE (:client_id IS NULL OR c.client_id = :client_id) ORDER BY c.client_id;

-- name: client_add (registry)
INSERT INTO main.clients (client_id, weight, created_at_utc) VALUES (:client_id, :weight, :now);

-- name: client_status (registry)
UPDATE main.clients SET status = :status WHERE client_id = :client_id;

-- name: client_share (registry)
UPDATE main.clients SET weight = :weight WHERE client_id = :client_id;

-- name: category_list (registry)
SELECT g.pattern, g.priority, g.max_attempts, g.max_run_ms, g.backoff, g.schema, g.max_wait_ms, g.version FROM walled.categories g ORDER BY g.pattern;

-- name: category_put (registry)
INSERT OR REPLACE INTO main.categories (pattern, priority, max_attempts, max_run_ms, backoff, schema, max_wait_ms, version)
VALUES (:pattern, :priority, :max_attempts, :max_run_ms, :backoff, :schema, :max_wait_ms, coalesce((SELECT g.version FROM walled.categories g WHERE g.pattern = :pattern), 0) + 1);

-- name: category_delete (registry)
DELETE FROM main.categories WHERE pattern = :pattern;

-- name: security_add (registry)
INSERT INTO main.security_events (at_utc, actor, action, client_id, object, outcome, details, shown_id) VALUES (:now, :actor, :action, :client_id, :object, :outcome, :details, :shown_id);

-- name: security_newest (registry)
SELECT s.shown_id FROM walled.security_events s WHERE s.client_id IS :client_id ORDER BY s.shown_id DESC LIMIT 1;
