-- What clients, admins and workers read. The lists with their filters are composed in store/sqlite/reads.ts.

-- name: logs_of (client)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM shown.task_logs e WHERE e.client_id = :client_id AND e.task_id = :task_id AND e.log_id > :after ORDER BY e.log_id LIMIT :most;

-- name: logs_meta (platform)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM shown.task_logs e WHERE e.client_id = :client_id AND e.task_id = :task_id AND e.log_id > :after ORDER BY e.log_id LIMIT :most;

-- What happened after a row of the audit, in a window of rows so that a quiet client costs no more than a busy one.
-- name: events_of (client)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM shown.task_logs e WHERE e.client_id = :client_id AND e.log_id > :after AND e.log_id <= :until ORDER BY e.log_id LIMIT :most;

-- name: events_all (platform)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM shown.task_logs e WHERE e.log_id > :after AND e.log_id <= :until ORDER BY e.log_id LIMIT :most;

-- name: events_last (engine)
SELECT max(e.log_id) FROM walled.task_events e;

-- name: inbox (worker)
SELECT i.id, i.client_id, i.type, i.priority, i.attempts, i.run_after_utc, i.compatibility FROM shown.worker_inbox i ORDER BY i.priority, i.run_after_utc LIMIT :most;

-- name: security_of (admin)
SELECT s.event_id, s.at_utc, s.actor, s.action, s.client_id, s.object, s.outcome, s.details FROM walled.security_events s
WHERE s.client_id = :client_id AND s.event_id < :before ORDER BY s.event_id DESC LIMIT :most;

-- name: security_all (platform)
SELECT s.event_id, s.at_utc, s.actor, s.action, s.client_id, s.object, s.outcome, s.details FROM walled.security_events s
WHERE s.event_id < :before ORDER BY s.event_id DESC LIMIT :most;
