-- Schedules: what is kept of them, and the step that fires ticks. A tick moves on only from where it was read, in the transaction that
-- enqueues: of any number of servers one fires it.

CREATE OR REPLACE FUNCTION prismq.schedule_put(token text, client text, named text, of_kind text, of_cron text, of_zone text, of_every bigint, of_at bigint, of_type text, of_payload text, of_options text, of_missed text,
  is_paused boolean, upcoming bigint, most integer, reason text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin'); now_utc bigint := prismq.now_ms();
BEGIN
  PERFORM FROM prismq.clients c WHERE c.client_id = client;
  IF NOT FOUND THEN RETURN 'unknown_client'; END IF;
  UPDATE prismq.schedules s SET kind = of_kind, cron = of_cron, time_zone = of_zone, every_ms = of_every, at_utc = of_at, type = of_type, payload = of_payload, options = of_options, missed = of_missed,
    paused = is_paused, next_utc = upcoming, looked_at_utc = NULL, last_refusal = NULL, changed_at_utc = now_utc WHERE s.client_id = client AND s.name = named;
  IF NOT FOUND THEN
    IF (SELECT count(*) FROM prismq.schedules s WHERE s.client_id = client) >= most THEN RETURN 'quota_exceeded'; END IF;
    INSERT INTO prismq.schedules (client_id, name, kind, cron, time_zone, every_ms, at_utc, type, payload, options, missed, paused, next_utc, created_at_utc, changed_at_utc)
    VALUES (client, named, of_kind, of_cron, of_zone, of_every, of_at, of_type, of_payload, of_options, of_missed, is_paused, upcoming, now_utc, now_utc)
    ON CONFLICT (client_id, name) DO UPDATE SET kind = of_kind, cron = of_cron, time_zone = of_zone, every_ms = of_every, at_utc = of_at, type = of_type, payload = of_payload, options = of_options, missed = of_missed,
      paused = is_paused, next_utc = upcoming, changed_at_utc = now_utc;
  END IF;
  PERFORM prismq.security_add(prismq.told_by(who, client), 'schedule.set', client, named, 'done',
    json_strip_nulls(json_build_object('kind', of_kind, 'cron', of_cron, 'timeZone', of_zone, 'everyMs', of_every, 'atUtc', of_at, 'type', of_type, 'reason', reason))::text);
  RETURN NULL;
END $$;

-- How the audit names who acts: clients share their context in a batch.
CREATE OR REPLACE FUNCTION prismq.told_by(who text[], client text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT CASE who[3] WHEN 'client' THEN 'client:' || client ELSE who[3] END $$;

CREATE OR REPLACE FUNCTION prismq.schedule_drop(token text, client text, named text, reason text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin');
BEGIN
  DELETE FROM prismq.schedules s WHERE s.client_id = client AND s.name = named;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM prismq.security_add(prismq.told_by(who, client), 'schedule.delete', client, named, 'done', json_strip_nulls(json_build_object('reason', reason))::text);
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION prismq.schedule_pause(token text, client text, named text, seen bigint, to_paused boolean, upcoming bigint, reason text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin');
BEGIN
  UPDATE prismq.schedules s SET paused = to_paused, next_utc = upcoming, looked_at_utc = NULL, changed_at_utc = prismq.now_ms() WHERE s.client_id = client AND s.name = named AND s.changed_at_utc = seen;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM prismq.security_add(prismq.told_by(who, client), 'schedule.pause', client, named, 'done', json_strip_nulls(json_build_object('paused', to_paused, 'reason', reason))::text);
  RETURN true;
END $$;

-- What its tasks are, for who may run it and not read it.
CREATE OR REPLACE FUNCTION prismq.schedule_content(token text, client text, named text) RETURNS TABLE (type text, payload text, options text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  RETURN QUERY SELECT s.type, s.payload, s.options FROM prismq.schedules s WHERE s.client_id = client AND s.name = named;
END $$;

-- What is due, and what was looked at in a time that is yet to come, after the clock went back.
CREATE OR REPLACE FUNCTION prismq.schedules_due(token text, most integer, with_cron boolean, late_ms bigint) RETURNS TABLE (now_utc bigint, client_id text, name text, kind text, cron text, time_zone text, every_ms bigint, at_utc bigint,
  type text, payload text, options text, missed text, next_utc bigint, last_utc bigint, looked_at_utc bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'system'); at bigint := prismq.now_ms();
BEGIN
  RETURN QUERY SELECT at, x.* FROM (
    (SELECT s.client_id, s.name, s.kind, s.cron, s.time_zone, s.every_ms, s.at_utc, s.type, s.payload, s.options, s.missed, s.next_utc, s.last_utc, s.looked_at_utc
    FROM prismq.schedules s WHERE s.next_utc <= at AND (with_cron OR s.kind <> 'cron') ORDER BY s.next_utc LIMIT most)
    UNION
    (SELECT s.client_id, s.name, s.kind, s.cron, s.time_zone, s.every_ms, s.at_utc, s.type, s.payload, s.options, s.missed, s.next_utc, s.last_utc, s.looked_at_utc
    FROM prismq.schedules s WHERE s.next_utc IS NOT NULL AND s.looked_at_utc > at + late_ms AND (with_cron OR s.kind <> 'cron') LIMIT most)) x LIMIT most;
END $$;

-- Fires all of these, or, when some are not where they were read or are another's now, none: answers those that still may be, without
-- a number. `f_of` says of each task which firing it is of, from 0.
CREATE OR REPLACE FUNCTION prismq.schedules_fire(
  token text, f_clients text[], f_names text[], f_ticks bigint[], f_lasts bigint[], f_nexts bigint[], f_refusals text[], f_of integer[], lanes_most integer,
  client_ids text[], task_ids uuid[], types text[], compatibilities text[], regions text[], limit_keys text[], priorities integer[], max_attempts integer[], max_runs bigint[],
  delays bigint[], run_afters bigint[], due_ats bigint[], max_waits bigint[], expires_ats bigint[], ttls bigint[],
  payloads text[], formats text[], keys text[], digests text[], creators text[], metadatas text[], traces text[])
RETURNS TABLE (o integer, made integer) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  who text[] := prismq.enter(token, 'system');
  now_utc bigint := prismq.now_ms();
  hit integer[];
  done record;
BEGIN
  SELECT array_agg(h.o) INTO hit FROM (
    SELECT f.o FROM unnest(f_clients, f_names, f_ticks) WITH ORDINALITY f(client_id, name, tick, o) JOIN prismq.schedules s ON s.client_id = f.client_id AND s.name = f.name AND s.next_utc = f.tick
    ORDER BY s.client_id, s.name FOR UPDATE OF s SKIP LOCKED) h;
  IF coalesce(cardinality(hit), 0) < cardinality(f_clients) THEN
    RETURN QUERY SELECT h - 1, NULL::integer FROM unnest(hit) h ORDER BY h;
    RETURN;
  END IF;
  UPDATE prismq.schedules s SET next_utc = f.next, last_utc = f.last, looked_at_utc = now_utc, last_refusal = f.refusal
  FROM unnest(f_clients, f_names, f_lasts, f_nexts, f_refusals) f(client_id, name, last, next, refusal) WHERE s.client_id = f.client_id AND s.name = f.name;
  IF task_ids IS NULL THEN
    RETURN QUERY SELECT h - 1, 0 FROM unnest(hit) h;
    RETURN;
  END IF;
  FOR done IN
    SELECT f_of[e.i + 1] AS o, count(*) FILTER (WHERE e.verdict = 'stored') AS n, (array_agg(e.task_id ORDER BY e.i DESC) FILTER (WHERE e.verdict = 'stored'))[1] AS task_id,
      (array_agg(e.verdict ORDER BY e.i DESC) FILTER (WHERE e.verdict NOT IN ('stored', 'again')))[1] AS refusal
    FROM prismq.enqueue_batch(token, false, false, lanes_most, client_ids, task_ids, types, compatibilities, regions, limit_keys, priorities, max_attempts, max_runs,
      delays, run_afters, due_ats, max_waits, expires_ats, ttls, payloads, formats, keys, digests, creators, metadatas, traces) a
    -- One answer without `i` is that of all.
    CROSS JOIN LATERAL (SELECT a.i, a.task_id, a.verdict WHERE a.i IS NOT NULL UNION ALL SELECT x.o::integer - 1, x.id, a.verdict FROM unnest(task_ids) WITH ORDINALITY x(id, o) WHERE a.i IS NULL) e (i, task_id, verdict) GROUP BY 1
  LOOP
    UPDATE prismq.schedules s SET fired = s.fired + done.n, last_task_id = coalesce(done.task_id, s.last_task_id), last_refusal = coalesce(done.refusal, s.last_refusal)
    WHERE s.client_id = f_clients[done.o + 1] AND s.name = f_names[done.o + 1];
    o := done.o;
    made := done.n;
    RETURN NEXT;
  END LOOP;
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('told_by', 'schedule_put', 'schedule_drop', 'schedule_pause', 'schedule_content', 'schedules_due', 'schedules_fire') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_engine', f);
    IF f::text ~ '(schedule_put|schedule_drop|schedule_pause)\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_client, prismq_admin', f); END IF;
    IF f::text ~ '(schedule_content|schedules_due|schedules_fire)\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f); END IF;
  END LOOP;
  EXECUTE 'CREATE POLICY engine_all ON prismq.schedules FOR ALL TO prismq_engine USING ((SELECT prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients()))) WITH CHECK ((SELECT prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients())))';
  EXECUTE 'CREATE POLICY client_read ON prismq.schedules FOR SELECT TO prismq_client USING (client_id IN (SELECT unnest(prismq.bound_clients())))';
  EXECUTE 'CREATE POLICY admin_read ON prismq.schedules FOR SELECT TO prismq_admin USING ((SELECT prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients())))';
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON prismq.schedules TO prismq_engine;
GRANT SELECT (client_id, name, kind, cron, time_zone, every_ms, at_utc, type, payload, options, missed, paused, next_utc, last_utc, looked_at_utc, last_task_id, last_refusal, fired, created_at_utc, changed_at_utc) ON prismq.schedules TO prismq_client;
GRANT SELECT (client_id, name, kind, cron, time_zone, every_ms, at_utc, type, options, missed, paused, next_utc, last_utc, looked_at_utc, last_task_id, last_refusal, fired, created_at_utc, changed_at_utc) ON prismq.schedules TO prismq_admin;
