-- Limits: what is kept of them, and what a claim of a limited client may take. What runs is counted from the leases while the claim
-- holds the rows of the client's limits, so that two claims never count the same free place.

-- What a lane with this key is counted with under a limit; null when the limit is not about it.
CREATE OR REPLACE FUNCTION prismq.bucket_of(limit_key text, lane_key text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN limit_key IS NULL THEN '' WHEN right(limit_key, 1) <> '*' THEN CASE WHEN lane_key = limit_key THEN '' END
  ELSE CASE WHEN lane_key <> '' AND starts_with(lane_key, left(limit_key, -1)) THEN lane_key END END $$;

-- Puts a new lane under the limits of its client. The caller holds the lock of lanes.
CREATE OR REPLACE FUNCTION prismq.lane_under(client text, lane integer, of_type text, of_key text) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO prismq.lane_limits (client_id, lane_no, name, bucket) SELECT client, lane, m.name, prismq.bucket_of(m.limit_key, of_key) FROM prismq.limits m
WHERE m.client_id = client AND (m.pattern IS NULL OR prismq.pattern_matches(m.pattern, of_type)) AND prismq.bucket_of(m.limit_key, of_key) IS NOT NULL $$;

CREATE OR REPLACE FUNCTION prismq.limit_put(token text, client text, named text, of_pattern text, of_key text, of_concurrency integer, of_rate integer, of_per bigint, most integer, did text, reason text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin');
BEGIN
  PERFORM FROM prismq.clients c WHERE c.client_id = client;
  IF NOT FOUND THEN RETURN 'unknown_client'; END IF;
  PERFORM FROM prismq.meta m WHERE m.key = 'lanes_version' FOR UPDATE;
  PERFORM FROM prismq.limits m WHERE m.client_id = client ORDER BY m.name FOR UPDATE;
  IF (SELECT count(*) FROM prismq.limits m WHERE m.client_id = client AND m.name <> named) >= most THEN RETURN 'quota_exceeded'; END IF;
  INSERT INTO prismq.limits (client_id, name, pattern, limit_key, concurrency, rate, per_ms, created_at_utc) VALUES (client, named, of_pattern, of_key, of_concurrency, of_rate, of_per, prismq.now_ms())
  ON CONFLICT (client_id, name) DO UPDATE SET pattern = of_pattern, limit_key = of_key, concurrency = of_concurrency, rate = of_rate, per_ms = of_per, created_at_utc = excluded.created_at_utc;
  DELETE FROM prismq.lane_limits x WHERE x.client_id = client AND x.name = named;
  INSERT INTO prismq.lane_limits (client_id, lane_no, name, bucket) SELECT client, n.lane_no, named, prismq.bucket_of(of_key, n.limit_key) FROM prismq.lanes n
  WHERE n.client_id = client AND (of_pattern IS NULL OR prismq.pattern_matches(of_pattern, n.type)) AND prismq.bucket_of(of_key, n.limit_key) IS NOT NULL;
  UPDATE prismq.clients c SET limited = true WHERE c.client_id = client AND NOT c.limited;
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'lanes_version';
  PERFORM prismq.security_add(prismq.told_by(who, client), did, client, named, 'done',
    json_strip_nulls(json_build_object('pattern', of_pattern, 'key', of_key, 'concurrency', of_concurrency, 'rate', of_rate, 'perMs', of_per, 'reason', reason))::text);
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION prismq.limit_drop(token text, client text, named text, did text, reason text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin');
BEGIN
  PERFORM FROM prismq.meta m WHERE m.key = 'lanes_version' FOR UPDATE;
  DELETE FROM prismq.limits m WHERE m.client_id = client AND m.name = named;
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM prismq.lane_limits x WHERE x.client_id = client AND x.name = named;
  DELETE FROM prismq.limit_starts s WHERE s.client_id = client AND s.name = named;
  UPDATE prismq.clients c SET limited = false WHERE c.client_id = client AND NOT EXISTS (SELECT FROM prismq.limits m WHERE m.client_id = client);
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'lanes_version';
  PERFORM prismq.security_add(prismq.told_by(who, client), did, client, named, 'done', json_strip_nulls(json_build_object('reason', reason))::text);
  RETURN true;
END $$;

-- What runs under each limit, whoever runs it: a worker sees its own leases alone, and these are numbers.
CREATE OR REPLACE FUNCTION prismq.running_under(client text) RETURNS TABLE (name text, bucket text, n bigint) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT x.name, x.bucket, sum(l.n) FROM (SELECT l.lane_no, count(*) AS n FROM prismq.leases l WHERE l.client_id = client GROUP BY l.lane_no) l JOIN prismq.lane_limits x ON x.client_id = client AND x.lane_no = l.lane_no GROUP BY x.name, x.bucket $$;

-- The rows of their limits, always in one order.
CREATE OR REPLACE FUNCTION prismq.hold_limits(clients text[]) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM prismq.limits m WHERE m.client_id = ANY (clients) ORDER BY m.client_id, m.name FOR UPDATE;
END $$;

-- Locks and answers up to `most` rows of a client with limits, in the order of a strategy: of each covered lane no more than it has
-- places, and over all lanes of a bucket no more than that has. The caller holds the rows of the client's limits.
CREATE OR REPLACE FUNCTION prismq.pick_limited(client text, set_of_call uuid, ordering text, most integer, now_utc bigint) RETURNS tid[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE got tid[];
BEGIN
  -- The order of most workers is planned once a session; the others are put together.
  IF ordering = 'r.priority asc, r.task_id asc' THEN
  WITH rule AS MATERIALIZED (SELECT m.name, m.concurrency, m.rate, m.per_ms FROM prismq.limits m WHERE m.client_id = client),
  running AS MATERIALIZED (SELECT u.name, u.bucket, u.n FROM prismq.running_under(client) u),
  started AS MATERIALIZED (SELECT s.name, s.bucket, sum(s.starts) AS n FROM rule m JOIN prismq.limit_starts s ON s.client_id = client AND s.name = m.name AND s.at_utc > now_utc - m.per_ms WHERE m.rate IS NOT NULL GROUP BY s.name, s.bucket),
  lane AS MATERIALIZED (SELECT c.lane_no FROM prismq.capability_lanes c WHERE c.set_id = set_of_call AND c.client_id = client AND EXISTS (SELECT FROM prismq.ready r WHERE r.client_id = client AND r.lane_no = c.lane_no OFFSET 0)),
  place AS MATERIALIZED (SELECT n.lane_no, x.name, x.bucket, least(m.concurrency - coalesce(u.n, 0), m.rate - coalesce(s.n, 0)) AS free
    FROM lane n JOIN prismq.lane_limits x ON x.client_id = client AND x.lane_no = n.lane_no JOIN rule m ON m.name = x.name
    LEFT JOIN running u ON u.name = x.name AND u.bucket = x.bucket LEFT JOIN started s ON s.name = x.name AND s.bucket = x.bucket),
  room AS MATERIALIZED (SELECT n.lane_no, least(coalesce(min(p.free), most), most) AS free FROM lane n LEFT JOIN place p ON p.lane_no = n.lane_no GROUP BY n.lane_no HAVING coalesce(min(p.free), most) > 0 ORDER BY random() LIMIT 512),
  head AS MATERIALIZED (SELECT r.priority, r.task_id, r.lane_no, row_number() OVER (ORDER BY r.priority, r.task_id) AS o FROM room n CROSS JOIN LATERAL (SELECT r.priority, r.task_id, r.lane_no, r.draw, r.due_at_utc FROM prismq.ready r
    WHERE r.client_id = client AND r.lane_no = n.lane_no AND (r.expires_at_utc IS NULL OR r.expires_at_utc > now_utc) ORDER BY r.priority, r.task_id LIMIT n.free) r),
  beyond AS MATERIALIZED (SELECT k.o FROM (SELECT h.o, p.free, row_number() OVER (PARTITION BY p.name, p.bucket ORDER BY h.o) AS k FROM head h JOIN place p ON p.lane_no = h.lane_no) k WHERE k.k > k.free),
  chosen AS MATERIALIZED (SELECT h.priority, h.task_id, h.o FROM head h WHERE NOT EXISTS (SELECT FROM beyond b WHERE b.o = h.o) ORDER BY h.o LIMIT most)
  SELECT array_agg(p.t) INTO got FROM (SELECT r.ctid AS t FROM chosen x JOIN prismq.ready r ON r.client_id = client AND r.priority = x.priority AND r.task_id = x.task_id ORDER BY x.o FOR UPDATE OF r SKIP LOCKED) p;
    RETURN coalesce(got, '{}');
  END IF;
  EXECUTE format('WITH rule AS MATERIALIZED (SELECT m.name, m.concurrency, m.rate, m.per_ms FROM prismq.limits m WHERE m.client_id = $1),
  running AS MATERIALIZED (SELECT u.name, u.bucket, u.n FROM prismq.running_under($1) u),
  started AS MATERIALIZED (SELECT s.name, s.bucket, sum(s.starts) AS n FROM rule m JOIN prismq.limit_starts s ON s.client_id = $1 AND s.name = m.name AND s.at_utc > $4 - m.per_ms WHERE m.rate IS NOT NULL GROUP BY s.name, s.bucket),
  lane AS MATERIALIZED (SELECT c.lane_no FROM prismq.capability_lanes c WHERE c.set_id = $2 AND c.client_id = $1 AND EXISTS (SELECT FROM prismq.ready r WHERE r.client_id = $1 AND r.lane_no = c.lane_no OFFSET 0)),
  place AS MATERIALIZED (SELECT n.lane_no, x.name, x.bucket, least(m.concurrency - coalesce(u.n, 0), m.rate - coalesce(s.n, 0)) AS free
    FROM lane n JOIN prismq.lane_limits x ON x.client_id = $1 AND x.lane_no = n.lane_no JOIN rule m ON m.name = x.name
    LEFT JOIN running u ON u.name = x.name AND u.bucket = x.bucket LEFT JOIN started s ON s.name = x.name AND s.bucket = x.bucket),
  room AS MATERIALIZED (SELECT n.lane_no, least(coalesce(min(p.free), $3), $3) AS free FROM lane n LEFT JOIN place p ON p.lane_no = n.lane_no GROUP BY n.lane_no HAVING coalesce(min(p.free), $3) > 0 ORDER BY random() LIMIT 512),
  head AS MATERIALIZED (SELECT r.priority, r.task_id, r.lane_no, row_number() OVER (ORDER BY %1$s) AS o FROM room n CROSS JOIN LATERAL (SELECT r.priority, r.task_id, r.lane_no, r.draw, r.due_at_utc FROM prismq.ready r
    WHERE r.client_id = $1 AND r.lane_no = n.lane_no AND (r.expires_at_utc IS NULL OR r.expires_at_utc > $4) ORDER BY %1$s LIMIT n.free) r),
  beyond AS MATERIALIZED (SELECT k.o FROM (SELECT h.o, p.free, row_number() OVER (PARTITION BY p.name, p.bucket ORDER BY h.o) AS k FROM head h JOIN place p ON p.lane_no = h.lane_no) k WHERE k.k > k.free),
  chosen AS MATERIALIZED (SELECT h.priority, h.task_id, h.o FROM head h WHERE NOT EXISTS (SELECT FROM beyond b WHERE b.o = h.o) ORDER BY h.o LIMIT $3)
  SELECT array_agg(p.t) FROM (SELECT r.ctid AS t FROM chosen x JOIN prismq.ready r ON r.client_id = $1 AND r.priority = x.priority AND r.task_id = x.task_id ORDER BY x.o FOR UPDATE OF r SKIP LOCKED) p', ordering)
  INTO got USING client, set_of_call, most, now_utc;
  RETURN coalesce(got, '{}');
END $$;

-- The starts of a claim under rates.
CREATE OR REPLACE FUNCTION prismq.note_starts(clients text[], lease uuid, now_utc bigint) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM prismq.limits m WHERE m.client_id = ANY (clients) AND m.rate IS NOT NULL;
  IF NOT FOUND THEN RETURN; END IF;
  WITH begun AS MATERIALIZED (
    SELECT m.client_id, m.name, x.bucket, m.per_ms, count(*) AS n FROM prismq.leases l JOIN prismq.lane_limits x ON x.client_id = l.client_id AND x.lane_no = l.lane_no
    JOIN prismq.limits m ON m.client_id = x.client_id AND m.name = x.name AND m.rate IS NOT NULL WHERE l.client_id = ANY (clients) AND l.lease_id = lease GROUP BY m.client_id, m.name, x.bucket, m.per_ms
  ), old AS (
    DELETE FROM prismq.limit_starts s USING begun b WHERE s.client_id = b.client_id AND s.name = b.name AND s.bucket = b.bucket AND s.at_utc <= now_utc - b.per_ms
  )
  INSERT INTO prismq.limit_starts AS s (client_id, name, bucket, at_utc, starts) SELECT b.client_id, b.name, b.bucket, now_utc, b.n FROM begun b
  ON CONFLICT (client_id, name, bucket, at_utc) DO UPDATE SET starts = s.starts + excluded.starts;
END $$;

DO $$
DECLARE f regprocedure; t text;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('hold_limits', 'lane_under', 'limit_put', 'limit_drop', 'pick_limited', 'note_starts', 'bucket_of') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_engine', f);
    IF f::text ~ '(limit_put|limit_drop)\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_client, prismq_admin', f); END IF;
    IF f::text ~ '(pick_limited|note_starts)\(' THEN EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', f); EXECUTE format('ALTER FUNCTION %s SET enable_mergejoin = off', f); END IF;
  END LOOP;
  FOREACH t IN ARRAY ARRAY['limits', 'lane_limits', 'limit_starts'] LOOP
    EXECUTE format('CREATE POLICY engine_all ON prismq.%I FOR ALL TO prismq_engine USING ((SELECT prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients()))) WITH CHECK ((SELECT prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients())))', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON prismq.%I TO prismq_engine', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['limits', 'lane_limits'] LOOP
    EXECUTE format('CREATE POLICY client_read ON prismq.%I FOR SELECT TO prismq_client USING (client_id IN (SELECT unnest(prismq.bound_clients())))', t);
    EXECUTE format('CREATE POLICY admin_read ON prismq.%I FOR SELECT TO prismq_admin USING ((SELECT prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients())))', t);
    -- Column by column, as everything that a client reads (02_policies.sql).
    EXECUTE format('GRANT SELECT (%s) ON prismq.%I TO prismq_client, prismq_admin', (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
      WHERE a.attrelid = format('prismq.%I', t)::regclass AND a.attnum > 0 AND NOT a.attisdropped), t);
  END LOOP;
END $$;
ALTER FUNCTION prismq.running_under(text) OWNER TO prismq_auth;
GRANT EXECUTE ON FUNCTION prismq.running_under(text) TO prismq_engine;
GRANT SELECT (client_id, lane_no) ON prismq.leases TO prismq_auth;
GRANT SELECT ON prismq.lane_limits TO prismq_auth;
CREATE POLICY auth_count ON prismq.leases FOR SELECT TO prismq_auth USING (true);
CREATE POLICY auth_count ON prismq.lane_limits FOR SELECT TO prismq_auth USING (true);
