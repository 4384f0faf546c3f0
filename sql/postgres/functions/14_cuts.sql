-- Anchors of the audit and its cuts. They cross clients because a chain is anchored, and grows old, whosever it is; by the role of
-- the audit, which takes nothing but what is behind a cut.

-- The number of the next anchor, what it follows, and heads that no anchor has yet.
CREATE FUNCTION prismq.anchor_next(token text, most integer) RETURNS TABLE (n bigint, prev text, chain text, client_id text, seq bigint, hash text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  RETURN QUERY SELECT a.n + 1, a.digest, h.chain, h.client_id, h.seq, h.hash FROM prismq.audit_anchored a LEFT JOIN LATERAL (
    SELECT x.* FROM prismq.audit_heads(token) x
    WHERE NOT EXISTS (SELECT FROM prismq.audit_anchors o WHERE o.client_id = x.client_id AND o.chain = x.chain AND o.seq = x.seq) ORDER BY x.client_id, x.chain LIMIT most) h ON true;
END $$;

-- Notes an anchor that is kept elsewhere; false when one of its heads is not on its chain.
CREATE FUNCTION prismq.anchor_put(token text, number bigint, its_digest text, heads jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  -- Who could skip numbers could use them up.
  IF number > (SELECT a.n + 1 FROM prismq.audit_anchored a) THEN RETURN false; END IF;
  IF EXISTS (SELECT FROM jsonb_to_recordset(heads) x (chain text, client_id text, seq bigint, hash text)
    WHERE NOT EXISTS (SELECT FROM prismq.audit_seals s WHERE s.client_id = x.client_id AND s.chain = x.chain AND s.seq = x.seq AND s.hash = x.hash)) THEN RETURN false; END IF;
  INSERT INTO prismq.audit_anchors (client_id, chain, seq, hash, n, at_utc)
  SELECT x.client_id, x.chain, x.seq, x.hash, number, prismq.now_ms() FROM jsonb_to_recordset(heads) x (chain text, client_id text, seq bigint, hash text) ON CONFLICT DO NOTHING;
  UPDATE prismq.audit_anchored a SET n = number, digest = its_digest WHERE a.n < number;
  RETURN true;
END $$;

-- The last cut of each chain.
CREATE FUNCTION prismq.cuts_of(token text) RETURNS TABLE (chain text, client_id text, seq bigint, hash text, last_id bigint, at_utc bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'system', 'admin', 'auditor');
BEGIN
  RETURN QUERY SELECT DISTINCT ON (c.client_id, c.chain) c.chain, c.client_id, c.seq, c.hash, c.last_id, c.at_utc FROM prismq.audit_cuts c
  WHERE who[2] = '*' OR c.client_id = ANY (string_to_array(who[2], ',')) ORDER BY c.client_id, c.chain, c.seq DESC;
END $$;

CREATE FUNCTION prismq.retention_of(token text) RETURNS SETOF prismq.audit_retention LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  RETURN QUERY SELECT r.* FROM prismq.audit_retention r ORDER BY r.client_id;
END $$;

CREATE FUNCTION prismq.retention_put(token text, client text, keep bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'admin', 'system');
BEGIN
  IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;
  IF client <> '' AND NOT EXISTS (SELECT FROM prismq.clients c WHERE c.client_id = client) THEN RETURN false; END IF;
  INSERT INTO prismq.audit_retention AS r (client_id, keep_ms) VALUES (client, keep) ON CONFLICT (client_id) DO UPDATE SET keep_ms = excluded.keep_ms;
  PERFORM prismq.security_add(who[3], 'audit.retain', nullif(client, ''), client, 'done', json_build_object('keep_ms', keep)::text);
  RETURN true;
END $$;

-- One step of retention: cuts that are due, each with its record, then rows behind cuts, seal by seal. A chain is cut at the newest
-- anchored end of a seal that is old enough; its last seal stays. Of security first: the record of a cut is younger than what is cut with it.
CREATE FUNCTION prismq.audit_cut(token text, default_keep bigint, every_ms bigint, most integer, OUT rows integer, OUT cuts integer, OUT more boolean) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system'); now_utc bigint := prismq.now_ms(); h record; point record; last record; s record; n integer; gone uuid[];
BEGIN
  rows := 0;
  cuts := 0;
  -- One at a time: a second one finds nothing to do.
  PERFORM FROM prismq.audit_anchored a FOR UPDATE;
  IF default_keep IS NOT NULL OR EXISTS (SELECT FROM prismq.audit_retention) THEN
    FOR h IN
      SELECT x.client_id, x.chain, x.head, CASE WHEN r.client_id IS NULL THEN default_keep ELSE r.keep_ms END AS keep
      FROM (SELECT e.client_id, e.chain, e.seq AS head FROM prismq.audit_heads(token) e) x LEFT JOIN prismq.audit_retention r ON r.client_id = x.client_id
      ORDER BY x.chain, x.client_id
    LOOP
      CONTINUE WHEN h.keep IS NULL;
      SELECT coalesce(max(c.seq), 0) AS seq, coalesce(max(c.at_utc), 0) AS at_utc INTO last FROM prismq.audit_cuts c WHERE c.client_id = h.client_id AND c.chain = h.chain;
      CONTINUE WHEN last.seq > 0 AND now_utc - last.at_utc < every_ms;
      SELECT e.seq, e.hash, e.last_id INTO point FROM prismq.audit_anchors a JOIN prismq.audit_seals e ON e.client_id = a.client_id AND e.chain = a.chain AND e.seq = a.seq AND e.hash = a.hash
      WHERE a.client_id = h.client_id AND a.chain = h.chain AND e.at_utc < now_utc - h.keep AND a.seq < h.head AND a.seq > last.seq ORDER BY a.seq DESC LIMIT 1;
      CONTINUE WHEN NOT FOUND;
      INSERT INTO prismq.audit_cuts (client_id, chain, seq, hash, last_id, at_utc) VALUES (h.client_id, h.chain, point.seq, point.hash, point.last_id, now_utc);
      PERFORM prismq.security_add('system', 'audit.cut', nullif(h.client_id, ''), h.chain, 'done', json_build_object('seq', point.seq, 'hash', point.hash, 'last_id', point.last_id)::text);
      cuts := cuts + 1;
    END LOOP;
  END IF;
  FOR last IN SELECT DISTINCT ON (c.client_id, c.chain) c.client_id, c.chain, c.seq FROM prismq.audit_cuts c ORDER BY c.client_id, c.chain, c.seq DESC LOOP
    FOR s IN SELECT e.seq, e.seq - e.rows + 1 AS first_no FROM prismq.audit_seals e WHERE e.client_id = last.client_id AND e.chain = last.chain AND e.seq <= last.seq ORDER BY e.seq LIMIT most LOOP
      EXIT WHEN rows >= most;
      IF last.chain = 'tasks' THEN
        -- A run goes with the seal that it ends in; what an earlier seal covers of it went before.
        WITH behind AS (SELECT u.task_id, u.seq FROM prismq.audit_numbers x CROSS JOIN LATERAL unnest(x.task_ids, x.seqs) WITH ORDINALITY u (task_id, seq, o)
            WHERE x.chain = 'tasks' AND x.client_id = last.client_id AND x.last_no BETWEEN s.first_no AND s.seq + 63 AND x.last_no - x.n + u.o BETWEEN s.first_no AND s.seq),
          runs AS (DELETE FROM prismq.audit_numbers x WHERE x.chain = 'tasks' AND x.client_id = last.client_id AND x.last_no BETWEEN s.first_no AND s.seq),
          taken AS (DELETE FROM prismq.task_events e USING behind b WHERE e.client_id = last.client_id AND e.task_id = b.task_id AND e.seq = b.seq RETURNING e.task_id)
        SELECT count(*), array_agg(DISTINCT t.task_id) INTO n, gone FROM taken t;
        -- Tombstones: emptied before, and without a row of the audit now.
        WITH emptied AS (DELETE FROM prismq.tasks t WHERE t.client_id = last.client_id AND t.task_id = ANY (gone) AND t.purged_at_utc IS NOT NULL
          AND NOT EXISTS (SELECT FROM prismq.task_events e WHERE e.client_id = t.client_id AND e.task_id = t.task_id) RETURNING t.task_id)
        SELECT array_agg(x.task_id) INTO gone FROM emptied x;
        -- Who waited for whom goes with either.
        IF gone IS NOT NULL THEN
          DELETE FROM prismq.task_dependencies d WHERE d.client_id = last.client_id AND d.parent_id = ANY (gone);
          DELETE FROM prismq.task_dependencies d WHERE d.client_id = last.client_id AND d.task_id = ANY (gone);
        END IF;
      ELSE
        WITH behind AS (DELETE FROM prismq.audit_numbers x WHERE x.chain = 'security' AND x.client_id = last.client_id AND x.last_no BETWEEN s.first_no AND s.seq RETURNING x.event_ids),
          taken AS (DELETE FROM prismq.security_events e USING behind b WHERE coalesce(e.client_id, '') = last.client_id AND e.event_id = b.event_ids[1] RETURNING e.event_id)
        SELECT count(*) INTO n FROM taken t;
      END IF;
      DELETE FROM prismq.audit_seals e WHERE e.client_id = last.client_id AND e.chain = last.chain AND e.seq = s.seq;
      DELETE FROM prismq.audit_anchors a WHERE a.client_id = last.client_id AND a.chain = last.chain AND a.seq <= s.seq;
      rows := rows + greatest(n, 1);
    END LOOP;
    EXIT WHEN rows >= most;
  END LOOP;
  more := rows >= most;
END $$;

DO $$
DECLARE f regprocedure; t text;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('anchor_next', 'anchor_put', 'cuts_of', 'retention_of', 'retention_put', 'audit_cut') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_audit', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['audit_anchors', 'audit_anchored', 'audit_cuts', 'audit_retention'] LOOP
    EXECUTE format('CREATE POLICY audit_all ON prismq.%I FOR ALL TO prismq_audit USING (true) WITH CHECK (true)', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['task_events', 'security_events', 'audit_numbers', 'audit_seals'] LOOP
    EXECUTE format('CREATE POLICY audit_cut ON prismq.%I FOR DELETE TO prismq_audit USING (client_id IN (SELECT c.client_id FROM prismq.audit_cuts c) OR (client_id IS NULL AND EXISTS (SELECT FROM prismq.audit_cuts c WHERE c.client_id = '''')))', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['SELECT', 'DELETE'] LOOP
    EXECUTE format('CREATE POLICY %I ON prismq.task_dependencies FOR %s TO prismq_audit USING (client_id IN (SELECT c.client_id FROM prismq.audit_cuts c))', 'audit_edges_' || lower(t), t);
  END LOOP;
  EXECUTE 'CREATE POLICY engine_read ON prismq.audit_cuts FOR SELECT TO prismq_engine USING (true)';
  EXECUTE 'CREATE POLICY audit_clients ON prismq.clients FOR SELECT TO prismq_audit USING (true)';
  -- An emptied task is a tombstone for its audit.
  EXECUTE 'CREATE POLICY audit_tombstones ON prismq.tasks FOR SELECT TO prismq_audit USING (purged_at_utc IS NOT NULL)';
  EXECUTE 'CREATE POLICY audit_tombstones_go ON prismq.tasks FOR DELETE TO prismq_audit USING (purged_at_utc IS NOT NULL)';
END $$;
GRANT SELECT, INSERT, DELETE ON prismq.audit_anchors TO prismq_audit;
GRANT SELECT, UPDATE ON prismq.audit_anchored TO prismq_audit;
GRANT SELECT, INSERT ON prismq.audit_cuts TO prismq_audit;
GRANT SELECT (client_id, chain) ON prismq.audit_cuts TO prismq_engine;
GRANT SELECT, INSERT, UPDATE ON prismq.audit_retention TO prismq_audit;
GRANT DELETE ON prismq.task_events, prismq.security_events, prismq.audit_numbers, prismq.audit_seals TO prismq_audit;
GRANT SELECT (client_id, parent_id, task_id), DELETE ON prismq.task_dependencies TO prismq_audit;
GRANT SELECT (client_id) ON prismq.clients TO prismq_audit;
GRANT SELECT (client_id, task_id, purged_at_utc), DELETE ON prismq.tasks TO prismq_audit;
