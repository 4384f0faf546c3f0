-- What clients, admins and workers read. The lists with their filters are composed in store/postgres/reads.ts.

-- name: logs_of (client)
SELECT e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM prismq.task_logs e WHERE e.client_id = :client_id AND e.task_id = :task_id AND e.log_id > :after ORDER BY e.log_id LIMIT :most;

-- name: client_of_task (admin)
SELECT t.client_id FROM prismq.clients c JOIN prismq.tasks t ON t.client_id = c.client_id WHERE t.task_id = :task_id;

-- What happened after a number of the client's chain. Numbers are given when nothing can come between (functions/13_audit.sql).
-- name: events_of (client)
SELECT n.last_no - n.n + u.o, e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details
FROM (SELECT m.* FROM (SELECT l.*, sum(l.n) OVER (ORDER BY l.last_no) - l.n AS ahead FROM (
    SELECT x.last_no, x.n, x.task_ids, x.seqs FROM prismq.audit_numbers x WHERE x.chain = 'tasks' AND x.client_id = :client_id AND x.last_no > :after ORDER BY x.last_no LIMIT :most) l) m
  WHERE m.ahead < CAST(:most AS bigint) + 63) n
CROSS JOIN LATERAL unnest(n.task_ids, n.seqs) WITH ORDINALITY u (task_id, seq, o)
CROSS JOIN LATERAL (SELECT y.* FROM prismq.task_logs y WHERE y.client_id = :client_id AND y.task_id = u.task_id AND y.log_id = u.seq OFFSET 0) e
WHERE n.last_no - n.n + u.o > :after ORDER BY n.last_no, u.o LIMIT :most;

-- name: events_last_of (client)
SELECT l.no FROM prismq.audit_last l WHERE l.chain = 'tasks' AND l.client_id = :client_id;

-- name: events_all (admin)
SELECT e.place, e.log_id, e.task_id, e.client_id, e.at_utc, e.level, e.message, e.event, e.from_status, e.to_status, e.actor, e.attempt, e.details FROM prismq.audit_events(:token, :after, :most) e;

-- name: events_last (admin)
SELECT prismq.audit_events_last(:token);

-- name: inbox (worker)
SELECT i.id, i.client_id, i.type, i.priority, i.attempts, i.run_after_utc, i.compatibility FROM prismq.worker_inbox i ORDER BY i.priority, i.run_after_utc LIMIT :most;

-- name: security_of (admin)
SELECT s.event_id, s.at_utc, s.actor, s.action, s.client_id, s.object, s.outcome, s.details FROM prismq.security_events s
WHERE s.client_id = :client_id AND s.event_id < :before ORDER BY s.event_id DESC LIMIT :most;

-- name: security_all (admin)
SELECT s.event_id, s.at_utc, s.actor, s.action, s.client_id, s.object, s.outcome, s.details FROM prismq.security_events s
WHERE (s.event_id, coalesce(s.client_id, '')) < (CAST(:before AS bigint), CAST(:client AS text)) ORDER BY s.event_id DESC, coalesce(s.client_id, '') DESC LIMIT :most;
