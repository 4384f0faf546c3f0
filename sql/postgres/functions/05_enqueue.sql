-- Enqueue: many callers' tasks in one statement. Each item is refused or stored by itself; the tasks, their places and their
-- audit rows are set-based.

CREATE OR REPLACE FUNCTION prismq.draw(client text, priority integer) RETURNS double precision LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce((SELECT c.draw_floor FROM prismq.clients c WHERE c.client_id = client), 0) - ln(1 - random()) * (priority + 1) $$;

CREATE OR REPLACE FUNCTION prismq.draws() RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT value = '1' FROM prismq.meta WHERE key = 'draws' $$;

-- Answers one row an item, in order: how it went (`stored`, `again`, or the code of a refusal), and the task that it is; or one
-- row without `i` when all of several were stored and none waits for a parent.
CREATE OR REPLACE FUNCTION prismq.enqueue_batch(
  token text, atomic boolean, create_clients boolean, lanes_most integer,
  client_ids text[], task_ids uuid[], types text[], compatibilities text[], regions text[], limit_keys text[], priorities integer[], max_attempts integer[], max_runs bigint[],
  delays bigint[], run_afters bigint[], due_ats bigint[], max_waits bigint[], expires_ats bigint[], ttls bigint[],
  payloads text[], formats text[], keys text[], digests text[], creators text[], metadatas text[], traces text[], lineages uuid[] DEFAULT NULL, depends text[] DEFAULT NULL, seen text DEFAULT NULL)
RETURNS TABLE (i integer, verdict text, task_id uuid, status text, created_at_utc bigint) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  who text[] := prismq.enter(token, 'client', 'admin', 'system');
  now_utc bigint := prismq.now_ms();
  drawing boolean := (SELECT m.value = '1' FROM prismq.meta m WHERE m.key = 'draws');
  verdicts text[] := array_fill(NULL::text, ARRAY[cardinality(task_ids)]);
  lane_nos integer[];
  stored uuid[];
  waits integer[];
  edges jsonb;
  waiting uuid[] := '{}';
  pair record;
  n integer;
BEGIN
  -- What was prepared by a registry that is no longer the same is prepared anew.
  IF seen IS NOT NULL AND seen IS DISTINCT FROM (SELECT m.value FROM prismq.meta m WHERE m.key = 'categories_version') THEN PERFORM prismq.refuse('registry_changed', ''); END IF;
  -- Clients: made on first use where that is allowed, refused otherwise.
  FOR pair IN SELECT u.client_id, c.status, c.quota_tasks, c.quota_bytes FROM (SELECT DISTINCT x.client_id FROM unnest(client_ids) x(client_id)) u LEFT JOIN prismq.clients c ON c.client_id = u.client_id
    WHERE c.status IS DISTINCT FROM 'active' OR c.quota_tasks IS NOT NULL OR c.quota_bytes IS NOT NULL ORDER BY 1 LOOP
    IF pair.status = 'active' THEN
      verdicts := prismq.quota_verdicts(pair.client_id, pair.quota_tasks, pair.quota_bytes, client_ids, keys, payloads, verdicts, now_utc);
    ELSIF pair.status IS NULL AND create_clients THEN
      INSERT INTO prismq.clients (client_id, created_at_utc) VALUES (pair.client_id, now_utc) ON CONFLICT DO NOTHING;
    ELSE
      FOR n IN 1 .. cardinality(client_ids) LOOP
        IF client_ids[n] = pair.client_id THEN verdicts[n] := CASE WHEN pair.status IS NULL THEN 'unknown_client' ELSE 'client_suspended' END; END IF;
      END LOOP;
    END IF;
  END LOOP;
  SELECT array_agg(l.lane_no ORDER BY x.o) INTO lane_nos
  FROM unnest(client_ids, types, compatibilities, limit_keys) WITH ORDINALITY x(client_id, type, compatibility, limit_key, o)
  LEFT JOIN prismq.lanes l ON l.client_id = x.client_id AND l.type = x.type AND l.compatibility = x.compatibility AND l.limit_key = coalesce(x.limit_key, '');
  IF array_position(lane_nos, NULL) IS NOT NULL THEN
    FOR n IN 1 .. cardinality(lane_nos) LOOP
      IF lane_nos[n] IS NULL AND verdicts[n] IS NULL THEN
        lane_nos[n] := prismq.ensure_lane(client_ids[n], types[n], compatibilities[n], regions[n], coalesce(limit_keys[n], ''), lanes_most);
        IF lane_nos[n] IS NULL THEN verdicts[n] := 'too_many_lanes'; END IF;
      END IF;
    END LOOP;
  END IF;
  -- Parents, where any is named.
  IF depends IS NOT NULL THEN
    SELECT r.verdicts, r.waits, r.edges INTO verdicts, waits, edges FROM prismq.resolve_parents(client_ids, task_ids, keys, depends, verdicts) r;
    waiting := ARRAY(SELECT x.id FROM unnest(task_ids, waits) x(id, n) WHERE x.n > 0);
  END IF;
  IF atomic THEN
    FOR n IN 1 .. cardinality(verdicts) LOOP
      IF verdicts[n] IS NOT NULL THEN PERFORM prismq.refuse(verdicts[n], client_ids[n]); END IF;
    END LOOP;
  END IF;

  WITH asked AS (
    SELECT x.*, now_utc + x.delay AS starts FROM (
      SELECT u.*, coalesce(u.run_after - now_utc, u.delay_ms, 0) AS delay
      FROM unnest(client_ids, task_ids, lane_nos, priorities, max_attempts, max_runs, delays, run_afters, due_ats, max_waits, expires_ats, ttls, payloads, formats, keys, digests, creators, metadatas, traces, lineages, verdicts)
        u(client_id, task_id, lane_no, priority, max_attempts, max_run_ms, delay_ms, run_after, due_at, max_wait, expires_at, ttl, payload, format, idempotency_key, digest, created_by, metadata, traceparent, parent_task_id, verdict)
      WHERE u.verdict IS NULL) x
  ), made AS (
    INSERT INTO prismq.tasks (client_id, task_id, lane_no, priority, effective_priority, max_attempts, max_run_ms, run_after_utc, created_at_utc, payload, format,
      idempotency_key, request_digest, created_by, due_at_utc, expires_at_utc, metadata, traceparent, parent_task_id)
    SELECT a.client_id, a.task_id, a.lane_no, a.priority, a.priority, a.max_attempts, a.max_run_ms, a.starts, now_utc, a.payload, a.format, a.idempotency_key, a.digest, a.created_by,
      coalesce(a.due_at, now_utc + a.max_wait), coalesce(a.expires_at, now_utc + a.ttl), a.metadata, a.traceparent, a.parent_task_id
    FROM asked a
    ON CONFLICT (client_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING client_id, task_id, lane_no, priority, run_after_utc, due_at_utc, expires_at_utc, metadata
  ), at_once AS (
    INSERT INTO prismq.ready (client_id, priority, task_id, lane_no, attempt, claims, releases, losses, events, draw, due_at_utc, expires_at_utc)
    SELECT m.client_id, m.priority, m.task_id, m.lane_no, 0, 0, 0, 0, 1, CASE WHEN drawing THEN prismq.draw(m.client_id, m.priority) ELSE 0 END, m.due_at_utc, m.expires_at_utc
    FROM made m WHERE m.run_after_utc <= now_utc AND m.task_id <> ALL (waiting)
  ), later AS (
    INSERT INTO prismq.delayed (client_id, task_id, lane_no, state, run_after_utc, attempt, claims, releases, losses, events, due_at_utc, expires_at_utc)
    SELECT m.client_id, m.task_id, m.lane_no, 'queued', m.run_after_utc, 0, 0, 0, 0, 1, m.due_at_utc, m.expires_at_utc FROM made m WHERE m.run_after_utc > now_utc AND m.task_id <> ALL (waiting)
  ), told AS (
    INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt)
    SELECT m.client_id, m.task_id, 1, now_utc, 'enqueue', NULL, CASE WHEN m.task_id = ANY (waiting) THEN 'blocked' ELSE 'queued' END, CASE who[3] WHEN 'client' THEN 'client:' || m.client_id ELSE who[3] END, 0 FROM made m
  )
  SELECT array_agg(m.task_id) INTO stored FROM made m;
  IF edges IS NOT NULL AND stored IS NOT NULL THEN PERFORM prismq.place_edges(waits, edges); END IF;
  IF metadatas IS NOT NULL THEN
    INSERT INTO prismq.task_metadata (client_id, task_id, key, value)
    SELECT x.client_id, x.task_id, m.key, m.value FROM unnest(client_ids, task_ids, metadatas) x(client_id, task_id, metadata) JOIN unnest(stored) s(id) ON s.id = x.task_id, jsonb_each_text(x.metadata::jsonb) m
    WHERE x.metadata IS NOT NULL;
  END IF;
  -- Due times, where any has one: somebody looks when a fifth of the time is left.
  IF due_ats IS NOT NULL OR max_waits IS NOT NULL THEN
    INSERT INTO prismq.task_sla (client_id, task_id, due_at_utc, state, next_utc)
    SELECT x.client_id, x.task_id, x.due, 'on_time', x.due - (x.due - now_utc) / 5
    FROM (SELECT u.client_id, u.task_id, coalesce(u.due_at, now_utc + u.max_wait) AS due FROM unnest(client_ids, task_ids, due_ats, max_waits) u(client_id, task_id, due_at, max_wait)) x
    JOIN unnest(stored) s(id) ON s.id = x.task_id WHERE x.due IS NOT NULL;
  END IF;
  IF cardinality(stored) = cardinality(task_ids) THEN
    IF cardinality(task_ids) > 1 AND waiting = '{}' THEN
      RETURN QUERY SELECT NULL::integer, 'stored', NULL::uuid, 'queued', now_utc;
    ELSE
      RETURN QUERY SELECT x.o::integer - 1, 'stored', x.task_id, CASE WHEN x.task_id = ANY (waiting) THEN 'blocked' ELSE 'queued' END, now_utc FROM unnest(task_ids) WITH ORDINALITY x(task_id, o);
    END IF;
    RETURN;
  END IF;
  -- Some were refused, or stand under their key already: a new snapshot sees what another transaction stored meanwhile.
  RETURN QUERY
  SELECT x.o::integer - 1,
    CASE WHEN x.verdict IS NOT NULL THEN x.verdict WHEN s.id IS NOT NULL THEN 'stored' WHEN t.request_digest = x.digest THEN 'again' ELSE 'idempotency_conflict' END,
    coalesce(s.id, t.task_id), CASE WHEN s.id = ANY (waiting) THEN 'blocked' WHEN s.id IS NOT NULL THEN 'queued' WHEN t.task_id IS NOT NULL THEN prismq.status_of(t.client_id, t.task_id, t.effective_priority) END,
    coalesce(t.created_at_utc, now_utc)
  FROM unnest(client_ids, task_ids, keys, digests, verdicts) WITH ORDINALITY x(client_id, task_id, idempotency_key, digest, verdict, o)
  LEFT JOIN unnest(stored) s(id) ON s.id = x.task_id
  LEFT JOIN prismq.tasks t ON s.id IS NULL AND x.verdict IS NULL AND t.client_id = x.client_id AND t.idempotency_key = x.idempotency_key
  ORDER BY x.o;
  IF atomic AND coalesce(cardinality(stored), 0) < cardinality(task_ids) THEN
    PERFORM FROM unnest(client_ids, keys, digests, task_ids) x(client_id, idempotency_key, digest, task_id) JOIN prismq.tasks t ON t.client_id = x.client_id AND t.idempotency_key = x.idempotency_key
      WHERE t.request_digest <> x.digest;
    IF FOUND THEN PERFORM prismq.refuse('idempotency_conflict', ''); END IF;
  END IF;
END $$;

-- Where a task is, as its state.
CREATE OR REPLACE FUNCTION prismq.status_of(client text, task uuid, in_priority integer) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(
  (SELECT f.status FROM prismq.finished f WHERE f.client_id = client AND f.task_id = task),
  (SELECT 'leased' FROM prismq.leases l WHERE l.client_id = client AND l.task_id = task),
  (SELECT 'queued' FROM prismq.ready r WHERE r.client_id = client AND r.priority = in_priority AND r.task_id = task),
  (SELECT d.state FROM prismq.delayed d WHERE d.client_id = client AND d.task_id = task),
  (SELECT 'blocked' FROM prismq.blocked b WHERE b.client_id = client AND b.task_id = task)) $$;

ALTER FUNCTION prismq.draw(text, integer) OWNER TO prismq_engine;
ALTER FUNCTION prismq.draws() OWNER TO prismq_engine;
GRANT EXECUTE ON FUNCTION prismq.draw(text, integer), prismq.draws() TO prismq_janitor;
ALTER FUNCTION prismq.status_of(text, uuid, integer) OWNER TO prismq_engine;
ALTER FUNCTION prismq.enqueue_batch(text, boolean, boolean, integer, text[], uuid[], text[], text[], text[], text[], integer[], integer[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], text[], text[], text[], text[], text[], text[], text[], uuid[], text[], text) OWNER TO prismq_engine;
GRANT EXECUTE ON FUNCTION prismq.enqueue_batch(text, boolean, boolean, integer, text[], uuid[], text[], text[], text[], text[], integer[], integer[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], text[], text[], text[], text[], text[], text[], text[], uuid[], text[], text) TO prismq_client, prismq_admin;
