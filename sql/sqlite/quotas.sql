-- Quotas: how much of a client may be unfinished at once. Only enqueues of clients that have one ask.

-- name: quota_of (engine)
SELECT c.quota_tasks, c.quota_bytes, q.tasks, q.bytes, q.counted_at_utc FROM walled.clients c LEFT JOIN walled.quota_room q ON q.client_id = c.client_id WHERE c.client_id = :client_id;

-- What is not done: waiting, put off, blocked or running.
-- name: quota_tasks (client)
SELECT (SELECT count(*) FROM walled.ready r WHERE r.client_id = :client_id) + (SELECT count(*) FROM walled.delayed d WHERE d.client_id = :client_id)
  + (SELECT count(*) FROM walled.blocked b WHERE b.client_id = :client_id) + (SELECT count(*) FROM walled.leases l WHERE l.client_id = :client_id);

-- name: quota_bytes (client)
SELECT coalesce(sum(octet_length(t.payload)), 0) FROM (SELECT r.task_no FROM walled.ready r WHERE r.client_id = :client_id UNION ALL SELECT d.task_no FROM walled.delayed d WHERE d.client_id = :client_id
  UNION ALL SELECT b.task_no FROM walled.blocked b WHERE b.client_id = :client_id UNION ALL SELECT l.task_no FROM walled.leases l WHERE l.client_id = :client_id) u
CROSS JOIN walled.tasks t ON t.task_no = u.task_no;

-- name: quota_put (engine)
INSERT OR REPLACE INTO main.quota_room (client_id, tasks, bytes, counted_at_utc) VALUES (:client_id, :tasks, :bytes, :at);

-- What comes back, or is made longer, is counted at the next enqueue.
-- name: quota_stale (engine)
DELETE FROM main.quota_room WHERE client_id = :client_id;

-- name: quota_set (registry)
UPDATE main.clients SET quota_tasks = :tasks, quota_bytes = :bytes WHERE client_id = :client_id;

-- name: quota_reset (registry)
DELETE FROM main.quota_room WHERE client_id = :client_id;
