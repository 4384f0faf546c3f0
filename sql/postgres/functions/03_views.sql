-- The seed's shapes, for people and for reading one task. Status is told by where the task is. Views show what their reader may
-- see (security_invoker), and no predicate is asked before the policies were (security_barrier where rows are filtered).


-- Without contents: for admins of the platform.
CREATE VIEW prismq.task_queue_open WITH (security_invoker = true) AS
SELECT t.task_id AS id, t.client_id, n.type, t.priority, t.effective_priority, n.compatibility,
  CASE WHEN f.task_id IS NOT NULL THEN f.status WHEN l.task_id IS NOT NULL THEN 'leased' WHEN r.task_id IS NOT NULL THEN 'queued'
    WHEN d.task_id IS NOT NULL THEN d.state WHEN b.task_id IS NOT NULL THEN 'blocked' END AS status,
  coalesce(f.attempt, l.attempt, r.attempt, d.attempt, 0) AS attempts, t.max_attempts, t.generation,
  coalesce(f.releases, l.releases, r.releases, d.releases, 0) AS releases,
  coalesce(d.run_after_utc, t.run_after_utc) AS run_after_utc, l.lease_until_utc,
  coalesce(l.reserved_at_utc, f.reserved_at_utc) AS reserved_at_utc,
  f.processing_started_utc, f.finished_at_utc, coalesce(l.worker_id, f.worker_id) AS locked_by, t.created_at_utc,
  coalesce(f.finished_at_utc, l.reserved_at_utc, t.amended_at_utc, t.created_at_utc) AS updated_at_utc,
  n.region, t.format, f.reason, t.created_by, t.traceparent, t.due_at_utc, t.expires_at_utc, t.max_run_ms, t.purged_at_utc, f.run_ms, t.parent_task_id, coalesce(b.waiting, 0) AS waiting_for,
  (SELECT s.state FROM prismq.task_sla s WHERE s.client_id = t.client_id AND s.task_id = t.task_id) AS sla
FROM prismq.tasks t
JOIN prismq.lanes n ON n.client_id = t.client_id AND n.lane_no = t.lane_no
LEFT JOIN prismq.finished f ON f.client_id = t.client_id AND f.task_id = t.task_id
LEFT JOIN prismq.leases l ON l.client_id = t.client_id AND l.task_id = t.task_id
LEFT JOIN prismq.ready r ON r.client_id = t.client_id AND r.priority = t.effective_priority AND r.task_id = t.task_id
LEFT JOIN prismq.delayed d ON d.client_id = t.client_id AND d.task_id = t.task_id
LEFT JOIN prismq.blocked b ON b.client_id = t.client_id AND b.task_id = t.task_id;

CREATE VIEW prismq.task_queue WITH (security_invoker = true) AS
SELECT q.*, x.payload, f.result, x.idempotency_key, x.metadata, p.value AS progress,
  coalesce((SELECT a.error_message FROM prismq.task_attempts a WHERE a.client_id = q.client_id AND a.task_id = q.id AND a.error_message IS NOT NULL ORDER BY a.claims DESC LIMIT 1), q.reason) AS error_message
FROM prismq.task_queue_open q
JOIN prismq.tasks x ON x.client_id = q.client_id AND x.task_id = q.id
LEFT JOIN prismq.finished f ON f.client_id = q.client_id AND f.task_id = q.id
LEFT JOIN prismq.task_progress p ON p.client_id = q.client_id AND p.task_id = q.id;

CREATE VIEW prismq.task_logs WITH (security_invoker = true) AS
SELECT e.seq AS log_id, e.task_id, e.client_id, e.at_utc,
  CASE WHEN e.event IN ('bury', 'expire') THEN 'ERROR' WHEN e.event IN ('fail', 'retry', 'lapse') THEN 'WARNING' WHEN e.event IN ('claim', 'release') THEN 'DEBUG' ELSE 'INFO' END AS level,
  e.event || ': ' || coalesce(e.from_status, 'new') || ' to ' || coalesce(e.to_status, 'gone') AS message,
  e.event, e.from_status, e.to_status, e.actor, e.attempt, coalesce(e.details, '{}') AS details
FROM prismq.task_events e;

-- What the worker that asks may claim now: no payload, and nothing for who is no worker.
-- The runs of the audit's numbers, row by row: for what goes through all of them.
CREATE VIEW prismq.audit_places WITH (security_invoker = true) AS
SELECT n.chain, n.last_id, n.last_id - n.n + u.o AS id, n.client_id, n.last_no - n.n + u.o AS no, u.task_id, u.seq, u.event_id
FROM prismq.audit_numbers n CROSS JOIN LATERAL unnest(n.task_ids, n.seqs, n.event_ids) WITH ORDINALITY u (task_id, seq, event_id, o);

CREATE VIEW prismq.worker_inbox WITH (security_invoker = true, security_barrier = true) AS
SELECT t.task_id AS id, r.client_id, n.type, r.priority, r.attempt AS attempts, t.run_after_utc, n.compatibility
FROM prismq.capability_lanes c
JOIN prismq.lanes n ON n.client_id = c.client_id AND n.lane_no = c.lane_no
JOIN prismq.ready r ON r.client_id = c.client_id AND r.lane_no = c.lane_no
JOIN prismq.tasks t ON t.client_id = r.client_id AND t.task_id = r.task_id
UNION ALL
SELECT t.task_id, d.client_id, n.type, t.effective_priority, d.attempt, d.run_after_utc, n.compatibility
FROM prismq.capability_lanes c
JOIN prismq.lanes n ON n.client_id = c.client_id AND n.lane_no = c.lane_no
JOIN prismq.delayed d ON d.client_id = c.client_id AND d.lane_no = c.lane_no AND d.state = 'queued' AND d.run_after_utc <= prismq.now_ms()
JOIN prismq.tasks t ON t.client_id = d.client_id AND t.task_id = d.task_id;

ALTER VIEW prismq.task_queue OWNER TO prismq_owner;
ALTER VIEW prismq.task_queue_open OWNER TO prismq_owner;
ALTER VIEW prismq.task_logs OWNER TO prismq_owner;
ALTER VIEW prismq.audit_places OWNER TO prismq_owner;
ALTER VIEW prismq.worker_inbox OWNER TO prismq_owner;
GRANT SELECT ON prismq.task_queue TO prismq_client;
GRANT SELECT ON prismq.task_queue_open, prismq.task_logs TO prismq_client, prismq_admin;
GRANT SELECT ON prismq.task_logs TO prismq_audit;
GRANT SELECT ON prismq.worker_inbox TO prismq_worker;
