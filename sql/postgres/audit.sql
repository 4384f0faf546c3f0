-- The order and the seals of the audit: what the engine sends. The steps themselves are in functions/13_audit.sql.

-- name: audit_number (system)
SELECT prismq.audit_number(:token, :most);

-- name: audit_rows (admin)
SELECT a.place, a.id, a.client_id, a.at_utc, a.task_id, a.actor, a.action, a.object, a.outcome, a.from_status, a.to_status, a.attempt, a.details
FROM prismq.audit_rows(:token, :chain, :after, :before, :most, :newest, :client_id, :actor, :action, :object, :since, :until) a;

-- name: sealed_to (admin)
SELECT prismq.audit_sealed_to(:token, :chain);

-- name: seals_after (admin)
SELECT s.chain, s.client_id, s.seq, s.rows, s.first_id, s.last_id, s.prev_hash, s.hash, s.marks, s.at_utc FROM prismq.audit_seals_of(:token, :chain, :after, :until) s;

-- name: audit_heads (admin)
SELECT h.chain, h.client_id, h.seq, h.hash FROM prismq.audit_heads(:token) h;

-- name: sealed_put (system)
SELECT prismq.audit_put(:token, :chain, :after, :last, :seals);
