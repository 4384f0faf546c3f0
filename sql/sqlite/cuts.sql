-- Anchors of the audit and its cuts. They cross clients because a chain is anchored, and grows old, whosever it is.

-- name: anchor_last (sealer)
SELECT a.n, a.digest FROM walled.audit_anchored a;

-- name: anchor_open (sealer)
SELECT h.chain, h.client_id, h.seq, h.hash FROM (
  SELECT s.chain, s.client_id, s.seq, s.hash FROM (SELECT c.client_id FROM walled.clients c UNION ALL VALUES ('')) k CROSS JOIN (VALUES ('security'), ('tasks')) n
  CROSS JOIN walled.audit_seals s ON s.client_id = k.client_id AND s.chain = n.column1 AND s.seq = (SELECT max(b.seq) FROM walled.audit_seals b WHERE b.client_id = k.client_id AND b.chain = n.column1)) h
WHERE NOT EXISTS (SELECT 1 FROM walled.audit_anchors a WHERE a.client_id = h.client_id AND a.chain = h.chain AND a.seq = h.seq) ORDER BY h.client_id, h.chain LIMIT :most;

-- name: anchor_on_chain (sealer)
SELECT 1 FROM walled.audit_seals s WHERE s.client_id = :client_id AND s.chain = :chain AND s.seq = :seq AND s.hash = :hash;

-- name: anchor_insert (sealer)
INSERT OR IGNORE INTO main.audit_anchors (client_id, chain, seq, hash, n, at_utc) VALUES (:client_id, :chain, :seq, :hash, :n, :now);

-- name: anchor_done (sealer)
UPDATE main.audit_anchored SET n = :n, digest = :digest WHERE n < :n;

-- name: cuts_last (sealer)
SELECT c.chain, c.client_id, max(c.seq), c.hash, c.last_id, c.at_utc FROM walled.audit_cuts c GROUP BY c.client_id, c.chain;

-- name: retention_list (sealer)
SELECT r.client_id, r.keep_ms FROM walled.audit_retention r ORDER BY r.client_id;

-- name: retention_client (sealer)
SELECT 1 FROM walled.clients c WHERE c.client_id = :client_id;

-- name: retention_drop (sealer)
DELETE FROM main.audit_retention WHERE client_id = :client_id;

-- name: retention_put (sealer)
INSERT INTO main.audit_retention (client_id, keep_ms) VALUES (:client_id, :keep_ms);

-- The newest anchored end of a seal that is old enough, behind the end of its chain and beyond its last cut.
-- name: cut_point (sealer)
SELECT s.seq, s.hash, s.last_id FROM walled.audit_anchors a JOIN walled.audit_seals s ON s.client_id = a.client_id AND s.chain = a.chain AND s.seq = a.seq AND s.hash = a.hash
WHERE a.client_id = :client_id AND a.chain = :chain AND s.at_utc < :before
  AND a.seq < (SELECT max(e.seq) FROM walled.audit_seals e WHERE e.client_id = :client_id AND e.chain = :chain) AND a.seq > :after ORDER BY a.seq DESC LIMIT 1;

-- name: cut_put (sealer)
INSERT INTO main.audit_cuts (client_id, chain, seq, hash, last_id, at_utc) VALUES (:client_id, :chain, :seq, :hash, :last_id, :now);

-- The oldest seal behind a cut: what it covers goes with it.
-- name: cut_seal (sealer)
SELECT s.seq, s.rows, s.first_id, s.last_id FROM walled.audit_seals s WHERE s.client_id = :client_id AND s.chain = :chain AND s.seq <= :seq ORDER BY s.seq LIMIT 1;

-- name: cut_tasks (sealer)
SELECT DISTINCT e.task_no FROM walled.task_events e WHERE e.log_id BETWEEN :first AND :last AND e.client_id = :client_id;

-- name: cut_task_events (sealer)
DELETE FROM main.task_events WHERE log_id BETWEEN :first AND :last AND client_id = :client_id;

-- name: cut_security_events (sealer)
DELETE FROM main.security_events WHERE event_id BETWEEN :first AND :last AND client_id IS nullif(:client_id, '');

-- name: cut_seal_drop (sealer)
DELETE FROM main.audit_seals WHERE client_id = :client_id AND chain = :chain AND seq = :seq;

-- name: cut_anchors_drop (sealer)
DELETE FROM main.audit_anchors WHERE client_id = :client_id AND chain = :chain AND seq <= :seq;

-- Emptied before, and without a row of the audit now.
-- name: cut_tombstones (sealer)
SELECT t.task_no FROM walled.tasks t WHERE t.task_no IN (SELECT value FROM json_each(:task_nos)) AND t.purged_at_utc IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM walled.task_events e WHERE e.task_no = t.task_no);

-- Who waited for whom goes with either: a number may be given to another task.
-- name: cut_edges_drop (sealer)
DELETE FROM main.task_dependencies WHERE client_id = :client_id AND (parent_no IN (SELECT value FROM json_each(:task_nos)) OR task_no IN (SELECT value FROM json_each(:task_nos)));

-- name: cut_tombstones_drop (sealer)
DELETE FROM main.tasks WHERE task_no IN (SELECT value FROM json_each(:task_nos));
