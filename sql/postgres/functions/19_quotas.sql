-- Quotas: how much of a client may be unfinished at once: waiting, put off, blocked or running. Only enqueues of clients that have one
-- ask. What is left is kept as it was counted, less what was enqueued since: never more than there is.

-- What runs of a client, whoever runs it: a worker sees its own leases alone.
CREATE OR REPLACE FUNCTION prismq.leased_of(client text) RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT l.task_id FROM prismq.leases l WHERE l.client_id = client $$;
ALTER FUNCTION prismq.leased_of(text) OWNER TO prismq_auth;
GRANT EXECUTE ON FUNCTION prismq.leased_of(text) TO prismq_engine;
GRANT SELECT (task_id) ON prismq.leases TO prismq_auth;

CREATE OR REPLACE FUNCTION prismq.quota_used(client text, OUT tasks bigint, OUT bytes bigint) LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*), coalesce(sum(octet_length(t.payload)), 0) FROM (SELECT r.task_id FROM prismq.ready r WHERE r.client_id = client UNION ALL SELECT d.task_id FROM prismq.delayed d WHERE d.client_id = client
  UNION ALL SELECT b.task_id FROM prismq.blocked b WHERE b.client_id = client UNION ALL SELECT l FROM prismq.leased_of(client) l) u
JOIN prismq.tasks t ON t.client_id = client AND t.task_id = u.task_id $$;

-- Refuses of one client what has no room, in the order of the call; a repeat of a key takes none. The row of its room is held until the
-- end of the transaction, so that two calls do not take the same.
CREATE OR REPLACE FUNCTION prismq.quota_verdicts(client text, max_tasks bigint, max_bytes bigint, client_ids text[], keys text[], payloads text[], verdicts text[], now_utc bigint) RETURNS text[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE room prismq.quota_room; used record; asks_tasks bigint; asks_bytes bigint; n integer; size bigint;
BEGIN
  INSERT INTO prismq.quota_room (client_id, tasks, bytes, counted_at_utc) VALUES (client, 0, 0, 0) ON CONFLICT DO NOTHING;
  SELECT * INTO room FROM prismq.quota_room q WHERE q.client_id = client FOR UPDATE;
  SELECT count(*), coalesce(sum(octet_length(u.payload)), 0) INTO asks_tasks, asks_bytes FROM unnest(client_ids, payloads, verdicts) u(client_id, payload, verdict) WHERE u.client_id = client AND u.verdict IS NULL;
  -- Counted anew when it does not do, and again only a second later where there is much to count.
  IF (room.tasks < asks_tasks OR room.bytes < asks_bytes) AND (room.counted_at_utc = 0 OR now_utc - room.counted_at_utc >= 1000 OR coalesce(max_tasks, 9007199254740991) <= 1000) THEN
    SELECT u.tasks, u.bytes INTO used FROM prismq.quota_used(client) u;
    room.tasks := coalesce(max_tasks, 9007199254740991) - used.tasks;
    room.bytes := coalesce(max_bytes, 9007199254740991) - used.bytes;
    room.counted_at_utc := now_utc;
  END IF;
  FOR n IN 1 .. cardinality(client_ids) LOOP
    IF client_ids[n] = client AND verdicts[n] IS NULL AND (keys[n] IS NULL OR NOT EXISTS (SELECT FROM prismq.tasks t WHERE t.client_id = client AND t.idempotency_key = keys[n])) THEN
      size := octet_length(payloads[n]);
      IF room.tasks < 1 OR room.bytes < size THEN verdicts[n] := 'quota_exceeded:' || coalesce(max_tasks::text, '') || ':' || coalesce(max_bytes::text, '');
      ELSE room.tasks := room.tasks - 1; room.bytes := room.bytes - size; END IF;
    END IF;
  END LOOP;
  UPDATE prismq.quota_room q SET tasks = room.tasks, bytes = room.bytes, counted_at_utc = room.counted_at_utc WHERE q.client_id = client;
  RETURN verdicts;
END $$;

CREATE OR REPLACE FUNCTION prismq.quota_get(token text, client text) RETURNS TABLE (max_tasks bigint, max_bytes bigint, tasks bigint, bytes bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin');
BEGIN
  RETURN QUERY SELECT c.quota_tasks, c.quota_bytes, u.tasks, u.bytes FROM prismq.clients c CROSS JOIN LATERAL prismq.quota_used(c.client_id) u WHERE c.client_id = client;
END $$;

CREATE OR REPLACE FUNCTION prismq.quota_set(token text, client text, to_tasks bigint, to_bytes bigint) RETURNS TABLE (max_tasks bigint, max_bytes bigint, tasks bigint, bytes bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system');
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  UPDATE prismq.clients c SET quota_tasks = to_tasks, quota_bytes = to_bytes WHERE c.client_id = client;
  IF NOT FOUND THEN RETURN; END IF;
  UPDATE prismq.quota_room q SET tasks = 0, bytes = 0, counted_at_utc = 0 WHERE q.client_id = client;
  PERFORM prismq.security_add(who[3], 'client.quota', client, client, 'done', json_build_object('tasks', to_tasks, 'bytes', to_bytes)::text);
  RETURN QUERY SELECT c.quota_tasks, c.quota_bytes, u.tasks, u.bytes FROM prismq.clients c CROSS JOIN LATERAL prismq.quota_used(c.client_id) u WHERE c.client_id = client;
END $$;

CREATE POLICY engine_all ON prismq.quota_room FOR ALL TO prismq_engine USING ((SELECT prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients()))) WITH CHECK ((SELECT prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients())));
GRANT SELECT, INSERT, UPDATE ON prismq.quota_room TO prismq_engine;
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('quota_used', 'quota_verdicts', 'quota_get', 'quota_set') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_engine', f);
    IF f::text ~ 'quota_get\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_client, prismq_admin', f); END IF;
    IF f::text ~ 'quota_set\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f); END IF;
  END LOOP;
END $$;
