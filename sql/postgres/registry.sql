-- The book: what the engine sends. The changes themselves are in functions/09_registry.sql.

-- name: program_grants (system)
SELECT prismq.program_grants(:token, :worker_id, :grants);

-- name: worker_register (worker)
SELECT w.worker_id, w.capabilities, w.strategy, w.status, w.versions, w.registered_at_utc, w.heartbeat_utc, w.active_tasks FROM prismq.worker_register(:token, :capabilities, :strategy, :fairness, :versions) w;

-- name: worker_beat (worker)
SELECT prismq.worker_beat(:token, :status);

-- name: worker_delete (worker)
SELECT prismq.worker_delete(:token, :worker_id);

-- name: workers_stale (admin)
SELECT prismq.workers_prune(:token, :stale_ms);

-- name: workers_list (worker)
SELECT w.worker_id, w.capabilities, w.strategy, w.status, w.versions, w.registered_at_utc, w.heartbeat_utc, w.active_tasks FROM prismq.workers_list(:token) w;

-- name: grants_of (worker)
SELECT g.grant_id, g.worker_id, g.client_id, g.pattern, g.attributes, g.created_at_utc FROM prismq.worker_grants g WHERE g.worker_id = :worker_id AND (CAST(:client_id AS text) IS NULL OR g.client_id = CAST(:client_id AS text)) ORDER BY g.client_id, g.pattern, g.attributes;

-- name: grants_list (admin)
SELECT g.grant_id, g.worker_id, g.client_id, g.pattern, g.attributes, g.created_at_utc FROM prismq.worker_grants g WHERE (CAST(:client_id AS text) IS NULL OR g.client_id = CAST(:client_id AS text)) ORDER BY g.worker_id, g.client_id, g.pattern;

-- name: grant_insert (admin)
SELECT g.grant_id, g.worker_id, g.client_id, g.pattern, g.attributes, g.created_at_utc FROM prismq.grant_create(:token, :grant_id, :worker_id, :client_id, :pattern, :attributes) g;

-- name: grant_delete (admin)
SELECT prismq.grant_delete(:token, :grant_id);

-- name: client_add (admin)
SELECT c.client_id, c.status, c.weight, c.created_at_utc FROM prismq.client_add(:token, :client_id, :weight) c;

-- name: client_list (admin)
SELECT c.client_id, c.status, c.weight, c.created_at_utc FROM prismq.clients c WHERE (CAST(:client_id AS text) IS NULL OR c.client_id = CAST(:client_id AS text)) ORDER BY c.client_id;

-- name: client_change (admin)
SELECT c.client_id, c.status, c.weight, c.created_at_utc FROM prismq.client_change(:token, :client_id, :status, :weight) c;

-- name: categories_version (client)
SELECT m.value FROM prismq.meta m WHERE m.key = 'categories_version';

-- name: category_mode (client)
SELECT m.value FROM prismq.meta m WHERE m.key = 'category_mode';

-- name: category_list (client)
SELECT g.pattern, g.priority, g.max_attempts, g.max_run_ms, g.backoff, g.schema, g.max_wait_ms, g.version FROM prismq.categories g ORDER BY g.pattern;

-- name: category_put (admin)
SELECT prismq.category_put(:token, :pattern, :priority, :max_attempts, :max_run_ms, :backoff, :schema, :max_wait_ms);

-- name: category_delete (admin)
SELECT prismq.category_delete(:token, :pattern);

-- name: category_mode_set (admin)
SELECT prismq.category_mode(:token, :mode);

-- name: security_add (system)
SELECT prismq.security_record(:token, :actor, :action, :client_id, :object, :outcome, :details);
