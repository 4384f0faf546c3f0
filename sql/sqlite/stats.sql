-- The numbers of a queue, and what the audit says of all of it. Each count is driven from its state's own table.

-- name: counts_by_lane (client)
SELECT x.status, n.type, sum(x.n) FROM (
  SELECT 'queued' AS status, r.lane_id, count(*) AS n FROM walled.ready r WHERE (:client_id IS NULL OR r.client_id = :client_id) GROUP BY r.lane_id
  UNION ALL SELECT d.state, d.lane_id, count(*) FROM walled.delayed d WHERE (:client_id IS NULL OR d.client_id = :client_id) GROUP BY d.state, d.lane_id
  UNION ALL SELECT 'leased', l.lane_id, count(*) FROM walled.leases l WHERE (:client_id IS NULL OR l.client_id = :client_id) GROUP BY l.lane_id
  UNION ALL SELECT 'blocked', b.lane_id, count(*) FROM walled.blocked b WHERE (:client_id IS NULL OR b.client_id = :client_id) GROUP BY b.lane_id
  UNION ALL SELECT f.status, f.lane_id, count(*) FROM walled.finished f WHERE (:client_id IS NULL OR f.client_id = :client_id) GROUP BY f.status, f.lane_id) x
JOIN walled.lanes n ON n.lane_id = x.lane_id GROUP BY x.status, n.type ORDER BY n.type, x.status;

-- The oldest row of ready is the smallest task_no of its client: position is kept over retries.
-- name: oldest_ready (client)
SELECT min(t.created_at_utc) FROM walled.tasks t WHERE t.task_no = (SELECT min(r.task_no) FROM walled.ready r WHERE (:client_id IS NULL OR r.client_id = :client_id));

-- name: ended_since (client)
SELECT count(*) FILTER (WHERE f.status = 'completed'), count(*) FILTER (WHERE f.status = 'dead_letter'), count(*) FILTER (WHERE f.attempt > 1), coalesce(sum(f.attempt), 0),
  count(*) FILTER (WHERE f.status = 'completed' AND f.finished_at_utc >= :hour)
FROM walled.finished f WHERE f.status IN ('completed', 'dead_letter') AND f.finished_at_utc >= :since AND (:client_id IS NULL OR f.client_id = :client_id);

-- name: run_times (client)
SELECT count(*), percentile_cont(x.run_ms, 0.5), percentile_cont(x.run_ms, 0.95), percentile_cont(x.run_ms, 0.99)
FROM (SELECT coalesce(f.run_ms, f.finished_at_utc - f.processing_started_utc) AS run_ms FROM walled.finished f WHERE f.status = 'completed' AND f.finished_at_utc >= :since AND (:client_id IS NULL OR f.client_id = :client_id)) x;

-- name: worker_counts (client)
SELECT count(*), count(*) FILTER (WHERE w.heartbeat_utc >= :active), count(*) FILTER (WHERE w.heartbeat_utc < :stale) FROM walled.workers w WHERE w.status <> 'offline';

-- The whole audit, for every client: only the owner of the file asks for it. A lane may have no task: the first one of it was refused.
-- name: audit_totals (owner)
SELECT count(*) FILTER (WHERE e.event = 'enqueue'), count(DISTINCT e.client_id), (SELECT count(DISTINCT n.type) FROM main.tasks t CROSS JOIN main.lanes n ON n.lane_id = t.lane_id)
FROM main.task_events e;

-- One pass over the audit in the order of each task: where an event starts must be where the one before it ended.
-- What retention took is not missing: behind a cut a task begins where its first row is.
-- name: audit_steps (owner)
SELECT
  sum(x.event = 'claim' AND x.starts > 0),
  sum(x.event = 'claim' AND x.starts > 0 AND NOT x.explained),
  count(DISTINCT CASE WHEN x.before IS NOT x.from_status AND NOT (x.first AND x.client_id IN (SELECT c.client_id FROM main.audit_cuts c WHERE c.chain = 'tasks')) THEN x.task_no END),
  sum(x.last AND x.ended NOT IN ('completed', 'dead_letter', 'cancelled')),
  sum(x.last AND x.ended = 'completed'), sum(x.last AND x.ended = 'dead_letter'), sum(x.last AND x.ended = 'cancelled')
FROM (
  -- What was purged ended as it was.
  SELECT e.task_no, e.client_id, lag(e.log_id) OVER task IS NULL AS first, e.event, e.from_status, coalesce(e.to_status, e.from_status) AS ended,
    lag(e.to_status) OVER task AS before,
    sum(e.event = 'claim') OVER (PARTITION BY e.task_no ORDER BY e.log_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS starts,
    -- Since the claim before this one there was a fail, expire, release or requeue.
    coalesce(max(CASE WHEN e.event IN ('fail', 'expire', 'release', 'requeue') THEN e.log_id END) OVER (PARTITION BY e.task_no ORDER BY e.log_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
      > max(CASE WHEN e.event = 'claim' THEN e.log_id END) OVER (PARTITION BY e.task_no ORDER BY e.log_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS explained,
    lead(e.log_id) OVER task IS NULL AS last
  FROM main.task_events e
  WINDOW task AS (PARTITION BY e.task_no ORDER BY e.log_id)) x;
