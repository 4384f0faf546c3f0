-- Workers by what they declare and were granted, and how many of each gave a sign of life lately.
CREATE OR REPLACE FUNCTION prismq.sets_alive(alive_ms bigint) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(jsonb_agg(jsonb_build_object('declared', k.content->'declared', 'grants', k.content->'grants', 'live', k.live)), '[]') FROM (
  SELECT s.content, count(*) FILTER (WHERE w.heartbeat_utc > prismq.now_ms() - alive_ms AND w.status IN ('ready', 'busy')) AS live FROM prismq.workers w JOIN prismq.capability_sets s ON s.set_id = w.set_id GROUP BY s.set_id, s.content LIMIT 1000) k $$;
ALTER FUNCTION prismq.sets_alive(bigint) OWNER TO prismq_engine;

CREATE OR REPLACE FUNCTION prismq.worker_sets(token text, alive_ms bigint) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin');
BEGIN
  RETURN prismq.sets_alive(alive_ms);
END $$;

-- Work that is due and that no live worker may take, by what it needs. Only what nobody covers is probed for tasks.
CREATE OR REPLACE FUNCTION prismq.unroutable(token text, alive_ms bigint, most_waiting integer, most integer) RETURNS TABLE (client_id text, type text, compatibility text, waiting bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'client', 'admin');
BEGIN
  RETURN QUERY SELECT n.client_id, n.type, n.compatibility, sum((SELECT count(*) FROM (SELECT FROM prismq.ready r WHERE r.client_id = n.client_id AND r.lane_no = n.lane_no LIMIT most_waiting) x))::bigint
  FROM prismq.lanes n WHERE EXISTS (SELECT FROM prismq.ready r WHERE r.client_id = n.client_id AND r.lane_no = n.lane_no)
    AND NOT EXISTS (SELECT FROM prismq.capability_lanes c JOIN prismq.workers w ON w.set_id = c.set_id WHERE c.client_id = n.client_id AND c.lane_no = n.lane_no AND w.heartbeat_utc > prismq.now_ms() - alive_ms AND w.status IN ('ready', 'busy'))
  GROUP BY n.client_id, n.type, n.compatibility ORDER BY n.client_id, n.type, n.compatibility LIMIT most;
END $$;
DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['prismq.worker_sets(text, bigint)', 'prismq.unroutable(text, bigint, integer, integer)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_engine', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_client, prismq_admin', f);
  END LOOP;
END $$;

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
    'sets', prismq.sets_alive(alive_ms),
    'ahead', (SELECT count(*) FROM (SELECT FROM prismq.ready r WHERE r.client_id = client AND (r.priority, r.task_id) < (t.effective_priority, task) LIMIT most) a));
END $$;
ALTER FUNCTION prismq.explain_facts(text, text, uuid, bigint, integer) OWNER TO prismq_engine;
GRANT EXECUTE ON FUNCTION prismq.explain_facts(text, text, uuid, bigint, integer) TO prismq_client, prismq_admin;
