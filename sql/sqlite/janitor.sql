-- The janitor's bounded steps. They run for every client (`*` is bound): each says why it crosses clients.

-- Time passes for every client alike: what is due becomes ready, oldest first.
-- name: due_pick (engine)
INSERT INTO staged.picked (task_no, client_id, priority, lane_id, attempt, claims, releases, losses, due_at_utc, expires_at_utc, state)
SELECT d.task_no, d.client_id, t.effective_priority, d.lane_id, d.attempt, d.claims, d.releases, d.losses, d.due_at_utc, d.expires_at_utc, d.state
FROM walled.delayed d JOIN walled.tasks t ON t.task_no = d.task_no WHERE d.run_after_utc <= :now ORDER BY d.run_after_utc LIMIT :most;

-- name: due_ready (engine)
INSERT INTO main.ready (client_id, priority, task_no, lane_id, attempt, claims, releases, losses, draw, due_at_utc, expires_at_utc)
SELECT p.client_id, p.priority, p.task_no, p.lane_id, p.attempt, p.claims, p.releases, p.losses,
  CASE WHEN :draws THEN (SELECT c.draw_floor FROM walled.clients c WHERE c.client_id = p.client_id) - ln((abs(random() % 9007199254740991) + 1) / 9007199254740993.0) * (p.priority + 1) ELSE 0 END,
  p.due_at_utc, p.expires_at_utc FROM staged.picked p;

-- name: due_undelay (engine)
DELETE FROM main.delayed WHERE task_no IN (SELECT task_no FROM staged.picked);

-- Becoming due is not an event; leaving the back-off is (`retry`).
-- name: due_log (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT p.client_id, p.task_no, :now, 'retry', 'failed', 'queued', 'system', p.attempt, NULL FROM staged.picked p WHERE p.state = 'failed';

-- Whose workers to wake.
-- name: due_clients (engine)
SELECT p.client_id, count(*) FROM staged.picked p GROUP BY p.client_id;

-- name: lapse_find (engine)
SELECT t.client_id, t.task_id FROM (
  SELECT r.task_no FROM walled.ready r WHERE r.expires_at_utc <= :now
  UNION ALL SELECT d.task_no FROM walled.delayed d WHERE d.expires_at_utc <= :now
  UNION ALL SELECT b.task_no FROM walled.blocked b WHERE b.expires_at_utc <= :now LIMIT :most) x
JOIN walled.tasks t ON t.task_no = x.task_no;

-- name: retention_find (engine)
SELECT f.task_no FROM walled.clients c JOIN walled.finished f ON f.client_id = c.client_id
WHERE f.status IN ('completed', 'dead_letter', 'cancelled') AND f.finished_at_utc < :cut AND f.client_id = :client_id LIMIT :most;

-- name: clients_with_finished (engine)
SELECT c.client_id FROM walled.clients c WHERE EXISTS (SELECT 1 FROM walled.finished f WHERE f.client_id = c.client_id AND f.status IN ('completed', 'dead_letter', 'cancelled') AND f.finished_at_utc < :cut);

-- name: next_due (engine)
SELECT min(d.run_after_utc) FROM walled.delayed d;

-- name: messages_old (engine)
SELECT m.message_id FROM walled.task_messages m WHERE m.at_utc < :cut LIMIT :most;

-- name: messages_drop (engine)
DELETE FROM main.task_messages WHERE message_id IN (SELECT value FROM json_each(:ids));

