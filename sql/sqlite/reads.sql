-- What clients, admins and workers read. The lists with their filters are composed in store/sqlite/reads.ts.

-- name: logs_of (client)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM shown.task_logs e WHERE e.client_id = :client_id AND e.task_id = :task_id AND e.log_id > :after ORDER BY e.log_id LIMIT :most;

-- name: logs_meta (platform)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM shown.task_logs e WHERE e.client_id = :client_id AND e.task_id = :task_id AND e.log_id > :after ORDER BY e.log_id LIMIT :most;

-- What happened after a row of the audit, in a window of rows so that a quiet client costs no more than a busy one.
-- name: events_of (sealer)
SELECT e.row_no, e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM shown.task_logs e WHERE e.client_id = :client_id AND e.row_no > :after AND e.row_no <= :until ORDER BY e.row_no LIMIT :most;

-- name: events_all (sealer)
SELECT e.row_no, e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM shown.task_logs e WHERE e.row_no > :after AND e.row_no <= :until ORDER BY e.row_no LIMIT :most;

-- name: events_last (engine)
SELECT max(e.log_id) FROM walled.task_events e;

-- How many rows a client's chain has, sealed and not, and the last of them: in one statement, so that no seal comes between.
-- name: events_count (sealer)
SELECT coalesce(max(s.seq), 0) + count(e.log_id), coalesce(max(e.log_id), max(s.last_id), 0)
FROM walled.audit_passed p
LEFT JOIN (SELECT a.seq, a.last_id FROM walled.audit_seals a WHERE a.client_id = :client_id AND a.chain = 'tasks' ORDER BY a.seq DESC LIMIT 1) s
LEFT JOIN walled.task_events e ON e.client_id = :client_id AND e.log_id > p.sealed_id WHERE p.chain = 'tasks';

-- Where the row of a number is: inside the seal that covers it, or behind the last one.
-- name: event_sealed (sealer)
SELECT e.log_id FROM (SELECT a.client_id, a.first_id, a.last_id, a.seq, a.rows FROM walled.audit_seals a WHERE a.client_id = :client_id AND a.chain = 'tasks' AND a.seq >= :number ORDER BY a.seq LIMIT 1) s
JOIN walled.task_events e ON e.client_id = s.client_id AND e.log_id >= s.first_id AND e.log_id <= s.last_id ORDER BY e.log_id LIMIT 1
OFFSET coalesce((SELECT :number - (b.seq - b.rows) - 1 FROM walled.audit_seals b WHERE b.client_id = :client_id AND b.chain = 'tasks' AND b.seq >= :number ORDER BY b.seq LIMIT 1), 0);

-- name: event_unsealed (sealer)
SELECT e.log_id FROM walled.task_events e WHERE e.client_id = :client_id AND e.log_id > (SELECT p.sealed_id FROM walled.audit_passed p WHERE p.chain = 'tasks')
  AND NOT EXISTS (SELECT 1 FROM walled.audit_seals a WHERE a.client_id = :client_id AND a.chain = 'tasks' AND a.seq >= :number) ORDER BY e.log_id
LIMIT 1 OFFSET (:number - 1 - coalesce((SELECT max(a.seq) FROM walled.audit_seals a WHERE a.client_id = :client_id AND a.chain = 'tasks'), 0));

-- name: inbox (worker)
SELECT i.id, i.client_id, i.type, i.priority, i.attempts, i.run_after_utc, i.compatibility FROM shown.worker_inbox i ORDER BY i.priority, i.run_after_utc LIMIT :most;

-- name: security_of (admin)
SELECT s.shown_id, s.shown_id, s.at_utc, s.actor, s.action, s.client_id, s.object, s.outcome, s.details FROM walled.security_events s
WHERE s.client_id = :client_id AND s.shown_id < :before ORDER BY s.shown_id DESC LIMIT :most;

-- name: security_all (platform)
SELECT s.event_id, s.shown_id, s.at_utc, s.actor, s.action, s.client_id, s.object, s.outcome, s.details FROM walled.security_events s
WHERE s.event_id < :before ORDER BY s.event_id DESC LIMIT :most;
