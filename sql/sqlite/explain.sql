-- Why a task does not run: what is known of its lane, its limits and the workers.

-- name: explain_task (engine)
SELECT n.lane_id, n.type, n.compatibility, c.status, t.effective_priority, t.task_no FROM walled.tasks t JOIN walled.lanes n ON n.lane_id = t.lane_id JOIN walled.clients c ON c.client_id = t.client_id
WHERE t.client_id = :client_id AND t.task_id = :task_id;

-- name: explain_limits (engine)
SELECT x.name, x.bucket FROM walled.lane_limits x WHERE x.client_id = :client_id AND x.lane_id = :lane_id ORDER BY x.name;

-- name: explain_sets (engine)
SELECT s.key, sum(w.heartbeat_utc > :alive_since AND w.status IN ('ready', 'busy')) FROM walled.workers w JOIN walled.capability_sets s ON s.set_id = w.set_id GROUP BY s.key LIMIT :most;

-- name: explain_ahead (engine)
SELECT count(*) FROM (SELECT 1 FROM walled.ready r WHERE r.client_id = :client_id AND (r.priority, r.task_no) < (:priority, :task_no) LIMIT :most);

-- Work that is due and that no live worker may take, by what it needs. Only what nobody covers is probed for tasks.
-- name: unroutable (engine)
SELECT n.client_id, n.type, n.compatibility, sum((SELECT count(*) FROM (SELECT 1 FROM walled.ready r WHERE r.lane_id = n.lane_id AND +r.client_id = n.client_id LIMIT :most_waiting)))
FROM walled.lanes n WHERE (:client_id IS NULL OR n.client_id = :client_id) AND EXISTS (SELECT 1 FROM walled.ready r WHERE r.lane_id = n.lane_id AND +r.client_id = n.client_id)
  AND NOT EXISTS (SELECT 1 FROM walled.capability_lanes c CROSS JOIN walled.workers w ON w.set_id = c.set_id WHERE c.lane_id = n.lane_id AND +c.client_id = n.client_id AND w.heartbeat_utc > :alive_since AND w.status IN ('ready', 'busy'))
GROUP BY n.client_id, n.type, n.compatibility ORDER BY n.client_id, n.type, n.compatibility LIMIT :most;
