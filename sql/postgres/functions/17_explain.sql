-- Why a task does not run: what is known of its lane, its limits and the workers, as one document. Null: no such task.
CREATE OR REPLACE FUNCTION prismq.explain_facts(token text, client text, task uuid, alive_ms bigint, most integer) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin'); now_utc bigint := prismq.now_ms(); t record;
BEGIN
  SELECT n.lane_no, n.type, n.compatibility, c.status, x.effective_priority INTO t FROM prismq.tasks x JOIN prismq.lanes n ON n.client_id = x.client_id AND n.lane_no = x.lane_no JOIN prismq.clients c ON c.client_id = x.client_id
  WHERE x.client_id = client AND x.task_id = task;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN jsonb_build_object(
    'lane', jsonb_build_object('clientId', client, 'type', t.type, 'compatibility', t.compatibility::jsonb), 'isActive', t.status = 'active', 'nowUtc', now_utc,
    'limits', coalesce((SELECT jsonb_agg(jsonb_build_object('name', m.name, 'concurrency', m.concurrency, 'running', coalesce(u.n, 0), 'rate', m.rate, 'perMs', m.per_ms, 'started', coalesce(s.n, 0)) ORDER BY m.name)
      FROM prismq.lane_limits x JOIN prismq.limits m ON m.client_id = x.client_id AND m.name = x.name LEFT JOIN prismq.running_under(client) u ON u.name = x.name AND u.bucket = x.bucket
      LEFT JOIN LATERAL (SELECT sum(b.starts) AS n FROM prismq.limit_starts b WHERE b.client_id = client AND b.name = x.name AND b.bucket = x.bucket AND b.at_utc > now_utc - m.per_ms) s ON true
      WHERE x.client_id = client AND x.lane_no = t.lane_no), '[]'),
    'sets', coalesce((SELECT jsonb_agg(jsonb_build_object('declared', k.content->'declared', 'grants', k.content->'grants', 'live', k.live)) FROM (
      SELECT s.content, count(*) FILTER (WHERE w.heartbeat_utc > now_utc - alive_ms AND w.status IN ('ready', 'busy')) AS live FROM prismq.workers w JOIN prismq.capability_sets s ON s.set_id = w.set_id GROUP BY s.set_id, s.content LIMIT 1000) k), '[]'),
    'ahead', (SELECT count(*) FROM (SELECT FROM prismq.ready r WHERE r.client_id = client AND (r.priority, r.task_id) < (t.effective_priority, task) LIMIT most) a));
END $$;
ALTER FUNCTION prismq.explain_facts(text, text, uuid, bigint, integer) OWNER TO prismq_engine;
GRANT EXECUTE ON FUNCTION prismq.explain_facts(text, text, uuid, bigint, integer) TO prismq_client, prismq_admin;
