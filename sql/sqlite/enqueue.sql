-- Enqueue: lanes, the task itself, its place and its audit row. The rows of one batch are those from :first on, in the
-- transaction that inserted them.

-- name: client_state (engine)
SELECT CASE WHEN c.quota_tasks IS NULL AND c.quota_bytes IS NULL THEN c.status ELSE c.status || ' quota' END FROM walled.clients c WHERE c.client_id = :client_id;

-- name: client_create (registry)
INSERT INTO main.clients (client_id, created_at_utc) VALUES (:client_id, :now);

-- name: lane_find (engine)
SELECT lane_id FROM walled.lanes WHERE client_id = :client_id AND type = :type AND compatibility = :compatibility AND limit_key = :limit_key;

-- name: lane_count (engine)
SELECT count(*) FROM walled.lanes WHERE client_id = :client_id;

-- name: lane_insert (engine)
INSERT INTO main.lanes (client_id, type, compatibility, region, limit_key) VALUES (?1, ?2, ?3, ?4, ?5);

-- name: set_list (engine)
SELECT set_id, key FROM walled.capability_sets;

-- name: lane_cover (engine)
INSERT INTO main.capability_lanes (set_id, client_id, lane_id) VALUES (:set_id, :client_id, :lane_id);

-- name: idempotent_find (engine)
SELECT t.task_no, t.task_id, t.request_digest, t.created_at_utc FROM walled.tasks t WHERE t.client_id = :client_id AND t.idempotency_key = :key;

-- name: task_insert (engine)
INSERT INTO main.tasks (client_id, task_id, lane_id, priority, effective_priority, max_attempts, max_run_ms, run_after_utc, created_at_utc, payload, format,
  idempotency_key, request_digest, created_by, due_at_utc, expires_at_utc, metadata, traceparent, parent_task_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19);

-- name: enqueue_metadata (engine)
INSERT INTO main.task_metadata (client_id, key, value, task_no) SELECT t.client_id, m.key, m.value, t.task_no
FROM walled.tasks t CROSS JOIN json_each(t.metadata) m WHERE t.task_no >= :first AND t.metadata IS NOT NULL;

-- name: enqueue_ready (engine)
INSERT INTO main.ready (client_id, priority, task_no, lane_id, attempt, claims, releases, losses, draw, due_at_utc, expires_at_utc)
SELECT t.client_id, t.effective_priority, t.task_no, t.lane_id, 0, 0, 0, 0,
  CASE WHEN :draws THEN (SELECT c.draw_floor FROM walled.clients c WHERE c.client_id = t.client_id) - ln((abs(random() % 9007199254740991) + 1) / 9007199254740993.0) * (t.effective_priority + 1) ELSE 0 END,
  t.due_at_utc, t.expires_at_utc
FROM walled.tasks t WHERE t.task_no >= :first AND t.run_after_utc <= :now;

-- name: enqueue_delayed (engine)
INSERT INTO main.delayed (task_no, client_id, lane_id, state, run_after_utc, attempt, claims, releases, losses, due_at_utc, expires_at_utc)
SELECT t.task_no, t.client_id, t.lane_id, 'queued', t.run_after_utc, 0, 0, 0, 0, t.due_at_utc, t.expires_at_utc
FROM walled.tasks t WHERE t.task_no >= :first AND t.run_after_utc > :now;

-- name: enqueue_log (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT t.client_id, t.task_no, :now, 'enqueue', NULL, 'queued', coalesce(:actor, 'client:' || t.client_id), 0, NULL FROM walled.tasks t WHERE t.task_no >= :first;

-- The same for one task that is ready at once: reading it back through the wall costs more than its parameters.
-- name: enqueue_ready_one (engine)
INSERT INTO main.ready (client_id, priority, task_no, lane_id, attempt, claims, releases, losses, draw, due_at_utc, expires_at_utc)
VALUES (?1, ?2, ?3, ?4, 0, 0, 0, 0, 0, ?5, ?6);

-- name: enqueue_log_one (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
VALUES (?1, ?2, ?3, 'enqueue', NULL, 'queued', ?4, 0, NULL);
