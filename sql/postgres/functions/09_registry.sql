-- The book: workers and their capability sets, grants, clients, keys, categories, security events. Every change of who may do
-- what leaves its security event in the same transaction.

CREATE OR REPLACE FUNCTION prismq.security_add(by_actor text, did text, client text, on_object text, how text, more text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE now_utc bigint := prismq.now_ms(); id bigint;
BEGIN
  -- Unique within the client: of others it tells nothing.
  id := greatest(now_utc * 1000, coalesce((SELECT max(s.event_id) FROM prismq.security_events s WHERE coalesce(s.client_id, '') = coalesce(client, '')), 0) + 1);
  LOOP
    INSERT INTO prismq.security_events (event_id, at_utc, actor, action, client_id, object, outcome, details) VALUES (id, now_utc, by_actor, did, client, on_object, how, more) ON CONFLICT DO NOTHING;
    EXIT WHEN FOUND;
    id := id + 1;
  END LOOP;
END $$;

-- A refusal, in a transaction of its own.
CREATE OR REPLACE FUNCTION prismq.security_record(token text, by_actor text, did text, client text, on_object text, how text, more text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  PERFORM prismq.security_add(by_actor, did, client, on_object, how, more);
END $$;

-- Workers

CREATE OR REPLACE FUNCTION prismq.worker_row(w prismq.workers) RETURNS TABLE (worker_id text, capabilities text, strategy text, fairness text, status text, versions text, registered_at_utc bigint, heartbeat_utc bigint, active_tasks bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT w.worker_id, w.capabilities, w.strategy, w.fairness, w.status, w.versions, w.registered_at_utc, w.heartbeat_utc, (SELECT count(*) FROM prismq.leases l WHERE l.worker_id = w.worker_id AND ((SELECT prismq.sees_all()) OR l.client_id IN (SELECT unnest(prismq.bound_clients())))) $$;

-- What the embedding program gives its worker with the handle: replaces what it gave before.
CREATE OR REPLACE FUNCTION prismq.program_grants(token text, worker text, grants jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  DELETE FROM prismq.worker_grants g WHERE g.worker_id = worker AND g.of_program
    AND NOT EXISTS (SELECT FROM jsonb_to_recordset(grants) x(client_id text, pattern text, attributes text) WHERE x.client_id = g.client_id AND x.pattern = g.pattern AND x.attributes = g.attributes);
  INSERT INTO prismq.worker_grants (grant_id, worker_id, client_id, pattern, attributes, of_program, created_at_utc)
  SELECT x.grant_id, worker, x.client_id, x.pattern, x.attributes, true, prismq.now_ms() FROM jsonb_to_recordset(grants) x(grant_id text, client_id text, pattern text, attributes text)
  ON CONFLICT (worker_id, client_id, pattern, attributes) DO NOTHING;
END $$;

CREATE OR REPLACE FUNCTION prismq.worker_register(token text, said text, of_strategy text, of_fairness text, of_versions text)
RETURNS TABLE (worker_id text, capabilities text, strategy text, fairness text, status text, versions text, registered_at_utc bigint, heartbeat_utc bigint, active_tasks bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'worker'); worker text := substr(who[3], 8); now_utc bigint := prismq.now_ms(); of_set uuid; w prismq.workers;
BEGIN
  of_set := prismq.ensure_set(prismq.set_content(worker, said::jsonb, NULL));
  INSERT INTO prismq.workers AS k (worker_id, set_id, capabilities, strategy, fairness, status, versions, registered_at_utc, heartbeat_utc)
  VALUES (worker, of_set, said, of_strategy, of_fairness, 'ready', of_versions, now_utc, now_utc)
  ON CONFLICT (worker_id) DO UPDATE SET set_id = of_set, capabilities = said, strategy = of_strategy, fairness = of_fairness, status = 'ready', versions = of_versions, heartbeat_utc = now_utc
  RETURNING k.* INTO w;
  PERFORM prismq.security_add(who[3], 'worker.register', NULL, worker, 'done', json_build_object('capabilities', said::json)::text);
  RETURN QUERY SELECT * FROM prismq.worker_row(w);
END $$;

-- After a grant changed: the worker's set is that of its new grants, at once.
CREATE OR REPLACE FUNCTION prismq.reset_worker(worker text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE said text;
BEGIN
  SELECT w.capabilities INTO said FROM prismq.workers w WHERE w.worker_id = worker FOR UPDATE;
  IF FOUND THEN UPDATE prismq.workers w SET set_id = prismq.ensure_set(prismq.set_content(worker, said::jsonb, NULL)) WHERE w.worker_id = worker; END IF;
END $$;

CREATE OR REPLACE FUNCTION prismq.worker_beat(token text, said text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'worker');
BEGIN
  UPDATE prismq.workers w SET status = said, heartbeat_utc = prismq.now_ms() WHERE w.worker_id = substr(who[3], 8);
  RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION prismq.drop_worker(worker text, actor text, did text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE dropped boolean;
BEGIN
  DELETE FROM prismq.workers w WHERE w.worker_id = worker;
  dropped := FOUND;
  DELETE FROM prismq.capability_sets s WHERE s.set_id IN (SELECT x.set_id FROM prismq.capability_sets x WHERE NOT EXISTS (SELECT FROM prismq.workers w WHERE w.set_id = x.set_id) LIMIT 16);
  IF dropped THEN PERFORM prismq.security_add(actor, did, NULL, worker, 'done', NULL); END IF;
  RETURN dropped;
END $$;

CREATE OR REPLACE FUNCTION prismq.worker_delete(token text, worker text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'worker', 'admin', 'system');
BEGIN
  IF who[1] = 'worker' THEN worker := substr(who[3], 8);
  ELSIF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  IF prismq.sees_all() THEN DELETE FROM prismq.worker_grants g WHERE g.worker_id = worker AND g.of_program; END IF;
  RETURN prismq.drop_worker(worker, who[3], CASE who[1] WHEN 'worker' THEN 'worker.deregister' ELSE 'worker.remove' END);
END $$;

CREATE OR REPLACE FUNCTION prismq.workers_prune(token text, stale_ms bigint) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system'); gone text; n integer := 0;
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  FOR gone IN SELECT w.worker_id FROM prismq.workers w WHERE w.heartbeat_utc < prismq.now_ms() - stale_ms AND NOT EXISTS (SELECT FROM prismq.leases l WHERE l.worker_id = w.worker_id) LOOP
    DELETE FROM prismq.worker_grants g WHERE g.worker_id = gone AND g.of_program;
    PERFORM prismq.drop_worker(gone, who[3], 'worker.remove');
    n := n + 1;
  END LOOP;
  RETURN n;
END $$;

CREATE OR REPLACE FUNCTION prismq.workers_list(token text) RETURNS TABLE (worker_id text, capabilities text, strategy text, fairness text, status text, versions text, registered_at_utc bigint, heartbeat_utc bigint, active_tasks bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'worker', 'admin', 'auditor', 'system');
BEGIN
  RETURN QUERY SELECT r.* FROM prismq.workers w CROSS JOIN LATERAL prismq.worker_row(w) r
  WHERE CASE who[1] WHEN 'worker' THEN w.worker_id = substr(who[3], 8) ELSE who[2] = '*' OR EXISTS (SELECT FROM prismq.worker_grants g WHERE g.worker_id = w.worker_id AND g.client_id IN (SELECT unnest(prismq.bound_clients()))) END
  ORDER BY w.worker_id;
END $$;

-- Grants

CREATE OR REPLACE FUNCTION prismq.grant_create(token text, id text, worker text, client text, for_pattern text, bounds text) RETURNS TABLE (grant_id text, worker_id text, client_id text, pattern text, attributes text, created_at_utc bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'admin', 'system');
BEGIN
  INSERT INTO prismq.worker_grants (grant_id, worker_id, client_id, pattern, attributes, of_program, created_at_utc) VALUES (id, worker, client, for_pattern, bounds, false, prismq.now_ms())
  ON CONFLICT (worker_id, client_id, pattern, attributes) DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM prismq.security_add(who[3], 'grant.create', nullif(client, '*'), worker, 'done', json_build_object('grant_id', id, 'clientId', client, 'pattern', for_pattern, 'attributes', bounds::json)::text);
  PERFORM prismq.reset_worker(worker);
  RETURN QUERY SELECT g.grant_id, g.worker_id, g.client_id, g.pattern, g.attributes, g.created_at_utc FROM prismq.worker_grants g WHERE g.grant_id = id;
END $$;

CREATE OR REPLACE FUNCTION prismq.grant_delete(token text, id text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system'); gone prismq.worker_grants;
BEGIN
  DELETE FROM prismq.worker_grants g WHERE g.grant_id = id AND (who[2] = '*' OR g.client_id = ANY (string_to_array(who[2], ','))) RETURNING g.* INTO gone;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM prismq.security_add(who[3], 'grant.delete', nullif(gone.client_id, '*'), gone.worker_id, 'done', json_build_object('grant_id', id, 'pattern', gone.pattern)::text);
  PERFORM prismq.reset_worker(gone.worker_id);
  RETURN true;
END $$;

-- Clients

CREATE OR REPLACE FUNCTION prismq.client_add(token text, id text, share integer) RETURNS TABLE (client_id text, status text, weight integer, created_at_utc bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'admin', 'system');
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  INSERT INTO prismq.clients (client_id, weight, created_at_utc) VALUES (id, share, prismq.now_ms()) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM prismq.security_add(who[3], 'client.create', id, id, 'done', NULL);
  RETURN QUERY SELECT c.client_id, c.status, c.weight, c.created_at_utc FROM prismq.clients c WHERE c.client_id = id;
END $$;

CREATE OR REPLACE FUNCTION prismq.client_change(token text, id text, to_status text, to_weight integer) RETURNS TABLE (client_id text, status text, weight integer, created_at_utc bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'admin', 'system');
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  UPDATE prismq.clients c SET status = coalesce(to_status, c.status), weight = coalesce(to_weight, c.weight) WHERE c.client_id = id;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM prismq.security_add(who[3], CASE WHEN to_weight IS NOT NULL THEN 'client.weight' WHEN to_status = 'active' THEN 'client.resume' ELSE 'client.suspend' END, id, id, 'done', json_strip_nulls(json_build_object('status', to_status, 'weight', to_weight))::text);
  RETURN QUERY SELECT c.client_id, c.status, c.weight, c.created_at_utc FROM prismq.clients c WHERE c.client_id = id;
END $$;

-- Categories

CREATE OR REPLACE FUNCTION prismq.category_put(token text, of_pattern text, of_priority integer, attempts integer, run_ms bigint, of_backoff text, of_schema text, of_wait bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system');
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  INSERT INTO prismq.categories AS c (pattern, priority, max_attempts, max_run_ms, backoff, schema, max_wait_ms) VALUES (of_pattern, of_priority, attempts, run_ms, of_backoff, of_schema, of_wait)
  ON CONFLICT (pattern) DO UPDATE SET version = c.version + 1, max_wait_ms = of_wait, priority = of_priority, max_attempts = attempts, max_run_ms = run_ms, backoff = of_backoff, schema = of_schema;
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'categories_version';
  PERFORM prismq.security_add(who[3], 'category.set', NULL, of_pattern, 'done', NULL);
END $$;

CREATE OR REPLACE FUNCTION prismq.category_delete(token text, of_pattern text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system');
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  DELETE FROM prismq.categories c WHERE c.pattern = of_pattern;
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'categories_version';
  PERFORM prismq.security_add(who[3], 'category.delete', NULL, of_pattern, 'done', NULL);
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION prismq.category_mode(token text, to_mode text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system');
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  UPDATE prismq.meta SET value = to_mode WHERE key = 'category_mode';
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'categories_version';
  PERFORM prismq.security_add(who[3], 'category.set', NULL, 'mode ' || to_mode, 'done', NULL);
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('security_record', 'program_grants', 'worker_row', 'worker_register', 'reset_worker', 'worker_beat',
    'drop_worker', 'worker_delete', 'workers_prune', 'workers_list', 'grant_create', 'grant_delete', 'client_add', 'client_change', 'category_put', 'category_delete', 'category_mode') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_engine', f);
    IF f::text ~ '(worker_register|worker_beat|worker_delete|workers_list)\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_worker', f); END IF;
    IF f::text ~ '(security_record|program_grants|worker_delete|workers_prune|workers_list|grant_create|grant_delete|client_add|client_change|category_put|category_delete|category_mode)\(' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f); END IF;
  END LOOP;
END $$;
ALTER FUNCTION prismq.security_add(text, text, text, text, text, text) OWNER TO prismq_audit;
GRANT EXECUTE ON FUNCTION prismq.security_add(text, text, text, text, text, text) TO prismq_engine, prismq_auth;
