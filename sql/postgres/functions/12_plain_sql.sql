-- Enqueue from plain SQL: `SELECT prismq.enqueue('acme', 'Mail.Send', '{"to": "a"}')`, in whatever transaction it stands. The right comes from
-- `session_user` by the table sql_roles, whoever's role is set; without a binding it is refused.

-- A UUIDv7: the milliseconds, then what is random.
CREATE FUNCTION prismq.new_id() RETURNS uuid LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(prismq.now_ms()) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid $$;

-- Signs a context for the login itself, with a key that only the database has.
CREATE FUNCTION prismq.mint(client text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE message text; k prismq.signing_keys;
BEGIN
  IF client !~ '^[A-Za-z0-9][A-Za-z0-9._-]*$' OR length(client) > 63 OR NOT EXISTS (SELECT FROM prismq.sql_roles r WHERE r.role_name = session_user AND r.client_id = client) THEN
    RAISE EXCEPTION 'the role % is not bound to this client', session_user USING ERRCODE = '42501', HINT = 'prismq grants sql-role binds it';
  END IF;
  SELECT * INTO k FROM prismq.signing_keys x WHERE x.kid = 'sql';
  message := format('v1|sql|client|%s|sql|%s|%s', client, (extract(epoch FROM clock_timestamp()) + 60)::bigint, pg_backend_pid());
  RETURN message || '|' || encode(sha256(k.okey || sha256(k.ikey || convert_to(message, 'UTF8'))), 'hex');
END $$;

-- What the registry of categories says of a type: the most specific that names a value.
CREATE FUNCTION prismq.category_number(of_type text, wanted text) RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.value FROM (SELECT c.pattern, CASE wanted WHEN 'priority' THEN c.priority WHEN 'max_attempts' THEN c.max_attempts ELSE c.max_run_ms END AS value FROM prismq.categories c WHERE prismq.pattern_matches(c.pattern, of_type)) x
WHERE x.value IS NOT NULL ORDER BY CASE WHEN x.pattern = '*' THEN 0 WHEN right(x.pattern, 2) = '.*' THEN length(x.pattern) ELSE 1000 + length(x.pattern) END DESC LIMIT 1 $$;

CREATE FUNCTION prismq.enqueue(client text, type text, payload text DEFAULT 'null', priority integer DEFAULT NULL, run_after timestamptz DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token text := prismq.mint(client);
  mode text := (SELECT m.value FROM prismq.meta m WHERE m.key = 'category_mode');
  answer record;
BEGIN
  IF type !~ '^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$' OR length(type) > 200 OR cardinality(string_to_array(type, '.')) > 8 THEN PERFORM prismq.refuse('invalid_category', 'the type is no category'); END IF;
  IF mode = 'hierarchical' AND position('.' IN type) = 0 THEN PERFORM prismq.refuse('invalid_category', 'the registry wants two segments or more'); END IF;
  IF mode = 'registered' AND NOT EXISTS (SELECT FROM prismq.categories c WHERE prismq.pattern_matches(c.pattern, type)) THEN PERFORM prismq.refuse('unknown_category', 'the type is not registered'); END IF;
  IF octet_length(payload) > 256000 THEN PERFORM prismq.refuse('payload_too_large', 'at most 256,000 bytes'); END IF;
  IF priority NOT BETWEEN 1 AND 1000 OR length(idempotency_key) NOT BETWEEN 1 AND 255 THEN PERFORM prismq.refuse('invalid_input', 'priority is 1 to 1000, a key has 1 to 255 characters'); END IF;
  PERFORM payload::json;
  IF prismq.is_sealed(token, client) THEN PERFORM prismq.refuse('forbidden', 'payloads of this client are sealed, which plain SQL can not: enqueue through the queue'); END IF;
  SELECT e.* INTO answer FROM prismq.enqueue_batch(token, false, false, 10000, ARRAY[client], ARRAY[prismq.new_id()], ARRAY[type], ARRAY['{}'], NULL, NULL,
    ARRAY[coalesce(priority, prismq.category_number(type, 'priority'), 100)::integer], ARRAY[coalesce(prismq.category_number(type, 'max_attempts'), 5)::integer], ARRAY[coalesce(prismq.category_number(type, 'max_run_ms'), 3600000)],
    NULL, ARRAY[floor(extract(epoch FROM run_after) * 1000)::bigint], NULL, NULL, NULL, NULL, ARRAY[payload], NULL, ARRAY[idempotency_key],
    ARRAY[CASE WHEN idempotency_key IS NOT NULL THEN encode(sha256(convert_to(format('sql|%s|%s|%s|%s', type, payload, priority, run_after), 'UTF8')), 'hex') END], ARRAY['sql:' || session_user], NULL, NULL) e;
  PERFORM set_config('prismq.ctx', '', true);
  IF answer.verdict NOT IN ('stored', 'again') THEN PERFORM prismq.refuse(answer.verdict, client); END IF;
  RETURN answer.task_id;
END $$;

ALTER FUNCTION prismq.new_id() OWNER TO prismq_engine;
ALTER FUNCTION prismq.category_number(text, text) OWNER TO prismq_engine;
ALTER FUNCTION prismq.enqueue(text, text, text, integer, timestamptz, text) OWNER TO prismq_engine;
ALTER FUNCTION prismq.mint(text) OWNER TO prismq_auth;
GRANT EXECUTE ON FUNCTION prismq.mint(text) TO prismq_engine;
GRANT SELECT ON prismq.sql_roles TO prismq_auth;
DROP POLICY IF EXISTS auth_read ON prismq.sql_roles;
CREATE POLICY auth_read ON prismq.sql_roles FOR SELECT TO prismq_auth USING (true);

-- Who was bound may go on after the functions were made anew.
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT DISTINCT x.role_name FROM prismq.sql_roles x JOIN pg_roles p ON p.rolname = x.role_name LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION prismq.enqueue(text, text, text, integer, timestamptz, text) TO %I', r.role_name);
  END LOOP;
END $$;
