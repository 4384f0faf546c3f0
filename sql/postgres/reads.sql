-- What clients, admins and workers read. The lists with their filters are composed in store/postgres/reads.ts.

-- name: logs_of (client)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM prismq.task_logs e WHERE e.client_id = :client_id AND e.task_id = :task_id AND e.log_id > :after ORDER BY e.log_id LIMIT :most;

-- name: client_of_task (admin)
SELECT t.client_id FROM prismq.clients c JOIN prismq.tasks t ON t.client_id = c.client_id WHERE t.task_id = :task_id;

-- What happened after an instant, up to one that lies a little back: transactions under way then have ended by now.
-- name: events_of (client)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details FROM prismq.task_logs e WHERE e.client_id = :client_id AND e.at_utc > :after AND e.at_utc <= :until ORDER BY e.at_utc FETCH FIRST :most ROWS WITH TIES;

-- name: events_all (admin)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details FROM prismq.task_logs e WHERE e.at_utc > :after AND e.at_utc <= :until ORDER BY e.at_utc FETCH FIRST :most ROWS WITH TIES;

-- name: events_next_of (client)
SELECT min(e.at_utc) FROM prismq.task_events e WHERE e.client_id = :client_id AND e.at_utc > :until;

-- name: events_next (admin)
SELECT min(e.at_utc) FROM prismq.task_events e WHERE e.at_utc > :until;

-- name: events_last (client)
SELECT prismq.now_ms();

-- name: inbox (worker)
SELECT i.id, i.client_id, i.type, i.priority, i.attempts, i.run_after_utc, i.compatibility FROM prismq.worker_inbox i ORDER BY i.priority, i.run_after_utc LIMIT :most;

-- name: security_of (admin)
SELECT s.event_id, s.at_utc, s.actor, s.action, s.client_id, s.object, s.outcome, s.details FROM prismq.security_events s
WHERE s.client_id = :client_id AND s.event_id < :before ORDER BY s.event_id DESC LIMIT :most;

-- name: security_all (admin)
SELECT s.event_id, s.at_utc, s.actor, s.action, s.client_id, s.object, s.outcome, s.details FROM prismq.security_events s
WHERE s.event_id < :before ORDER BY s.event_id DESC LIMIT :most;
