-- Due times: the janitor tells how tasks stand, each change with its event; and what a forecast is made from.
CREATE OR REPLACE FUNCTION prismq.sla_step(now_utc bigint) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE s record; p record;
BEGIN
  FOR s IN SELECT x.client_id, x.task_id, x.due_at_utc FROM prismq.task_sla x WHERE x.next_utc <= now_utc ORDER BY x.next_utc LIMIT 200 FOR UPDATE SKIP LOCKED LOOP
    SELECT * INTO p FROM prismq.place_of(s.client_id, s.task_id);
    IF NOT FOUND OR p.status IN ('completed', 'dead_letter', 'cancelled') THEN
      UPDATE prismq.task_sla x SET
        state = CASE WHEN p.status = 'completed' THEN CASE WHEN (SELECT f.finished_at_utc FROM prismq.finished f WHERE f.client_id = s.client_id AND f.task_id = s.task_id) > s.due_at_utc THEN 'breached' ELSE 'on_time' END
          WHEN now_utc >= s.due_at_utc THEN 'breached' ELSE 'at_risk' END,
        next_utc = CASE WHEN p.status = 'completed' OR now_utc >= s.due_at_utc THEN NULL ELSE s.due_at_utc END
      WHERE x.client_id = s.client_id AND x.task_id = s.task_id;
    ELSIF prismq.stay(s.client_id, s.task_id, p.place, p.effective_priority, p.events) THEN
      UPDATE prismq.task_sla x SET state = CASE WHEN now_utc >= s.due_at_utc THEN 'breached' ELSE 'at_risk' END, next_utc = CASE WHEN now_utc >= s.due_at_utc THEN NULL ELSE s.due_at_utc END
      WHERE x.client_id = s.client_id AND x.task_id = s.task_id;
      INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt, details)
      VALUES (s.client_id, s.task_id, p.events + 1, now_utc, CASE WHEN now_utc >= s.due_at_utc THEN 'breach' ELSE 'at_risk' END, p.status, p.status, 'system', p.attempt, json_build_object('due_at_utc', s.due_at_utc)::text);
    END IF;
  END LOOP;
END $$;
ALTER FUNCTION prismq.sla_step(bigint) OWNER TO prismq_engine;

-- What a forecast of a task, or of a type with a priority, is made from: null when there is no such task. Bounded whatever waits.
CREATE OR REPLACE FUNCTION prismq.forecast_facts(token text, client text, task uuid, of_type text, of_priority integer, most_ahead integer, most_ended integer, window_ms bigint) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin'); now_utc bigint := prismq.now_ms(); last uuid := coalesce(task, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
BEGIN
  IF task IS NOT NULL THEN
    SELECT n.type, x.effective_priority INTO of_type, of_priority FROM prismq.tasks x JOIN prismq.lanes n ON n.client_id = x.client_id AND n.lane_no = x.lane_no WHERE x.client_id = client AND x.task_id = task;
    IF NOT FOUND THEN RETURN NULL; END IF;
  ELSIF NOT EXISTS (SELECT FROM prismq.clients c WHERE c.client_id = client) THEN RETURN NULL;
  END IF;
  RETURN (SELECT jsonb_build_object('type', of_type, 'nowUtc', now_utc,
    'ahead', (SELECT count(*) FROM (SELECT FROM prismq.ready r WHERE r.client_id = client AND (r.priority, r.task_id) < (of_priority, last) LIMIT most_ahead) a),
    'running', (SELECT count(*) FROM (SELECT FROM prismq.leases l WHERE l.client_id = client LIMIT most_ahead) l),
    'ended', jsonb_build_object('count', count(*), 'sinceUtc', min(e.finished_at_utc), 'meanMs', avg(e.finished_at_utc - e.reserved_at_utc)),
    'ofType', jsonb_build_object('count', count(*) FILTER (WHERE n.type = of_type), 'meanMs', avg(e.finished_at_utc - e.reserved_at_utc) FILTER (WHERE n.type = of_type)))
  FROM (SELECT f.lane_no, f.finished_at_utc, f.reserved_at_utc FROM prismq.finished f WHERE f.client_id = client AND f.status = 'completed' AND f.finished_at_utc > now_utc - window_ms ORDER BY f.finished_at_utc DESC LIMIT most_ended) e
  JOIN prismq.lanes n ON n.client_id = client AND n.lane_no = e.lane_no);
END $$;
ALTER FUNCTION prismq.forecast_facts(text, text, uuid, text, integer, integer, integer, bigint) OWNER TO prismq_engine;
GRANT EXECUTE ON FUNCTION prismq.forecast_facts(text, text, uuid, text, integer, integer, integer, bigint) TO prismq_client, prismq_admin;
