-- The order and the seals of the audit. Hashing is done outside; here rows are numbered, handed out and their seals kept, by a role
-- that may add to the audit and change nothing of it.

-- Numbers what is settled: rows of transactions that are older than every one that runs. One at a time. How many rows.
CREATE FUNCTION prismq.audit_number(token text, most integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  who text[] := prismq.enter(token, 'system');
  p record;
  horizon bigint;
  until bigint;
  n integer;
  total integer := 0;
BEGIN
  FOR p IN SELECT * FROM prismq.audit_passed x ORDER BY x.chain FOR UPDATE LOOP
    -- After the lock: what was numbered meanwhile is behind it.
    horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    IF p.chain = 'tasks' THEN
      SELECT e.xact INTO until FROM prismq.task_events e WHERE e.xact >= p.next_xact AND e.xact < horizon ORDER BY e.xact OFFSET most LIMIT 1;
      -- A transaction is never cut in two.
      until := CASE WHEN until IS NULL THEN greatest(horizon, p.next_xact) WHEN until = p.next_xact THEN until + 1 ELSE until END;
      INSERT INTO prismq.audit_numbers (chain, id, client_id, task_id, seq)
      SELECT 'tasks', p.numbered_id + row_number() OVER (ORDER BY e.xact, e.client_id, e.task_id, e.seq), e.client_id, e.task_id, e.seq FROM prismq.task_events e WHERE e.xact >= p.next_xact AND e.xact < until;
    ELSE
      SELECT e.xact INTO until FROM prismq.security_events e WHERE e.xact >= p.next_xact AND e.xact < horizon ORDER BY e.xact OFFSET most LIMIT 1;
      until := CASE WHEN until IS NULL THEN greatest(horizon, p.next_xact) WHEN until = p.next_xact THEN until + 1 ELSE until END;
      INSERT INTO prismq.audit_numbers (chain, id, client_id, event_id)
      SELECT 'security', p.numbered_id + row_number() OVER (ORDER BY e.xact, e.event_id), coalesce(e.client_id, ''), e.event_id FROM prismq.security_events e WHERE e.xact >= p.next_xact AND e.xact < until;
    END IF;
    GET DIAGNOSTICS n = ROW_COUNT;
    UPDATE prismq.audit_passed x SET numbered_id = p.numbered_id + n, next_xact = until WHERE x.chain = p.chain;
    total := total + n;
  END LOOP;
  RETURN total;
END $$;

-- A stretch of a chain, oldest first, of the clients of the call; `newest` turns it round.
CREATE FUNCTION prismq.audit_rows(token text, of_chain text, after_id bigint, before_id bigint, most integer, newest boolean, of_client text, of_actor text, of_action text, of_object text, since_utc bigint, until_utc bigint)
RETURNS TABLE (id bigint, client_id text, at_utc bigint, task_id uuid, actor text, action text, object text, outcome text, from_status text, to_status text, attempt integer, details text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor'); mine text[] := CASE WHEN who[2] <> '*' THEN string_to_array(who[2], ',') END;
BEGIN
  IF of_chain = 'tasks' THEN
    RETURN QUERY SELECT n.id, n.client_id, e.at_utc, e.task_id, e.actor, e.event, e.task_id::text, 'done', e.from_status, e.to_status, e.attempt, e.details
    FROM prismq.audit_numbers n JOIN prismq.task_events e ON e.client_id = n.client_id AND e.task_id = n.task_id AND e.seq = n.seq
    WHERE n.chain = 'tasks' AND n.id > after_id AND n.id < before_id AND (mine IS NULL OR n.client_id = ANY (mine)) AND (of_client IS NULL OR n.client_id = of_client) AND (of_actor IS NULL OR e.actor = of_actor)
      AND (of_action IS NULL OR e.event = of_action) AND (of_object IS NULL OR e.task_id::text = of_object) AND e.at_utc >= since_utc AND e.at_utc < until_utc
    ORDER BY CASE WHEN newest THEN -n.id ELSE n.id END LIMIT most;
  ELSE
    RETURN QUERY SELECT n.id, n.client_id, e.at_utc, NULL::uuid, e.actor, e.action, e.object, e.outcome, NULL, NULL, NULL::integer, e.details
    FROM prismq.audit_numbers n JOIN prismq.security_events e ON e.event_id = n.event_id
    WHERE n.chain = 'security' AND n.id > after_id AND n.id < before_id AND (mine IS NULL OR n.client_id = ANY (mine)) AND (of_client IS NULL OR n.client_id = of_client) AND (of_actor IS NULL OR e.actor = of_actor)
      AND (of_action IS NULL OR e.action = of_action) AND (of_object IS NULL OR e.object = of_object) AND e.at_utc >= since_utc AND e.at_utc < until_utc
    ORDER BY CASE WHEN newest THEN -n.id ELSE n.id END LIMIT most;
  END IF;
END $$;

CREATE FUNCTION prismq.audit_sealed_to(token text, of_chain text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor');
BEGIN
  RETURN (SELECT p.sealed_id FROM prismq.audit_passed p WHERE p.chain = of_chain);
END $$;

CREATE FUNCTION prismq.audit_seals_of(token text, of_chain text, after_id bigint, until_id bigint) RETURNS SETOF prismq.audit_seals LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor');
BEGIN
  RETURN QUERY SELECT s.* FROM prismq.audit_seals s WHERE s.chain = of_chain AND s.last_id > after_id AND s.last_id <= until_id AND (who[2] = '*' OR s.client_id = ANY (string_to_array(who[2], ','))) ORDER BY s.last_id;
END $$;

CREATE FUNCTION prismq.audit_heads(token text) RETURNS TABLE (chain text, client_id text, seq bigint, hash text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor');
BEGIN
  RETURN QUERY SELECT DISTINCT ON (s.client_id, s.chain) s.chain, s.client_id, s.seq, s.hash FROM prismq.audit_seals s
  WHERE who[2] = '*' OR s.client_id = ANY (string_to_array(who[2], ',')) ORDER BY s.client_id, s.chain, s.seq DESC;
END $$;

-- Keeps the seals of a stretch, unless somebody else has sealed meanwhile: so no chain forks and none has a gap.
CREATE FUNCTION prismq.audit_put(token text, of_chain text, after_id bigint, last_id bigint, seals jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  UPDATE prismq.audit_passed p SET sealed_id = last_id WHERE p.chain = of_chain AND p.sealed_id = after_id AND p.numbered_id >= last_id;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO prismq.audit_seals SELECT * FROM jsonb_populate_recordset(NULL::prismq.audit_seals, seals);
  RETURN true;
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('audit_number', 'audit_rows', 'audit_sealed_to', 'audit_seals_of', 'audit_heads', 'audit_put') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_audit', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f);
  END LOOP;
END $$;
