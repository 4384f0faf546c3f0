-- What the engine sends for a claim. The moves themselves are in functions/06_claim.sql: the only door.

-- name: worker_of (worker)
SELECT w.strategy, w.fairness, w.content FROM prismq.worker_of(:token) w;

-- name: active_clients (worker)
SELECT a.client_id, a.weight FROM prismq.active_clients(:token, :capabilities, :types, :most) a;

-- name: claim (worker)
SELECT c.client_id, c.task_id, c.type, c.payload, c.compatibility, c.priority, c.attempt, c.max_attempts, c.lease_until_utc, c.fence, c.max_run_ms, c.created_at_utc, c.created_by, c.metadata, c.traceparent
FROM prismq.claim_batch(:token, :most, :lease_ms, :lease_id, :terms, :strategy, :fairness, :capabilities, :types, :clients, :shares) c;

-- name: ensure_order (worker)
SELECT prismq.ensure_order(:token, :terms);

-- name: start_draws (system)
SELECT prismq.start_draws(:token);
