-- Sealing the audit and reading it back. The rows are append-only, so their seals are rows of a table of their own: a segment of one
-- client's rows each. One sealer at a time, under the write lock.

-- name: seal_tasks (sealer)
SELECT e.log_id, e.client_id, e.at_utc, t.task_id, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM walled.task_events e CROSS JOIN walled.tasks t ON t.task_no = e.task_no WHERE e.log_id > :after ORDER BY e.log_id LIMIT :most;

-- name: seal_security (sealer)
SELECT s.event_id, coalesce(s.client_id, ''), s.at_utc, s.actor, s.action, s.object, s.outcome, s.details
FROM walled.security_events s WHERE s.event_id > :after ORDER BY s.event_id LIMIT :most;

-- name: seal_head (sealer)
SELECT a.seq, a.hash FROM walled.audit_seals a WHERE a.client_id = :client_id AND a.chain = :chain ORDER BY a.seq DESC LIMIT 1;

-- name: seal_insert (sealer)
INSERT INTO main.audit_seals (chain, client_id, seq, rows, first_id, last_id, prev_hash, hash, marks, at_utc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);

-- name: sealed_to (sealer)
SELECT p.sealed_id FROM walled.audit_passed p WHERE p.chain = :chain;

-- name: sealed_put (sealer)
UPDATE main.audit_passed SET sealed_id = :id WHERE chain = :chain;

-- name: seals_after (sealer)
SELECT a.chain, a.client_id, a.seq, a.rows, a.first_id, a.last_id, a.prev_hash, a.hash, a.marks, a.at_utc FROM walled.audit_seals a
WHERE a.chain = :chain AND a.last_id > :after AND a.last_id <= :until ORDER BY a.last_id;

-- By client, one look into the index each: seals are as many as seconds.
-- name: audit_heads (sealer)
SELECT a.chain, a.client_id, a.seq, a.hash FROM (SELECT c.client_id FROM walled.clients c UNION ALL VALUES ('')) k
CROSS JOIN (VALUES ('security'), ('tasks')) n
CROSS JOIN walled.audit_seals a ON a.client_id = k.client_id AND a.chain = n.column1 AND a.seq = (SELECT max(b.seq) FROM walled.audit_seals b WHERE b.client_id = k.client_id AND b.chain = n.column1)
ORDER BY a.client_id, a.chain;

-- Where the row is that a cursor of one client names.
-- name: trail_row (sealer)
SELECT e.row_no FROM shown.task_logs e WHERE e.client_id = :client_id AND e.task_id = :task_id AND e.log_id = :number;

-- name: trail_event (sealer)
SELECT s.event_id FROM walled.security_events s WHERE s.client_id = :client_id AND s.shown_id = :shown_id;
