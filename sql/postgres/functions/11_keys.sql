-- API keys: made, found by digest, rotated, revoked, and the one-time secret of the first admin. Only digests are stored, only these
-- functions see them, and each change leaves its security event in the same transaction.

CREATE FUNCTION prismq.key_row(k prismq.api_keys) RETURNS TABLE (key_id text, role text, client_id text, worker_id text, name text, created_at_utc bigint, revoked_at_utc bigint, expires_at_utc bigint, scopes text, created_by text,
  last_used_at_utc bigint, rotated_from text) LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT k.key_id, k.role, k.client_id, k.worker_id, k.name, k.created_at_utc, k.revoked_at_utc, k.expires_at_utc, k.scopes, k.created_by, k.last_used_at_utc, k.rotated_from $$;

-- A worker's grants belong to its id, so whoever makes a key for an id gets all of them. An admin of a client may make one only
-- while nobody else trusts that id.
CREATE FUNCTION prismq.owns_worker(scope text, worker text) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT scope = '*' OR worker IS NULL OR NOT EXISTS (
  SELECT FROM prismq.worker_grants g WHERE g.worker_id = worker AND g.client_id <> ALL (string_to_array(scope, ','))
  UNION ALL SELECT FROM prismq.api_keys k WHERE k.worker_id = worker AND coalesce(k.client_id, '') <> ALL (string_to_array(scope, ','))) $$;

CREATE FUNCTION prismq.key_told(actor text, did text, k prismq.api_keys) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
SELECT prismq.security_add(actor, did, k.client_id, k.key_id, 'done',
  json_build_object('role', k.role, 'worker_id', k.worker_id, 'scopes', k.scopes::json, 'expires_at_utc', k.expires_at_utc, 'created_by', k.created_by)::text) $$;

-- Answers the key, or the code of a refusal. `grants` are made by the engine's function, with their own events.
CREATE FUNCTION prismq.key_create(token text, id text, secret_digest text, of_role text, client text, worker text, named text, lives_ms bigint, of_scopes text, maker text, grants jsonb, OUT refusal text, OUT k prismq.api_keys)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system'); now_utc bigint := prismq.now_ms(); g record;
BEGIN
  IF client IS NOT NULL AND NOT EXISTS (SELECT FROM prismq.clients c WHERE c.client_id = client) THEN refusal := 'unknown_client'; RETURN; END IF;
  IF NOT prismq.owns_worker(who[2], worker) THEN refusal := 'already_exists'; RETURN; END IF;
  INSERT INTO prismq.api_keys AS x (key_id, digest, role, client_id, worker_id, name, created_at_utc, expires_at_utc, scopes, created_by)
  VALUES (id, secret_digest, of_role, client, worker, named, now_utc, now_utc + lives_ms, of_scopes, maker) RETURNING x.* INTO k;
  PERFORM prismq.key_told(who[3], 'key.create', k);
  FOR g IN SELECT * FROM jsonb_to_recordset(grants) x(grant_id text, client_id text, pattern text, attributes text) LOOP
    PERFORM prismq.grant_create(token, g.grant_id, worker, g.client_id, g.pattern, g.attributes);
  END LOOP;
  k.digest := NULL;
END $$;

-- Whose key it is, is only known by it: the look-up by digest sees every client's.
CREATE FUNCTION prismq.key_find(token text, secret_digest text) RETURNS TABLE (key_id text, role text, client_id text, worker_id text, name text, created_at_utc bigint, revoked_at_utc bigint, expires_at_utc bigint, scopes text, created_by text,
  last_used_at_utc bigint, rotated_from text, client_status text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  RETURN QUERY SELECT r.*, (SELECT c.status FROM prismq.clients c WHERE c.client_id = k.client_id) FROM prismq.api_keys k CROSS JOIN LATERAL prismq.key_row(k) r WHERE k.digest = secret_digest;
END $$;

CREATE FUNCTION prismq.key_touch(token text, id text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system'); now_utc bigint := prismq.now_ms();
BEGIN
  UPDATE prismq.api_keys x SET last_used_at_utc = now_utc WHERE x.key_id = id AND coalesce(x.last_used_at_utc, 0) <= now_utc - 60000;
END $$;

-- The policy of a change finds keys of the clients of the call only: another's is as good as absent.
CREATE FUNCTION prismq.key_rotate(token text, id text, new_id text, secret_digest text, maker text, overlap_ms bigint, lives_ms bigint, OUT refusal text, OUT k prismq.api_keys)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system'); now_utc bigint := prismq.now_ms(); old prismq.api_keys; until_utc bigint;
BEGIN
  UPDATE prismq.api_keys x SET rotated_from = x.rotated_from WHERE x.key_id = id AND (who[2] = '*' OR x.client_id = ANY (string_to_array(who[2], ','))) RETURNING x.* INTO old;
  IF NOT FOUND THEN refusal := 'not_found'; RETURN; END IF;
  IF old.revoked_at_utc IS NOT NULL OR old.expires_at_utc <= now_utc THEN refusal := 'invalid_transition'; RETURN; END IF;
  IF NOT prismq.owns_worker(who[2], old.worker_id) THEN refusal := 'already_exists'; RETURN; END IF;
  INSERT INTO prismq.api_keys AS x (key_id, digest, role, client_id, worker_id, name, created_at_utc, expires_at_utc, scopes, created_by, rotated_from)
  VALUES (new_id, secret_digest, old.role, old.client_id, old.worker_id, old.name, now_utc, now_utc + coalesce(lives_ms, old.expires_at_utc - old.created_at_utc), old.scopes, maker, id) RETURNING x.* INTO k;
  until_utc := least(old.expires_at_utc, now_utc + overlap_ms);
  UPDATE prismq.api_keys x SET expires_at_utc = until_utc WHERE x.key_id = id AND (who[2] = '*' OR x.client_id = ANY (string_to_array(who[2], ',')));
  PERFORM prismq.security_add(who[3], 'key.rotate', old.client_id, id, 'done', json_build_object('new_key_id', new_id, 'old_until_utc', until_utc, 'expires_at_utc', k.expires_at_utc, 'created_by', maker)::text);
  k.digest := NULL;
END $$;

CREATE FUNCTION prismq.key_revoke(token text, id text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system'); k prismq.api_keys;
BEGIN
  UPDATE prismq.api_keys x SET rotated_from = x.rotated_from WHERE x.key_id = id AND (who[2] = '*' OR x.client_id = ANY (string_to_array(who[2], ','))) RETURNING x.* INTO k;
  IF NOT FOUND THEN RETURN false; END IF;
  IF k.revoked_at_utc IS NOT NULL THEN RETURN true; END IF;
  UPDATE prismq.api_keys x SET revoked_at_utc = prismq.now_ms() WHERE x.key_id = id AND (who[2] = '*' OR x.client_id = ANY (string_to_array(who[2], ',')));
  PERFORM prismq.security_add(who[3], 'key.revoke', k.client_id, id, 'done', NULL);
  RETURN true;
END $$;

-- The first admin

CREATE FUNCTION prismq.has_operator() RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT EXISTS (SELECT FROM prismq.api_keys k WHERE k.role = 'admin' AND k.client_id IS NULL AND k.revoked_at_utc IS NULL AND coalesce(k.expires_at_utc > prismq.now_ms(), true)) $$;

CREATE FUNCTION prismq.bootstrap_open(token text, secret_digest text, ttl_ms bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system'); until_utc bigint := prismq.now_ms() + ttl_ms;
BEGIN
  IF prismq.has_operator() THEN RETURN NULL; END IF;
  INSERT INTO prismq.meta AS m (key, value) VALUES ('bootstrap', until_utc || ' ' || secret_digest) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
  PERFORM prismq.security_add(who[3], 'key.bootstrap', NULL, 'secret', 'done', json_build_object('until_utc', until_utc)::text);
  RETURN until_utc;
END $$;

CREATE FUNCTION prismq.bootstrap_use(token text, secret_digest text, id text, key_digest text, named text, maker text) RETURNS prismq.api_keys LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system'); kept text; k prismq.api_keys;
BEGIN
  SELECT m.value INTO kept FROM prismq.meta m WHERE m.key = 'bootstrap' FOR UPDATE;
  IF NOT FOUND OR kept = '' OR split_part(kept, ' ', 2) <> secret_digest OR split_part(kept, ' ', 1)::bigint <= prismq.now_ms() OR prismq.has_operator() THEN RETURN NULL; END IF;
  UPDATE prismq.meta m SET value = '' WHERE m.key = 'bootstrap';
  INSERT INTO prismq.api_keys AS x (key_id, digest, role, name, created_at_utc, created_by) VALUES (id, key_digest, 'admin', named, prismq.now_ms(), maker) RETURNING x.* INTO k;
  PERFORM prismq.key_told('bootstrap', 'key.bootstrap', k);
  k.digest := NULL;
  RETURN k;
END $$;

-- 64 hex digits that are made at first use and stay: of two servers that make one at once, both get the first.
CREATE FUNCTION prismq.secret_of(token text, named text, fresh text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  -- Looked for first: what is there is read also where nothing may be written.
  IF NOT EXISTS (SELECT FROM prismq.secrets s WHERE s.name = named) THEN INSERT INTO prismq.secrets (name, value) VALUES (named, fresh) ON CONFLICT DO NOTHING; END IF;
  RETURN (SELECT s.value FROM prismq.secrets s WHERE s.name = named);
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace
    AND p.proname IN ('key_row', 'owns_worker', 'key_told', 'key_create', 'key_find', 'key_touch', 'key_rotate', 'key_revoke', 'has_operator', 'bootstrap_open', 'bootstrap_use', 'secret_of') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_auth', f);
    IF f::text ~ '(key_create|key_find|key_touch|key_rotate|key_revoke|bootstrap_open|bootstrap_use|secret_of)\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f); END IF;
  END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION prismq.grant_create(text, text, text, text, text, text) TO prismq_auth;
