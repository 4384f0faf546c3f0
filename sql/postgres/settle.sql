-- What the engine sends when attempts end or go on. The moves themselves are in functions/07_settle.sql.

-- name: settle (worker)
SELECT s.i, s.status FROM prismq.settle_batch(:token, :most_releases, :backoff, :client_ids, :task_ids, :lease_ids, :ops, :results, :starts, :runs, :kinds, :messages, :stacks, :finals, :delays, :uniforms) s;

-- name: heartbeat_ends (worker)
SELECT h.i, h.task_id, h.verdict FROM prismq.heartbeat_batch(:token, :lease_ms, :client_ids, :task_ids, :lease_ids) h;

-- name: lease_find (worker)
SELECT h.created_by, h.traceparent, h.priority, h.due_at_utc FROM prismq.lease_find(:token, :client_id, :task_id, :lease_id) h;

-- name: progress_set (worker)
SELECT prismq.progress_set(:token, :client_id, :task_id, :lease_id, :value);

-- name: message_add (worker)
SELECT prismq.message_add(:token, :client_id, :task_id, :lease_id, :message, :details);
