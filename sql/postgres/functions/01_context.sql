-- Who acts: a signed token that the gateway made for this call, checked here and nowhere else.
-- Form: v1|kid|role|scope|actor|expires (epoch s)|pid (0: any)|hex(HMAC-SHA-256). `scope` lists the clients of the call, or is
-- `*`, or is empty for a worker whose clients follow from its grants. The token's role must fit the login that carries it.

-- Without settings of its own, so that it becomes a part of what asks; therefore every name in it is whole.
CREATE OR REPLACE FUNCTION prismq.now_ms() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$ SELECT pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8 $$;

-- Answers {role, scope, actor}, or null: whatever does not verify is nobody.
CREATE OR REPLACE FUNCTION prismq.context() RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token text := current_setting('prismq.ctx', true);
  p text[];
  ikey bytea;
  okey bytea;
BEGIN
  IF token IS NULL OR token = '' OR length(token) > 200000 THEN RETURN NULL; END IF;
  p := string_to_array(token, '|');
  IF cardinality(p) <> 8 OR p[1] <> 'v1' THEN RETURN NULL; END IF;
  SELECT k.ikey, k.okey INTO ikey, okey FROM prismq.signing_keys k WHERE k.kid = p[2];
  IF NOT FOUND THEN RETURN NULL; END IF;
  -- First of all, so that no cast below meets the text of somebody who has no key. Both sides are hashed before they are compared,
  -- so that the time of the comparison tells nothing.
  IF sha256(convert_to(encode(sha256(okey || sha256(ikey || convert_to(left(token, -65), 'UTF8'))), 'hex'), 'UTF8')) <> sha256(convert_to(p[8], 'UTF8')) THEN RETURN NULL; END IF;
  IF p[6]::bigint < extract(epoch FROM clock_timestamp()) THEN RETURN NULL; END IF;
  IF p[7] <> '0' AND p[7]::bigint <> pg_backend_pid() THEN RETURN NULL; END IF;
  -- What the database signed itself, for a login of plain SQL that it had looked up, wants no class.
  IF p[2] <> 'sql' AND NOT (CASE p[3]
    WHEN 'client' THEN pg_has_role(session_user, 'prismq_client', 'member') AND p[4] <> '*'
    WHEN 'worker' THEN pg_has_role(session_user, 'prismq_worker', 'member') AND p[4] <> '*' AND starts_with(p[5], 'worker:')
    WHEN 'admin' THEN pg_has_role(session_user, 'prismq_admin', 'member') OR (p[4] <> '*' AND pg_has_role(session_user, 'prismq_client', 'member'))
    ELSE pg_has_role(session_user, 'prismq_admin', 'member') END)
  THEN RETURN NULL; END IF;
  RETURN p[3:5];
END $$;

-- The worker that acts, or null.
CREATE OR REPLACE FUNCTION prismq.acting_worker() RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE c text[];
BEGIN
  -- What is false without proof needs none.
  IF split_part(current_setting('prismq.ctx', true), '|', 3) IS DISTINCT FROM 'worker' THEN RETURN NULL; END IF;
  c := prismq.context();
  RETURN CASE WHEN c[1] = 'worker' THEN substr(c[3], 8) END;
END $$;

CREATE OR REPLACE FUNCTION prismq.sees_all() RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE c text[];
BEGIN
  IF NOT coalesce(split_part(current_setting('prismq.ctx', true), '|', 4) IN ('', '*'), false) THEN RETURN false; END IF;
  c := prismq.context();
  IF c IS NULL THEN RETURN false; END IF;
  IF c[1] = 'worker' THEN RETURN EXISTS (SELECT FROM prismq.worker_grants g WHERE g.worker_id = substr(c[3], 8) AND g.client_id = '*'); END IF;
  RETURN c[2] = '*';
END $$;

-- The clients of this call. For a worker without a list they are those that granted it something, asked at every statement.
CREATE OR REPLACE FUNCTION prismq.bound_clients() RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE c text[] := prismq.context();
BEGIN
  IF c IS NULL OR c[2] = '*' THEN RETURN '{}'; END IF;
  IF c[2] <> '' THEN RETURN string_to_array(c[2], ','); END IF;
  IF c[1] <> 'worker' THEN RETURN '{}'; END IF;
  RETURN coalesce((SELECT array_agg(DISTINCT g.client_id) FROM prismq.worker_grants g WHERE g.worker_id = substr(c[3], 8)), '{}');
END $$;

-- The capability set of the worker that acts.
CREATE OR REPLACE FUNCTION prismq.acting_set() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE w text := prismq.acting_worker();
BEGIN
  RETURN (SELECT k.set_id FROM prismq.workers k WHERE k.worker_id = w);
END $$;

-- The set of the claim that is under way: the functions note it, and only they write leases.
CREATE OR REPLACE FUNCTION prismq.call_set() RETURNS uuid LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$ SELECT nullif(current_setting('prismq.set_of_call', true), '')::uuid $$;

-- A refusal with its code for the caller: it ends the statement and undoes what it did.
CREATE OR REPLACE FUNCTION prismq.refuse(code text, message text, details jsonb DEFAULT NULL) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'PQ001', MESSAGE = jsonb_build_object('code', code, 'message', message, 'details', details)::text;
END $$;

-- Takes the token of a call and answers who acts; refuses who may not. Every function of ours that moves something begins here.
CREATE OR REPLACE FUNCTION prismq.enter(token text, VARIADIC roles text[]) RETURNS text[] LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  said text := set_config('prismq.ctx', coalesce(token, ''), true);
  c text[] := prismq.context();
BEGIN
  IF c IS NULL THEN RAISE EXCEPTION 'the context of the call does not verify' USING ERRCODE = '42501'; END IF;
  IF NOT c[1] = ANY (roles) THEN RAISE EXCEPTION 'this is not for %', c[1] USING ERRCODE = '42501'; END IF;
  RETURN c;
END $$;

ALTER FUNCTION prismq.now_ms() OWNER TO prismq_owner;
ALTER FUNCTION prismq.context() OWNER TO prismq_auth;
ALTER FUNCTION prismq.acting_worker() OWNER TO prismq_auth;
ALTER FUNCTION prismq.sees_all() OWNER TO prismq_auth;
ALTER FUNCTION prismq.bound_clients() OWNER TO prismq_auth;
ALTER FUNCTION prismq.acting_set() OWNER TO prismq_auth;
ALTER FUNCTION prismq.call_set() OWNER TO prismq_owner;
GRANT EXECUTE ON FUNCTION prismq.call_set() TO prismq_engine;
ALTER FUNCTION prismq.refuse(text, text, jsonb) OWNER TO prismq_owner;
ALTER FUNCTION prismq.enter(text, text[]) OWNER TO prismq_owner;
REVOKE ALL ON FUNCTION prismq.now_ms(), prismq.context(), prismq.acting_worker(), prismq.sees_all(), prismq.bound_clients(), prismq.acting_set(), prismq.refuse(text, text, jsonb),
  prismq.enter(text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prismq.now_ms(), prismq.context(), prismq.acting_worker(), prismq.sees_all(), prismq.bound_clients(), prismq.acting_set()
  TO prismq_engine, prismq_audit, prismq_auth, prismq_janitor, prismq_client, prismq_worker, prismq_admin;
GRANT EXECUTE ON FUNCTION prismq.refuse(text, text, jsonb), prismq.enter(text, text[]) TO prismq_engine, prismq_audit, prismq_auth;
