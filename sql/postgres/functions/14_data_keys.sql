-- Data keys: seen by nobody but these functions, of the clients of the call alone.
DO $$
DECLARE any_client constant text := '((SELECT prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients())))';
BEGIN
  EXECUTE format('CREATE POLICY auth_read ON prismq.data_keys FOR SELECT TO prismq_auth USING (%s)', any_client);
  EXECUTE format('CREATE POLICY auth_add ON prismq.data_keys FOR INSERT TO prismq_auth WITH CHECK (%s)', any_client);
  EXECUTE format('CREATE POLICY auth_remove ON prismq.data_keys FOR DELETE TO prismq_auth USING (%s)', any_client);
END $$;
GRANT SELECT, INSERT, DELETE ON prismq.data_keys TO prismq_auth;

CREATE FUNCTION prismq.data_keys_of(token text, id text) RETURNS TABLE (key_no integer, wrapped text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  RETURN QUERY SELECT d.key_no, d.wrapped FROM prismq.data_keys d WHERE d.client_id = id ORDER BY d.key_no DESC;
END $$;

CREATE FUNCTION prismq.data_keys_exist(token text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  RETURN EXISTS (SELECT FROM prismq.data_keys);
END $$;

-- For enqueues in plain SQL, which nobody seals.
CREATE FUNCTION prismq.is_sealed(token text, id text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client');
BEGIN
  RETURN EXISTS (SELECT FROM prismq.data_keys d WHERE d.client_id = id);
END $$;
ALTER FUNCTION prismq.is_sealed(text, text) OWNER TO prismq_auth;
GRANT EXECUTE ON FUNCTION prismq.is_sealed(text, text) TO prismq_engine;

-- Both ways raise the version that every enqueue looks at: what is remembered of keys is forgotten.
CREATE FUNCTION prismq.data_key_add(token text, id text, no integer, wrapped_key text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin');
BEGIN
  INSERT INTO prismq.data_keys (client_id, key_no, wrapped, made_at_utc) VALUES (id, no, wrapped_key, prismq.now_ms()) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'categories_version';
  PERFORM prismq.security_add(who[3], 'client.encrypt', id, id, 'done', json_build_object('key_no', no)::text);
  RETURN true;
END $$;

CREATE FUNCTION prismq.data_keys_shred(token text, id text) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin'); gone integer;
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  DELETE FROM prismq.data_keys d WHERE d.client_id = id;
  GET DIAGNOSTICS gone = ROW_COUNT;
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'categories_version';
  RETURN gone;
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('data_keys_of', 'data_keys_exist', 'data_key_add', 'data_keys_shred') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_auth', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f);
  END LOOP;
END $$;
