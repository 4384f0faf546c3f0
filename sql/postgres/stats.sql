-- The numbers of a queue, and what the audit says of all of it. Each count is driven from its state's own table.

-- name: counts_by_lane (client)
SELECT x.status, n.type, CAST(sum(x.n) AS bigint) FROM (
  SELECT 'queued' AS status, r.client_id, r.lane_no, count(*) AS n FROM prismq.ready r WHERE (CAST(:client_id AS text) IS NULL OR r.client_id = CAST(:client_id AS text)) GROUP BY r.client_id, r.lane_no
  UNION ALL SELECT d.state, d.client_id, d.lane_no, count(*) FROM prismq.delayed d WHERE (CAST(:client_id AS text) IS NULL OR d.client_id = CAST(:client_id AS text)) GROUP BY d.state, d.client_id, d.lane_no
  UNION ALL SELECT 'leased', l.client_id, l.lane_no, count(*) FROM prismq.leases l WHERE (CAST(:client_id AS text) IS NULL OR l.client_id = CAST(:client_id AS text)) GROUP BY l.client_id, l.lane_no
  UNION ALL SELECT 'blocked', b.client_id, b.lane_no, count(*) FROM prismq.blocked b WHERE (CAST(:client_id AS text) IS NULL OR b.client_id = CAST(:client_id AS text)) GROUP BY b.client_id, b.lane_no
  UNION ALL SELECT f.status, f.client_id, f.lane_no, count(*) FROM prismq.finished f WHERE (CAST(:client_id AS text) IS NULL OR f.client_id = CAST(:client_id AS text)) GROUP BY f.status, f.client_id, f.lane_no) x
JOIN prismq.lanes n ON n.client_id = x.client_id AND n.lane_no = x.lane_no GROUP BY x.status, n.type ORDER BY n.type, x.status;

-- name: oldest_ready (client)
SELECT min(t.created_at_utc) FROM (SELECT DISTINCT ON (r.client_id, r.lane_no) r.client_id, r.task_id FROM prismq.ready r WHERE (CAST(:client_id AS text) IS NULL OR r.client_id = CAST(:client_id AS text)) ORDER BY r.client_id, r.lane_no, r.task_id) o
JOIN prismq.tasks t ON t.client_id = o.client_id AND t.task_id = o.task_id;

-- name: ended_since (client)
SELECT count(*) FILTER (WHERE f.status = 'completed'), count(*) FILTER (WHERE f.status = 'dead_letter'), count(*) FILTER (WHERE f.attempt > 1), coalesce(sum(f.attempt), 0),
  count(*) FILTER (WHERE f.status = 'completed' AND f.finished_at_utc >= :hour)
FROM prismq.finished f WHERE f.status IN ('completed', 'dead_letter') AND f.finished_at_utc >= :since AND (CAST(:client_id AS text) IS NULL OR f.client_id = CAST(:client_id AS text));

-- name: run_times (client)
SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY x.run_ms), percentile_cont(0.95) WITHIN GROUP (ORDER BY x.run_ms), percentile_cont(0.99) WITHIN GROUP (ORDER BY x.run_ms)
FROM (SELECT coalesce(f.run_ms, f.finished_at_utc - f.processing_started_utc) AS run_ms FROM prismq.finished f WHERE f.status = 'completed' AND f.finished_at_utc >= :since AND (CAST(:client_id AS text) IS NULL OR f.client_id = CAST(:client_id AS text))) x;

-- name: worker_counts (client)
SELECT w.total, w.active, w.stale FROM prismq.worker_counts(:token, :active, :stale) w;

-- The whole audit, for every client.
-- name: audit_steps (system)
SELECT a.enqueued, a.completed, a.dead_letter, a.cancelled, a.unfinished, a.duplicate_starts, a.unexplained, a.incomplete, a.clients, a.categories FROM prismq.audit_summary(:token) a;
