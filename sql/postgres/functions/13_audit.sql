-- The order and the seals of the audit. Hashing is done outside; here rows are numbered, handed out and their seals kept, by a role
-- that may add to the audit and change nothing of it.

-- Numbers what was committed since the last time, each transaction once, whatever the order in which they end: what ran when it was
-- last done is remembered and taken when it is over. One at a time. `most` bounds a step that has much to catch up. How many rows.
CREATE FUNCTION prismq.audit_number(token text, most integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  who text[] := prismq.enter(token, 'system');
  p record;
  now_seen pg_snapshot;
  until bigint;
  under_way bigint[];
  ended bigint[];
  cut bigint;
  seen integer;
  newest bigint;
  added integer;
  total integer := 0;
BEGIN
  FOR p IN SELECT * FROM prismq.audit_passed x ORDER BY x.chain FOR UPDATE LOOP
    -- After the lock. The statements below see no less than this snapshot, and look at no transaction beyond it.
    now_seen := pg_current_snapshot();
    until := pg_snapshot_xmax(now_seen)::text::bigint;
    IF until < p.next_xact THEN RAISE EXCEPTION 'the transactions of this server are older than its audit: it was restored from a dump. Run SELECT prismq.audit_restored() as a superuser'; END IF;
    under_way := ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(now_seen) x);
    ended := ARRAY(SELECT x FROM unnest(p.running) x WHERE x <> ALL (under_way));
    IF p.chain = 'tasks' THEN
      -- What happened to one task keeps its order: a transaction may begin before another and write after it. A transaction is never cut in two.
      WITH fresh AS MATERIALIZED (
        SELECT x.client_id, x.task_id, x.seq, x.xact FROM prismq.task_events x WHERE x.xact >= p.next_xact AND x.xact < until AND x.xact <> ALL (under_way) ORDER BY x.xact FETCH FIRST most ROWS WITH TIES
      ), told AS (
        SELECT e.client_id, e.task_id, e.seq, max(e.xact) OVER (PARTITION BY e.client_id, e.task_id ORDER BY e.seq) AS at FROM (
          SELECT f.client_id, f.task_id, f.seq, f.xact FROM fresh f
          UNION ALL SELECT x.client_id, x.task_id, x.seq, x.xact FROM unnest(ended) y CROSS JOIN LATERAL (SELECT z.client_id, z.task_id, z.seq, z.xact FROM prismq.task_events z WHERE z.xact = y) x) e
      ), run AS (
        SELECT r.at, r.client_id, k.first, least(r.n - k.first + 1, 64) AS n, r.task_ids[k.first:k.first + 63] AS task_ids, r.seqs[k.first:k.first + 63] AS seqs
        FROM (SELECT t.at, t.client_id, count(*)::integer AS n, array_agg(t.task_id ORDER BY t.task_id, t.seq) AS task_ids, array_agg(t.seq ORDER BY t.task_id, t.seq) AS seqs FROM told t GROUP BY t.at, t.client_id) r
        CROSS JOIN LATERAL generate_series(1, r.n, 64) k (first)
      ), put AS (
        INSERT INTO prismq.audit_numbers (chain, last_id, client_id, last_no, n, task_ids, seqs)
        SELECT 'tasks', p.numbered_id + sum(r.n) OVER (ORDER BY r.at, r.client_id, r.first), r.client_id, coalesce(l.no, 0) + sum(r.n) OVER (PARTITION BY r.client_id ORDER BY r.at, r.first), r.n, r.task_ids, r.seqs
        FROM run r LEFT JOIN prismq.audit_last l ON l.chain = 'tasks' AND l.client_id = r.client_id
        RETURNING client_id, last_no, n
      ), lasts AS (
        INSERT INTO prismq.audit_last AS l (chain, client_id, no) SELECT 'tasks', x.client_id, max(x.last_no) FROM put x GROUP BY x.client_id
        ON CONFLICT (chain, client_id) DO UPDATE SET no = excluded.no
      )
      SELECT (SELECT coalesce(sum(x.n), 0) FROM put x), count(*), max(f.xact) INTO added, seen, newest FROM fresh f;
      IF seen >= most THEN until := newest + 1; END IF;
    ELSE
      SELECT e.xact INTO cut FROM prismq.security_events e WHERE e.xact >= p.next_xact AND e.xact < until ORDER BY e.xact OFFSET most LIMIT 1;
      until := CASE WHEN cut IS NULL THEN until WHEN cut = p.next_xact THEN cut + 1 ELSE cut END;
      INSERT INTO prismq.audit_numbers (chain, last_id, client_id, last_no, n, event_ids)
      SELECT 'security', p.numbered_id + row_number() OVER (ORDER BY o.xact, o.event_id, o.client_id), o.client_id, coalesce(l.no, 0) + row_number() OVER (PARTITION BY o.client_id ORDER BY o.xact, o.event_id), 1, ARRAY[o.event_id]
      FROM (SELECT coalesce(x.client_id, '') AS client_id, x.event_id, x.xact FROM prismq.security_events x WHERE x.xact >= p.next_xact AND x.xact < until AND x.xact <> ALL (under_way)
        UNION ALL SELECT coalesce(x.client_id, ''), x.event_id, x.xact FROM prismq.security_events x
        WHERE x.xact >= (SELECT min(y) FROM unnest(ended) y) AND x.xact <= (SELECT max(y) FROM unnest(ended) y) AND x.xact = ANY (ended)) o
      LEFT JOIN prismq.audit_last l ON l.chain = 'security' AND l.client_id = o.client_id;
      GET DIAGNOSTICS added = ROW_COUNT;
      INSERT INTO prismq.audit_last AS l (chain, client_id, no) SELECT x.chain, x.client_id, max(x.last_no) FROM prismq.audit_numbers x WHERE x.chain = p.chain AND x.last_id > p.numbered_id GROUP BY x.chain, x.client_id
      ON CONFLICT (chain, client_id) DO UPDATE SET no = excluded.no;
    END IF;
    -- Nothing there and not far: where it was is as good as where it would be.
    CONTINUE WHEN added = 0 AND until < p.next_xact + 1000;
    UPDATE prismq.audit_passed x SET numbered_id = p.numbered_id + added, next_xact = until,
      running = ARRAY(SELECT y FROM unnest(p.running) y WHERE y = ANY (under_way) UNION SELECT y FROM unnest(under_way) y WHERE y >= p.next_xact AND y < until) WHERE x.chain = p.chain;
    total := total + added;
  END LOOP;
  RETURN total;
END $$;

-- After a dump was restored on another server, whose transactions count from elsewhere; by a superuser, before the first program starts.
CREATE FUNCTION prismq.audit_restored() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET session_replication_role = replica AS $$
DECLARE mine bigint := pg_current_xact_id()::text::bigint;
BEGIN
  UPDATE prismq.task_events e SET xact = CASE WHEN (e.client_id, e.task_id, e.seq) IN (SELECT n.client_id, n.task_id, n.seq FROM prismq.audit_places n WHERE n.chain = 'tasks') THEN 0 ELSE mine END;
  UPDATE prismq.security_events e SET xact = CASE WHEN (coalesce(e.client_id, ''), e.event_id) IN (SELECT n.client_id, n.event_id FROM prismq.audit_places n WHERE n.chain = 'security') THEN 0 ELSE mine END;
  UPDATE prismq.audit_passed SET next_xact = mine, running = '{}';
END $$;

-- The one client of a call, or null for the platform.
CREATE FUNCTION prismq.audit_client(who text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF who[2] = '*' THEN RETURN NULL; END IF;
  IF who[2] = '' OR position(',' IN who[2]) > 0 THEN RAISE EXCEPTION 'the audit is read for one client or for all' USING ERRCODE = '42501'; END IF;
  RETURN who[2];
END $$;

-- A stretch of a chain, oldest first or turned round. Places are the numbers of the client of the call, or the order over all.
CREATE FUNCTION prismq.audit_rows(token text, of_chain text, after_id bigint, before_id bigint, most integer, newest boolean, of_client text, of_actor text, of_action text, of_object text, since_utc bigint, until_utc bigint)
RETURNS TABLE (place bigint, id bigint, client_id text, at_utc bigint, task_id uuid, actor text, action text, object text, outcome text, from_status text, to_status text, attempt integer, details text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  who text[] := prismq.enter(token, 'system', 'admin', 'auditor');
  mine text := prismq.audit_client(who);
  last text := CASE WHEN mine IS NULL THEN 'n.last_id' ELSE 'n.last_no' END;
  way text := CASE WHEN newest THEN 'DESC' ELSE 'ASC' END;
  runs text := format('SELECT n.client_id, n.n, n.task_ids, n.seqs, n.event_ids, %1$s AS last FROM prismq.audit_numbers n WHERE n.chain = $1 AND %1$s > $2 AND %1$s < $3 + 63 AND %2$s AND ($5 IS NULL OR n.client_id = $5) ORDER BY %1$s %3$s',
    last, CASE WHEN mine IS NULL THEN '$4 IS NULL' ELSE 'n.client_id = $4' END, way);
BEGIN
  -- Where nothing is left out, no more runs than hold so many rows. Of the first and the last a part may be asked for, or be left.
  IF of_actor IS NULL AND of_action IS NULL AND of_object IS NULL THEN
    runs := format('SELECT m.* FROM (SELECT l.*, sum(l.n) OVER (ORDER BY l.last %2$s) - l.n AS ahead FROM (%1$s LIMIT $11) l) m WHERE m.ahead < $11 + 63', runs, way);
  END IF;
  -- Made of constants, so that the index of the place is gone along, and each event is looked up by its key.
  RETURN QUERY EXECUTE format('SELECT n.last - n.n + u.o, e.* FROM (%1$s) n CROSS JOIN LATERAL %2$s OFFSET 0) e
    WHERE n.last - n.n + u.o > $2 AND n.last - n.n + u.o < $3 AND ($6 IS NULL OR e.actor = $6) AND ($7 IS NULL OR e.action = $7) AND ($8 IS NULL OR e.object = $8) AND e.at_utc >= $9 AND e.at_utc < $10
    ORDER BY n.last %3$s, u.o %3$s LIMIT $11', runs,
    CASE of_chain WHEN 'tasks' THEN 'unnest(n.task_ids, n.seqs) WITH ORDINALITY u (task_id, seq, o) CROSS JOIN LATERAL (SELECT x.seq::bigint, x.client_id, x.at_utc, x.task_id, x.actor, x.event AS action, x.task_id::text AS object, ''done'' AS outcome,
      x.from_status, x.to_status, x.attempt, x.details FROM prismq.task_events x WHERE x.client_id = n.client_id AND x.task_id = u.task_id AND x.seq = u.seq'
    ELSE 'unnest(n.event_ids) WITH ORDINALITY u (event_id, o) CROSS JOIN LATERAL (SELECT x.event_id, n.client_id, x.at_utc, NULL::uuid, x.actor, x.action, x.object, x.outcome, NULL::text, NULL::text, NULL::integer, x.details
      FROM prismq.security_events x WHERE coalesce(x.client_id, '''') = n.client_id AND x.event_id = u.event_id' END, way)
  USING of_chain, after_id, before_id, mine, of_client, of_actor, of_action, of_object, since_utc, until_utc, most;
END $$;

-- How far the sealer is, as a place.
CREATE FUNCTION prismq.audit_sealed_to(token text, of_chain text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor'); mine text := prismq.audit_client(who);
BEGIN
  IF mine IS NULL THEN RETURN (SELECT p.sealed_id FROM prismq.audit_passed p WHERE p.chain = of_chain); END IF;
  -- The last number that the sealer has passed: its own rows below are sealed, or were put in.
  RETURN coalesce((SELECT max(n.last_no - greatest(n.last_id - p.sealed_id, 0)) FROM prismq.audit_numbers n JOIN prismq.audit_passed p ON p.chain = n.chain WHERE n.chain = of_chain AND n.client_id = mine
    AND n.last_no > coalesce((SELECT max(s.seq) FROM prismq.audit_seals s WHERE s.client_id = mine AND s.chain = of_chain), 0) AND n.last_id - n.n < p.sealed_id),
    (SELECT max(s.seq) FROM prismq.audit_seals s WHERE s.client_id = mine AND s.chain = of_chain), 0);
END $$;

CREATE FUNCTION prismq.audit_seals_of(token text, of_chain text, after_id bigint, until_id bigint) RETURNS SETOF prismq.audit_seals LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor'); mine text := prismq.audit_client(who);
BEGIN
  IF mine IS NULL THEN RETURN QUERY SELECT s.* FROM prismq.audit_seals s WHERE s.chain = of_chain AND s.last_id > after_id AND s.last_id <= until_id ORDER BY s.last_id;
  ELSE RETURN QUERY SELECT s.client_id, s.chain, s.seq, s.rows, s.seq - s.rows + 1, s.seq, s.prev_hash, s.hash, s.marks, s.at_utc FROM prismq.audit_seals s
    WHERE s.client_id = mine AND s.chain = of_chain AND s.seq > after_id AND s.seq <= until_id ORDER BY s.seq; END IF;
END $$;

-- The stream of events of every client, for the platform. Of one client its own login reads it (reads.sql).
CREATE FUNCTION prismq.audit_events(token text, after_id bigint, most integer) RETURNS TABLE (place bigint, log_id integer, task_id uuid, client_id text, at_utc bigint, level text, message text, event text, from_status text, to_status text, actor text, attempt integer, details text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor');
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  RETURN QUERY SELECT n.last_id - n.n + u.o, e.* FROM (
    SELECT m.* FROM (SELECT l.*, sum(l.n) OVER (ORDER BY l.last_id) - l.n AS ahead FROM (SELECT x.* FROM prismq.audit_numbers x WHERE x.chain = 'tasks' AND x.last_id > after_id ORDER BY x.last_id LIMIT most) l) m WHERE m.ahead < most + 63) n
  CROSS JOIN LATERAL unnest(n.task_ids, n.seqs) WITH ORDINALITY u (task_id, seq, o)
  CROSS JOIN LATERAL (SELECT y.* FROM prismq.task_logs y WHERE y.client_id = n.client_id AND y.task_id = u.task_id AND y.log_id = u.seq OFFSET 0) e
  WHERE n.last_id - n.n + u.o > after_id ORDER BY n.last_id, u.o LIMIT most;
END $$;

CREATE FUNCTION prismq.audit_events_last(token text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor');
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  RETURN (SELECT p.numbered_id FROM prismq.audit_passed p WHERE p.chain = 'tasks');
END $$;

CREATE FUNCTION prismq.audit_heads(token text) RETURNS TABLE (chain text, client_id text, seq bigint, hash text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor');
BEGIN
  RETURN QUERY SELECT h.chain, h.client_id, h.seq, h.hash FROM prismq.audit_last l
  CROSS JOIN LATERAL (SELECT s.chain, s.client_id, s.seq, s.hash FROM prismq.audit_seals s WHERE s.client_id = l.client_id AND s.chain = l.chain ORDER BY s.seq DESC LIMIT 1) h
  WHERE who[2] = '*' OR l.client_id = ANY (string_to_array(who[2], ',')) ORDER BY l.client_id, l.chain;
END $$;

-- Keeps the seals of a stretch, unless somebody else has sealed meanwhile: so no chain forks and none has a gap.
CREATE FUNCTION prismq.audit_put(token text, of_chain text, after_id bigint, last_id bigint, seals jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  PERFORM FROM prismq.audit_passed p WHERE p.chain = of_chain AND p.sealed_id = after_id AND p.numbered_id >= last_id FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  -- Each follows the last seal of its chain, or begins it.
  IF EXISTS (SELECT FROM jsonb_populate_recordset(NULL::prismq.audit_seals, seals) n
    LEFT JOIN LATERAL (SELECT s.seq, s.hash FROM prismq.audit_seals s WHERE s.client_id = n.client_id AND s.chain = n.chain ORDER BY s.seq DESC LIMIT 1) h ON true
    WHERE n.seq - n.rows <> coalesce(h.seq, 0) OR n.prev_hash <> coalesce(h.hash, n.prev_hash)) THEN RETURN false; END IF;
  UPDATE prismq.audit_passed p SET sealed_id = last_id WHERE p.chain = of_chain;
  INSERT INTO prismq.audit_seals SELECT * FROM jsonb_populate_recordset(NULL::prismq.audit_seals, seals);
  RETURN true;
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('audit_number', 'audit_client', 'audit_rows', 'audit_events', 'audit_events_last', 'audit_sealed_to', 'audit_seals_of', 'audit_heads', 'audit_put') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_audit', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f);
  END LOOP;
END $$;
