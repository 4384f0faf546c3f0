-- Due times: which tasks have one, how they stand, and the forecast.

-- The rows of one batch, as in enqueue.sql. Somebody looks when a fifth of the time is left.
-- name: enqueue_sla (engine)
INSERT INTO main.task_sla (client_id, task_no, due_at_utc, state, next_utc)
SELECT t.client_id, t.task_no, t.due_at_utc, 'on_time', t.due_at_utc - (t.due_at_utc - t.created_at_utc) / 5 FROM walled.tasks t WHERE t.task_no >= :first AND t.due_at_utc IS NOT NULL;

-- Time passes for every client alike.
-- name: sla_due (engine)
SELECT s.client_id, t.task_id, s.task_no, s.due_at_utc, f.status, f.finished_at_utc FROM walled.task_sla s CROSS JOIN walled.tasks t ON t.task_no = s.task_no
LEFT JOIN walled.finished f ON f.task_no = s.task_no WHERE s.next_utc <= :now ORDER BY s.next_utc LIMIT :most;

-- name: sla_put (engine)
UPDATE main.task_sla SET state = :state, next_utc = :next WHERE client_id = :client_id AND task_no = :task_no;

-- name: purge_sla (engine)
DELETE FROM main.task_sla WHERE (client_id, task_no) IN (SELECT f.client_id, f.task_no FROM walled.finished f WHERE f.task_no IN (SELECT value FROM json_each(:task_nos)));

-- name: sla_counts (client)
SELECT count(*) FILTER (WHERE s.state = 'at_risk' AND (f.status IS NULL OR f.status = 'dead_letter')),
  count(*) FILTER (WHERE (s.state = 'breached' AND (f.status IS NULL OR f.status = 'dead_letter')) OR (f.status = 'completed' AND f.finished_at_utc > s.due_at_utc)),
  count(*) FILTER (WHERE f.status = 'completed' AND f.finished_at_utc <= s.due_at_utc)
FROM walled.task_sla s LEFT JOIN walled.finished f ON f.task_no = s.task_no WHERE (:client_id IS NULL OR s.client_id = :client_id);

-- name: forecast_ahead (engine)
SELECT count(*) FROM (SELECT 1 FROM walled.ready r WHERE r.client_id = :client_id AND (r.priority, r.task_no) < (:priority, :task_no) LIMIT :most);

-- name: forecast_running (engine)
SELECT count(*) FROM (SELECT 1 FROM walled.leases l WHERE l.client_id = :client_id LIMIT :most);

-- name: forecast_ended (engine)
SELECT count(*), min(e.finished_at_utc), avg(e.finished_at_utc - e.reserved_at_utc), count(*) FILTER (WHERE n.type = :type), avg(e.finished_at_utc - e.reserved_at_utc) FILTER (WHERE n.type = :type)
FROM (SELECT f.lane_id, f.finished_at_utc, f.reserved_at_utc FROM walled.finished f WHERE f.client_id = :client_id AND f.status = 'completed' AND f.finished_at_utc > :since ORDER BY f.finished_at_utc DESC LIMIT :most) e
JOIN walled.lanes n ON n.lane_id = e.lane_id;
