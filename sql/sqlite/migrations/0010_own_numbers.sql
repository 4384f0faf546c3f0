-- Numbers that a client may see are counted within it or within a task, never over all clients.

-- `event_id` is the order of the table and stays inside; `shown_id` is what is answered: microseconds since the epoch, moved on where
-- two of one client would be the same.
ALTER TABLE security_events ADD COLUMN shown_id INTEGER NOT NULL DEFAULT 0;
DROP INDEX security_events_client;
CREATE INDEX security_events_client ON security_events (client_id, shown_id);

-- `log_id` is the number in the task; `row_no` is the order of the table, which is for the engine.
DROP VIEW task_logs;
CREATE VIEW task_logs AS
SELECT (SELECT count(*) FROM task_events x WHERE x.task_no = e.task_no AND x.log_id <= e.log_id) AS log_id, t.task_id, e.client_id, e.at_utc,
  CASE WHEN e.event IN ('bury', 'expire') THEN 'ERROR' WHEN e.event IN ('fail', 'retry', 'lapse') THEN 'WARNING' WHEN e.event IN ('claim', 'release') THEN 'DEBUG' ELSE 'INFO' END AS level,
  e.event || ': ' || coalesce(e.from_status, 'new') || ' to ' || coalesce(e.to_status, 'gone') AS message,
  e.event, e.from_status, e.to_status, e.actor, e.attempt, coalesce(e.details, '{}') AS details, e.log_id AS row_no
FROM task_events e
JOIN tasks t ON t.task_no = e.task_no;
