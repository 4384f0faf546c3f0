-- Moves of one task by its owner, an admin or the janitor: read its place, leave it, enter the next one, write the audit.

-- name: place_of (engine)
SELECT t.task_no, t.client_id, t.generation, t.priority, t.effective_priority, t.max_attempts,
  CASE WHEN f.task_no IS NOT NULL THEN f.status WHEN l.task_no IS NOT NULL THEN 'leased' WHEN r.task_no IS NOT NULL THEN 'queued' WHEN d.task_no IS NOT NULL THEN d.state WHEN b.task_no IS NOT NULL THEN 'blocked' END,
  CASE WHEN f.task_no IS NOT NULL THEN 'finished' WHEN l.task_no IS NOT NULL THEN 'leases' WHEN r.task_no IS NOT NULL THEN 'ready' WHEN d.task_no IS NOT NULL THEN 'delayed' WHEN b.task_no IS NOT NULL THEN 'blocked' END,
  t.lane_id, coalesce(f.attempt, l.attempt, r.attempt, d.attempt, 0), coalesce(f.claims, l.claims, r.claims, d.claims, b.claims, 0), coalesce(f.releases, l.releases, r.releases, d.releases, 0),
  t.due_at_utc, t.expires_at_utc, t.run_after_utc, coalesce(l.worker_id, f.worker_id), coalesce(l.lease_id, f.lease_id), coalesce(l.reserved_at_utc, f.reserved_at_utc), d.run_after_utc, coalesce(r.losses, d.losses, 0)
FROM walled.tasks t
LEFT JOIN walled.finished f ON f.task_no = t.task_no
LEFT JOIN walled.leases l ON l.task_no = t.task_no
LEFT JOIN walled.ready r ON r.client_id = t.client_id AND r.priority = t.effective_priority AND r.task_no = t.task_no
LEFT JOIN walled.delayed d ON d.task_no = t.task_no
LEFT JOIN walled.blocked b ON b.task_no = t.task_no
WHERE t.client_id = :client_id AND t.task_id = :task_id AND t.purged_at_utc IS NULL;

-- name: client_of_task (engine)
SELECT t.client_id FROM walled.tasks t WHERE t.task_id = :task_id AND t.client_id IN (SELECT c.client_id FROM walled.clients c);

-- name: leave_ready (engine)
DELETE FROM main.ready WHERE client_id = :client_id AND priority = :priority AND task_no = :task_no;

-- name: leave_delayed (engine)
DELETE FROM main.delayed WHERE task_no = :task_no;

-- name: leave_leases (engine)
DELETE FROM main.leases WHERE task_no = :task_no;

-- name: leave_blocked (engine)
DELETE FROM main.blocked WHERE task_no = :task_no;

-- name: leave_finished (engine)
DELETE FROM main.finished WHERE task_no = :task_no;

-- name: enter_ready (engine)
INSERT INTO main.ready (client_id, priority, task_no, lane_id, attempt, claims, releases, losses, draw, due_at_utc, expires_at_utc)
VALUES (:client_id, :priority, :task_no, :lane_id, :attempt, :claims, :releases, :losses,
  CASE WHEN :draws THEN coalesce((SELECT c.draw_floor FROM walled.clients c WHERE c.client_id = :client_id), 0) - ln((abs(random() % 9007199254740991) + 1) / 9007199254740993.0) * (:priority + 1) ELSE 0 END, :due_at_utc, :expires_at_utc);

-- name: enter_finished (engine)
INSERT INTO main.finished (task_no, client_id, lane_id, status, finished_at_utc, attempt, claims, releases, reason, worker_id, lease_id, reserved_at_utc)
VALUES (:task_no, :client_id, :lane_id, :status, :now, :attempt, :claims, :releases, :reason, :worker_id, :lease_id, :reserved_at_utc);

-- name: event_add (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
VALUES (:client_id, :task_no, :now, :event, :from_status, :to_status, :actor, :attempt, :details);

-- A new generation does not expire: the old one's instant has passed, or was meant for the old one.
-- name: task_generation (engine)
UPDATE main.tasks SET generation = :generation, expires_at_utc = NULL, amended_at_utc = :now WHERE task_no = :task_no;

-- name: task_priority (engine)
UPDATE main.tasks SET priority = :priority, effective_priority = :priority, amended_at_utc = :now WHERE task_no = :task_no;

-- name: task_payload (engine)
UPDATE main.tasks SET payload = :payload, format = :format, amended_at_utc = :now WHERE task_no = :task_no;

-- name: task_options (engine)
UPDATE main.tasks SET max_attempts = :max_attempts, max_run_ms = :max_run_ms, metadata = :metadata, amended_at_utc = :now WHERE task_no = :task_no;

-- name: metadata_insert (engine)
INSERT INTO main.task_metadata (client_id, key, value, task_no) SELECT :client_id, m.key, m.value, :task_no FROM json_each(:metadata) m;

-- name: options_of (engine)
SELECT t.max_attempts, t.max_run_ms, t.metadata FROM walled.tasks t WHERE t.client_id = :client_id AND t.task_no = :task_no;

-- name: payload_of (client)
SELECT t.payload FROM walled.tasks t WHERE t.client_id = :client_id AND t.task_no = :task_no;

-- name: metadata_clear (engine)
DELETE FROM main.task_metadata WHERE task_no = :task_no;

-- name: purge_attempts (engine)
DELETE FROM main.task_attempts WHERE task_no IN (SELECT value FROM json_each(:task_nos));

-- name: purge_messages (engine)
DELETE FROM main.task_messages WHERE task_no IN (SELECT value FROM json_each(:task_nos));

-- name: purge_progress (engine)
DELETE FROM main.task_progress WHERE task_no IN (SELECT value FROM json_each(:task_nos));

-- name: purge_metadata (engine)
DELETE FROM main.task_metadata WHERE task_no IN (SELECT value FROM json_each(:task_nos));

-- name: purge_log (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT f.client_id, f.task_no, :now, 'purge', f.status, NULL, :actor, f.attempt, NULL FROM walled.finished f WHERE f.task_no IN (SELECT value FROM json_each(:task_nos));

-- name: purge_finished (engine)
DELETE FROM main.finished WHERE task_no IN (SELECT value FROM json_each(:task_nos));

-- name: purge_tasks (engine)
UPDATE main.tasks SET payload = NULL, metadata = NULL, idempotency_key = NULL, purged_at_utc = :now WHERE task_no IN (SELECT value FROM json_each(:task_nos));
