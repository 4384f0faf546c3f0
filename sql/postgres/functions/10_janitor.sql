-- The janitor's bounded steps. They run for every client (`*` is signed) because time passes for all of them alike; any process
-- may run them at any time, and none is needed for safety.

CREATE OR REPLACE FUNCTION prismq.tick(token text, retention_ms bigint, backoff jsonb, OUT expired integer, OUT promoted integer, OUT buried integer, OUT lapsed integer, OUT purged integer) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system', 'admin'); now_utc bigint := prismq.now_ms(); gone record; client text; n integer;
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  SELECT e.expired, e.buried INTO expired, buried FROM prismq.expire_leases(500, backoff) e;
  IF buried > 0 THEN PERFORM prismq.dependency_move(now_utc); END IF;
  lapsed := 0;
  FOR gone IN
    SELECT x.client_id, x.task_id FROM (
      SELECT r.client_id, r.task_id FROM prismq.ready r WHERE r.expires_at_utc <= now_utc
      UNION ALL SELECT d.client_id, d.task_id FROM prismq.delayed d WHERE d.expires_at_utc <= now_utc
      UNION ALL SELECT b.client_id, b.task_id FROM prismq.blocked b WHERE b.expires_at_utc <= now_utc) x LIMIT 200
  LOOP
    IF (SELECT m.verdict FROM prismq.move_one(gone.client_id, gone.task_id, 'lapse', 'system', '{"reason": "expired"}') m) = 'done' THEN lapsed := lapsed + 1; END IF;
  END LOOP;
  PERFORM prismq.dependency_move(now_utc);
  PERFORM prismq.sla_step(now_utc);
  promoted := prismq.promote_due(1000);
  purged := 0;
  FOR client IN SELECT c.client_id FROM prismq.clients c LOOP
    EXIT WHEN purged >= 500;
    WITH old AS MATERIALIZED (
      SELECT f.client_id, f.task_id, f.events FROM unnest(ARRAY['completed', 'dead_letter', 'cancelled']) s(status)
      CROSS JOIN LATERAL (SELECT f.client_id, f.task_id, f.events FROM prismq.finished f WHERE f.client_id = client AND f.status = s.status AND f.finished_at_utc < now_utc - retention_ms ORDER BY f.finished_at_utc LIMIT 500 FOR UPDATE SKIP LOCKED) f LIMIT 500 - purged
    )
    SELECT count(*), array_agg(o.client_id) AS clients, array_agg(o.task_id) AS tasks, array_agg(o.events + 1) AS seqs INTO gone FROM old o;
    IF gone.count > 0 THEN PERFORM prismq.purge_tasks(gone.clients, gone.tasks, gone.seqs, now_utc, 'system'); END IF;
    purged := purged + gone.count;
  END LOOP;
  DELETE FROM prismq.task_messages m WHERE m.ctid IN (SELECT x.ctid FROM prismq.task_messages x WHERE x.at_utc < now_utc - 2592000000 LIMIT 500);
END $$;

-- ms until something delayed is due, of any client; null when nothing is.
CREATE OR REPLACE FUNCTION prismq.next_due_in(token text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  RETURN (SELECT greatest(0, d.run_after_utc - prismq.now_ms()) FROM prismq.delayed d ORDER BY d.run_after_utc LIMIT 1);
END $$;

-- What the audit says of everything, whatever the places say. What was purged ended as it was.
CREATE OR REPLACE FUNCTION prismq.audit_summary(token text) RETURNS TABLE (enqueued bigint, completed bigint, dead_letter bigint, cancelled bigint, unfinished bigint, duplicate_starts bigint, unexplained bigint, incomplete bigint, clients bigint, categories bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  RETURN QUERY
  SELECT count(*) FILTER (WHERE x.event = 'enqueue'),
    count(*) FILTER (WHERE x.last AND x.ended = 'completed'), count(*) FILTER (WHERE x.last AND x.ended = 'dead_letter'), count(*) FILTER (WHERE x.last AND x.ended = 'cancelled'),
    count(*) FILTER (WHERE x.last AND x.ended NOT IN ('completed', 'dead_letter', 'cancelled')),
    count(*) FILTER (WHERE x.event = 'claim' AND x.starts > 0), count(*) FILTER (WHERE x.event = 'claim' AND x.starts > 0 AND NOT coalesce(x.explained, false)),
    count(DISTINCT x.task_id) FILTER (WHERE (x.before IS DISTINCT FROM x.from_status AND (x.number > 1 OR NOT x.cut)) OR x.seq - x.number <> CASE WHEN x.cut THEN x.first_seq - 1 ELSE 0 END),
    count(DISTINCT x.client_id), (SELECT count(DISTINCT n.type) FROM prismq.tasks t JOIN prismq.lanes n ON n.client_id = t.client_id AND n.lane_no = t.lane_no)
  FROM (
    SELECT e.client_id, e.task_id, e.seq, e.event, e.from_status, coalesce(e.to_status, e.from_status) AS ended,
      -- What retention took is not missing: behind a cut a task begins where its first row is.
      first_value(e.seq) OVER task AS first_seq, e.client_id IN (SELECT c.client_id FROM prismq.audit_cuts c WHERE c.chain = 'tasks') AS cut, row_number() OVER task AS number, lag(e.to_status) OVER task AS before, lead(e.seq) OVER task IS NULL AS last,
      count(*) FILTER (WHERE e.event = 'claim') OVER earlier AS starts,
      coalesce(max(e.seq) FILTER (WHERE e.event IN ('fail', 'expire', 'release', 'requeue')) OVER earlier, 0) > max(e.seq) FILTER (WHERE e.event = 'claim') OVER earlier AS explained
    FROM prismq.task_events e
    WINDOW task AS (PARTITION BY e.client_id, e.task_id ORDER BY e.seq), earlier AS (PARTITION BY e.client_id, e.task_id ORDER BY e.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) x;
END $$;

-- How many workers there are, of all that are alive, sleeping or silent: numbers alone.
CREATE OR REPLACE FUNCTION prismq.worker_counts(token text, alive_since bigint, silent_since bigint, OUT total bigint, OUT active bigint, OUT stale bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin', 'auditor', 'system');
BEGIN
  SELECT count(*), count(*) FILTER (WHERE w.heartbeat_utc >= alive_since), count(*) FILTER (WHERE w.heartbeat_utc < silent_since) INTO total, active, stale FROM prismq.workers w WHERE w.status <> 'offline';
END $$;

ALTER FUNCTION prismq.worker_counts(text, bigint, bigint) OWNER TO prismq_engine;
GRANT EXECUTE ON FUNCTION prismq.worker_counts(text, bigint, bigint) TO prismq_client, prismq_admin;
ALTER FUNCTION prismq.tick(text, bigint, jsonb) OWNER TO prismq_engine;
ALTER FUNCTION prismq.next_due_in(text) OWNER TO prismq_engine;
ALTER FUNCTION prismq.audit_summary(text) OWNER TO prismq_engine;
GRANT EXECUTE ON FUNCTION prismq.tick(text, bigint, jsonb), prismq.next_due_in(text), prismq.audit_summary(text) TO prismq_admin;
