-- Claim: what is due is promoted, the picked rows move from ready to leases, set-based, with their audit rows. Which client is
-- asked for how many comes as a hint from fair share; what the worker may take does not: its policies decide.

-- Moves what is due from delayed to ready, whoever's it is: the janitor's rights reach no other row. How many rows.
CREATE OR REPLACE FUNCTION prismq.promote_due(most integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE now_utc bigint := prismq.now_ms(); drawing boolean; n integer;
BEGIN
  PERFORM FROM prismq.delayed d WHERE d.run_after_utc <= now_utc LIMIT 1;
  IF NOT FOUND THEN RETURN 0; END IF;
  drawing := prismq.draws();
  WITH due AS MATERIALIZED (
    SELECT d.client_id, d.task_id FROM prismq.delayed d WHERE d.run_after_utc <= now_utc ORDER BY d.run_after_utc LIMIT most FOR UPDATE SKIP LOCKED
  ), left_it AS (
    DELETE FROM prismq.delayed d USING due u WHERE d.client_id = u.client_id AND d.task_id = u.task_id RETURNING d.*
  ), entered AS (
    INSERT INTO prismq.ready (client_id, priority, task_id, lane_no, attempt, claims, releases, losses, events, draw, due_at_utc, expires_at_utc, awaited)
    SELECT l.client_id, t.effective_priority, l.task_id, l.lane_no, l.attempt, l.claims, l.releases, l.losses, l.events + CASE l.state WHEN 'failed' THEN 1 ELSE 0 END,
      CASE WHEN drawing THEN prismq.draw(l.client_id, t.effective_priority) ELSE 0 END, l.due_at_utc, l.expires_at_utc, l.awaited
    FROM left_it l JOIN prismq.tasks t ON t.client_id = l.client_id AND t.task_id = l.task_id
  ), told AS (
    -- Becoming due is not an event; leaving the back-off is (`retry`).
    INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt)
    SELECT l.client_id, l.task_id, l.events + 1, now_utc, 'retry', 'failed', 'queued', 'system', l.attempt FROM left_it l WHERE l.state = 'failed'
  )
  SELECT count(*) INTO n FROM left_it;
  RETURN n;
END $$;

-- The worker that acts, as it is registered, and what it may take.
CREATE OR REPLACE FUNCTION prismq.worker_of(token text) RETURNS TABLE (strategy text, fairness text, content text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'worker');
BEGIN
  RETURN QUERY SELECT w.strategy, w.fairness, s.content::text FROM prismq.workers w JOIN prismq.capability_sets s ON s.set_id = w.set_id WHERE w.worker_id = substr(who[3], 8);
END $$;

-- The clients that have something for a set, with their weights: for a narrow set its clients, for a wide one those with ready work.
CREATE OR REPLACE FUNCTION prismq.active_of(of_set uuid, most integer) RETURNS TABLE (client_id text, weight integer, limited boolean) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF (SELECT s.covered FROM prismq.capability_sets s WHERE s.set_id = of_set) <= 256 THEN
    RETURN QUERY SELECT k.client_id, k.weight, k.limited FROM prismq.clients k
      WHERE k.client_id IN (SELECT DISTINCT c.client_id FROM prismq.capability_lanes c WHERE c.set_id = of_set) AND k.status = 'active'
        AND EXISTS (SELECT FROM prismq.capability_lanes c JOIN prismq.ready r ON r.client_id = c.client_id AND r.lane_no = c.lane_no WHERE c.set_id = of_set AND c.client_id = k.client_id)
      ORDER BY k.client_id;
    RETURN;
  END IF;
  RETURN QUERY
  WITH RECURSIVE active (client_id, n) AS (
    (SELECT r.client_id, 1 FROM prismq.ready r ORDER BY r.client_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.client_id FROM prismq.ready r WHERE r.client_id > active.client_id ORDER BY r.client_id LIMIT 1), active.n + 1 FROM active WHERE active.client_id IS NOT NULL AND active.n < most
  )
  SELECT k.client_id, k.weight, k.limited FROM active a JOIN prismq.clients k ON k.client_id = a.client_id WHERE k.status = 'active';
END $$;

CREATE OR REPLACE FUNCTION prismq.active_clients(token text, said text, types text[], most integer) RETURNS TABLE (client_id text, weight integer) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'worker');
BEGIN
  PERFORM prismq.promote_due(1000);
  RETURN QUERY SELECT a.client_id, a.weight FROM prismq.active_of(prismq.set_of_call(substr(who[3], 8), said, types), most) a;
END $$;

-- The set of one call: the worker's own, one of what the call declares instead, a narrower one where it names types. Always within the grants.
CREATE OR REPLACE FUNCTION prismq.set_of_call(worker text, said text, types text[]) RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE w record;
BEGIN
  SELECT k.set_id, k.capabilities INTO w FROM prismq.workers k WHERE k.worker_id = worker;
  IF NOT FOUND THEN PERFORM prismq.refuse('worker_outdated', format('the worker %s is not registered: register it first', worker)); END IF;
  IF types IS NULL AND said IS NULL THEN RETURN w.set_id; END IF;
  RETURN prismq.ensure_set(prismq.set_content(worker, coalesce(said, w.capabilities)::jsonb, types));
END $$;

-- Here and below OFFSET 0 makes a look-up by key of what the planner would join whole.
-- Locks and answers up to `most` rows of one client in the order of a strategy. `way`: 'lane' where the client has one covered
-- lane; 'scan' reads a bounded stretch of the client's rows; 'probe' reads the heads of its covered lanes.
CREATE OR REPLACE FUNCTION prismq.pick(client text, set_of_call uuid, ordering text, most integer, way text, now_utc bigint) RETURNS tid[] LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE got tid[];
BEGIN
  -- The order of most workers is planned once a session; the others are put together.
  IF ordering = 'r.priority asc, r.task_id asc' AND way = 'lane' THEN
    SELECT array_agg(p.t) INTO got FROM (SELECT r.ctid AS t FROM prismq.ready r WHERE r.client_id = client AND r.lane_no = (SELECT c.lane_no FROM prismq.capability_lanes c WHERE c.set_id = set_of_call AND c.client_id = client)
      AND (r.expires_at_utc IS NULL OR r.expires_at_utc > now_utc) ORDER BY r.priority, r.task_id LIMIT most FOR UPDATE SKIP LOCKED) p;
    RETURN coalesce(got, '{}');
  END IF;
  IF ordering = 'r.priority asc, r.task_id asc' AND way = 'scan' THEN
    SELECT array_agg(p.t) INTO got FROM (SELECT r.ctid AS t FROM (SELECT r.priority, r.task_id FROM (SELECT r.client_id, r.priority, r.task_id, r.lane_no, r.expires_at_utc FROM prismq.ready r WHERE r.client_id = client ORDER BY r.priority, r.task_id LIMIT most * 3 + 32) r
      WHERE EXISTS (SELECT FROM prismq.capability_lanes c WHERE c.set_id = set_of_call AND c.client_id = r.client_id AND c.lane_no = r.lane_no OFFSET 0) AND (r.expires_at_utc IS NULL OR r.expires_at_utc > now_utc)) x
      JOIN prismq.ready r ON r.client_id = client AND r.priority = x.priority AND r.task_id = x.task_id ORDER BY r.priority, r.task_id LIMIT most FOR UPDATE OF r SKIP LOCKED) p;
    RETURN coalesce(got, '{}');
  END IF;
  EXECUTE CASE way
    WHEN 'lane' THEN format('SELECT array_agg(p.t) FROM (SELECT r.ctid AS t FROM prismq.ready r WHERE r.client_id = $1 AND r.lane_no = (SELECT c.lane_no FROM prismq.capability_lanes c WHERE c.set_id = $2 AND c.client_id = $1)
      AND (r.expires_at_utc IS NULL OR r.expires_at_utc > $4) ORDER BY %s LIMIT $3 FOR UPDATE SKIP LOCKED) p', ordering)
    WHEN 'scan' THEN format('SELECT array_agg(p.t) FROM (SELECT r.ctid AS t FROM (SELECT r.priority, r.task_id FROM (SELECT r.client_id, r.priority, r.task_id, r.lane_no, r.draw, r.due_at_utc, r.expires_at_utc FROM prismq.ready r WHERE r.client_id = $1 ORDER BY %1$s LIMIT $3 * 3 + 32) r
      WHERE EXISTS (SELECT FROM prismq.capability_lanes c WHERE c.set_id = $2 AND c.client_id = r.client_id AND c.lane_no = r.lane_no OFFSET 0) AND (r.expires_at_utc IS NULL OR r.expires_at_utc > $4)) x
      JOIN prismq.ready r ON r.client_id = $1 AND r.priority = x.priority AND r.task_id = x.task_id ORDER BY %1$s LIMIT $3 FOR UPDATE OF r SKIP LOCKED) p', ordering)
    ELSE format('SELECT array_agg(p.t) FROM (SELECT r.ctid AS t FROM (SELECT r.priority, r.task_id FROM (SELECT c.lane_no FROM prismq.capability_lanes c WHERE c.set_id = $2 AND c.client_id = $1 LIMIT 512) c CROSS JOIN LATERAL
      (SELECT r.priority, r.task_id, r.draw, r.due_at_utc FROM prismq.ready r WHERE r.client_id = $1 AND r.lane_no = c.lane_no AND (r.expires_at_utc IS NULL OR r.expires_at_utc > $4) ORDER BY %1$s LIMIT $3 + 16) r ORDER BY %1$s LIMIT $3 * 3 + 32) x
      JOIN prismq.ready r ON r.client_id = $1 AND r.priority = x.priority AND r.task_id = x.task_id ORDER BY %1$s LIMIT $3 FOR UPDATE OF r SKIP LOCKED) p', ordering)
    END INTO got USING client, set_of_call, most, now_utc;
  RETURN coalesce(got, '{}');
END $$;

-- The shares of many clients at once: locked rows of each, in the order of the clients; one row for every client with a share.
CREATE OR REPLACE FUNCTION prismq.pick_shares(clients text[], shares integer[], set_of_call uuid, ordering text, by_lane boolean, now_utc bigint) RETURNS TABLE (o integer, tids tid[]) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF ordering <> 'r.priority asc, r.task_id asc' THEN
    RETURN QUERY SELECT w.o::integer, prismq.pick(w.id, set_of_call, ordering, w.n, CASE WHEN by_lane THEN 'lane' ELSE 'scan' END, now_utc) FROM unnest(clients, shares) WITH ORDINALITY w(id, n, o) JOIN prismq.clients k ON k.client_id = w.id AND k.status = 'active' WHERE w.n > 0 ORDER BY w.o;
  ELSIF by_lane THEN
    RETURN QUERY SELECT w.o::integer, ARRAY(SELECT r.ctid FROM prismq.ready r WHERE r.client_id = w.id AND r.lane_no = (SELECT c.lane_no FROM prismq.capability_lanes c WHERE c.set_id = set_of_call AND c.client_id = w.id)
      AND (r.expires_at_utc IS NULL OR r.expires_at_utc > now_utc) ORDER BY r.priority, r.task_id LIMIT w.n FOR UPDATE SKIP LOCKED)
    FROM unnest(clients, shares) WITH ORDINALITY w(id, n, o) JOIN prismq.clients k ON k.client_id = w.id AND k.status = 'active' WHERE w.n > 0;
  ELSE
    RETURN QUERY SELECT w.o::integer, ARRAY(SELECT r.ctid FROM (SELECT r.priority, r.task_id FROM (SELECT r.client_id, r.priority, r.task_id, r.lane_no, r.expires_at_utc FROM prismq.ready r WHERE r.client_id = w.id ORDER BY r.priority, r.task_id LIMIT w.n * 3 + 32) r
      WHERE EXISTS (SELECT FROM prismq.capability_lanes c WHERE c.set_id = set_of_call AND c.client_id = r.client_id AND c.lane_no = r.lane_no OFFSET 0) AND (r.expires_at_utc IS NULL OR r.expires_at_utc > now_utc)) x
      JOIN prismq.ready r ON r.client_id = w.id AND r.priority = x.priority AND r.task_id = x.task_id ORDER BY r.priority, r.task_id LIMIT w.n FOR UPDATE OF r SKIP LOCKED)
    FROM unnest(clients, shares) WITH ORDINALITY w(id, n, o) JOIN prismq.clients k ON k.client_id = w.id AND k.status = 'active' WHERE w.n > 0;
  END IF;
END $$;

-- Up to `most` rows over all these clients in one order, for who wants no fairness.
CREATE OR REPLACE FUNCTION prismq.pick_across(clients text[], set_of_call uuid, ordering text, most integer, narrow boolean, now_utc bigint) RETURNS tid[] LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE got tid[];
BEGIN
  EXECUTE format('SELECT array_agg(p.t) FROM (SELECT r.ctid AS t FROM (SELECT r.client_id, r.priority, r.task_id FROM unnest($1) k(client_id) %2$s ORDER BY %1$s LIMIT $3 * 3 + 32) x
      JOIN prismq.ready r ON r.client_id = x.client_id AND r.priority = x.priority AND r.task_id = x.task_id ORDER BY %1$s LIMIT $3 FOR UPDATE OF r SKIP LOCKED) p', ordering,
    CASE WHEN narrow THEN format('JOIN prismq.capability_lanes c ON c.set_id = $2 AND c.client_id = k.client_id CROSS JOIN LATERAL
        (SELECT r.client_id, r.priority, r.task_id, r.draw, r.due_at_utc FROM prismq.ready r WHERE r.client_id = c.client_id AND r.lane_no = c.lane_no AND (r.expires_at_utc IS NULL OR r.expires_at_utc > $4) ORDER BY %1$s LIMIT $3 + 16) r', ordering)
      ELSE format('CROSS JOIN LATERAL (SELECT r.client_id, r.priority, r.task_id, r.draw, r.due_at_utc FROM (SELECT r.client_id, r.priority, r.task_id, r.lane_no, r.draw, r.due_at_utc, r.expires_at_utc FROM prismq.ready r WHERE r.client_id = k.client_id ORDER BY %1$s LIMIT $3 * 16 + 1024) r
        WHERE EXISTS (SELECT FROM prismq.capability_lanes c WHERE c.set_id = $2 AND c.client_id = r.client_id AND c.lane_no = r.lane_no OFFSET 0) AND (r.expires_at_utc IS NULL OR r.expires_at_utc > $4)) r', ordering) END)
    INTO got USING clients, set_of_call, most, now_utc;
  RETURN coalesce(got, '{}');
END $$;

-- The order of a strategy as SQL: pairs of a listed column and a direction, never text of a caller.
CREATE OR REPLACE FUNCTION prismq.ordering(terms text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE said text := ''; term text; column_sql text;
BEGIN
  FOREACH term IN ARRAY terms LOOP
    column_sql := CASE split_part(term, ' ', 1) WHEN 'priority' THEN 'r.priority' WHEN 'position' THEN 'r.task_id' WHEN 'due_at_utc' THEN 'coalesce(r.due_at_utc, 9007199254740991)' WHEN 'draw' THEN 'r.draw' END;
    IF column_sql IS NULL OR split_part(term, ' ', 2) NOT IN ('asc', 'desc') THEN RAISE EXCEPTION 'no such order' USING ERRCODE = '22023'; END IF;
    said := said || CASE said WHEN '' THEN '' ELSE ', ' END || column_sql || ' ' || split_part(term, ' ', 2);
  END LOOP;
  RETURN said;
END $$;

-- Indexes of an order where they are missing. PRIORITY is the key; every other order gets its own when the first worker asks.
CREATE OR REPLACE FUNCTION prismq.ensure_order(token text, terms text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  who text[] := prismq.enter(token, 'worker', 'admin', 'system');
  ordering text := replace(replace(prismq.ordering(terms), 'r.', ''), 'coalesce(due_at_utc, 9007199254740991)', '(coalesce(due_at_utc, 9007199254740991))');
  name text := 'ready_by_' || replace(array_to_string(terms, '_'), ' ', '_');
BEGIN
  IF terms = ARRAY['priority asc', 'position asc'] THEN RETURN; END IF;
  PERFORM FROM pg_class c WHERE c.relnamespace = 'prismq'::regnamespace AND c.relname = left(name, 63);
  IF FOUND THEN RETURN; END IF;
  EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON prismq.ready (client_id, %s)', name, ordering);
  EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON prismq.ready (client_id, lane_no, %s)', 'lane_' || name, ordering);
END $$;

-- From the first WEIGHTED_RANDOM claim on, every task draws when it enters `ready`; those that wait draw now.
CREATE OR REPLACE FUNCTION prismq.start_draws(token text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  UPDATE prismq.meta SET value = '1' WHERE key = 'draws' AND value <> '1';
  IF FOUND THEN UPDATE prismq.ready SET draw = -ln(1 - random()) * (priority + 1); END IF;
END $$;

CREATE OR REPLACE FUNCTION prismq.claim_batch(token text, most integer, lease_ms bigint, lease uuid, terms text[], assumed_strategy text, assumed_fairness text, said text, types text[], clients text[], shares integer[])
RETURNS TABLE (client_id text, task_id uuid, type text, payload text, compatibility text, priority integer, attempt integer, max_attempts integer, lease_until_utc bigint, fence bigint,
  max_run_ms bigint, created_at_utc bigint, created_by text, metadata text, traceparent text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  who text[] := prismq.enter(token, 'worker');
  worker text := substr(who[3], 8);
  now_utc bigint := prismq.now_ms();
  set_of_call uuid;
  ordering text := CASE WHEN terms = ARRAY['priority asc', 'position asc'] THEN 'r.priority asc, r.task_id asc' ELSE prismq.ordering(terms) END;
  noted text;
  covered bigint;
  by_lane boolean;
  picked tid[] := '{}';
  got tid[];
  mine record;
  left_over integer;
  share record;
  weighted boolean := assumed_fairness = 'weighted';
  limited text[];
  k integer;
BEGIN
  most := least(greatest(most, 1), 1000);
  lease_ms := least(greatest(lease_ms, 1), 3600000);
  SELECT w.set_id, w.strategy, s.covered, s.by_lane INTO mine FROM prismq.workers w JOIN prismq.capability_sets s ON s.set_id = w.set_id WHERE w.worker_id = worker;
  IF NOT FOUND THEN PERFORM prismq.refuse('worker_outdated', format('the worker %s is not registered: register it first', worker)); END IF;
  IF mine.strategy <> assumed_strategy THEN PERFORM prismq.refuse('worker_changed', mine.strategy); END IF;
  PERFORM prismq.promote_due(1000);
  IF types IS NULL AND said IS NULL THEN
    set_of_call := mine.set_id;
    covered := mine.covered;
    by_lane := mine.by_lane;
  ELSE
    set_of_call := prismq.set_of_call(worker, said, types);
    SELECT s.covered, s.by_lane INTO covered, by_lane FROM prismq.capability_sets s WHERE s.set_id = set_of_call;
  END IF;
  noted := set_config('prismq.set_of_call', set_of_call::text, true);
  IF covered = 0 THEN RETURN; END IF;
  IF NOT weighted THEN
    -- One order over all: no client may be left out because a hint did not name it.
    SELECT coalesce(array_agg(a.client_id) FILTER (WHERE NOT a.limited), '{}'), coalesce(array_agg(a.client_id ORDER BY a.client_id) FILTER (WHERE a.limited), '{}') INTO clients, limited FROM prismq.active_of(set_of_call, 1024) a;
    picked := prismq.pick_across(clients, set_of_call, ordering, most, covered <= 1024, now_utc);
    IF limited <> '{}' THEN
      PERFORM prismq.hold_limits(limited);
      FOR k IN 1 .. cardinality(limited) LOOP
        picked := picked || prismq.pick_limited(limited[k], set_of_call, ordering, most, now_utc);
      END LOOP;
      EXECUTE format('SELECT coalesce(array_agg(p.t), $3) FROM (SELECT r.ctid AS t FROM prismq.ready r WHERE r.ctid = ANY ($1) ORDER BY %s LIMIT $2) p', ordering) INTO picked USING picked, most, '{}'::tid[];
    END IF;
  ELSE
    left_over := most;
    -- Without a hint: whoever has something, in the order of names. Asked so only after a claim that found nothing.
    IF clients IS NULL THEN clients := ARRAY(SELECT a.client_id FROM prismq.active_of(set_of_call, 1024) a); END IF;
    -- Those with limits are asked apart: where nobody has any, nobody is asked for them. Whoever was suspended keeps its place, empty.
    IF EXISTS (SELECT FROM prismq.limits m WHERE m.client_id = ANY (clients)) THEN
      SELECT array_agg(CASE WHEN NOT c.limited THEN c.client_id END ORDER BY h.o), array_agg(CASE WHEN c.limited THEN c.client_id END ORDER BY h.o) INTO clients, limited
      FROM unnest(clients) WITH ORDINALITY h(id, o) LEFT JOIN prismq.clients c ON c.client_id = h.id AND c.status = 'active';
    END IF;
    IF array_remove(limited, NULL) <> '{}' THEN
      PERFORM prismq.hold_limits(limited);
      FOR k IN 1 .. cardinality(limited) LOOP
        EXIT WHEN left_over <= 0;
        CONTINUE WHEN limited[k] IS NULL OR coalesce(shares[k], 0) <= 0;
        got := prismq.pick_limited(limited[k], set_of_call, ordering, least(shares[k], left_over), now_utc);
        picked := picked || got;
        left_over := left_over - cardinality(got);
        shares[k] := -1;
      END LOOP;
    END IF;
    -- Shares first, in their order; what is left over goes to whoever has more, in the same order.
    FOR share IN SELECT * FROM prismq.pick_shares(clients, shares, set_of_call, ordering, by_lane, now_utc) LOOP
      EXIT WHEN left_over <= 0;
      got := share.tids[1:left_over];
      IF cardinality(got) < least(shares[share.o], left_over) AND NOT by_lane AND EXISTS (SELECT FROM prismq.ready r WHERE r.client_id = clients[share.o] OFFSET shares[share.o] * 3 + 32) THEN
        -- Behind a backlog of what it may not take: by its lanes.
        got := got || ARRAY(SELECT x.t FROM unnest(prismq.pick(clients[share.o], set_of_call, ordering, shares[share.o], 'probe', now_utc)) WITH ORDINALITY x (t, o) WHERE x.t NOT IN (SELECT unnest(got)) ORDER BY x.o);
        got := got[1:least(shares[share.o], left_over)];
      END IF;
      picked := picked || got;
      IF cardinality(got) < least(shares[share.o], left_over) THEN shares[share.o] := -1; END IF;
      left_over := left_over - cardinality(got);
    END LOOP;
    FOR k IN 1 .. cardinality(clients) LOOP
      EXIT WHEN left_over <= 0;
      CONTINUE WHEN k <= cardinality(shares) AND shares[k] < 0;
      -- Whoever was suspended meanwhile is passed over, as it is among the shares.
      CONTINUE WHEN NOT EXISTS (SELECT FROM prismq.clients c WHERE c.client_id = clients[k] AND c.status = 'active');
      got := ARRAY(SELECT x.t FROM unnest(prismq.pick(clients[k], set_of_call, ordering, left_over + CASE WHEN k <= cardinality(shares) THEN shares[k] ELSE 0 END, CASE WHEN by_lane THEN 'lane' ELSE 'probe' END, now_utc)) WITH ORDINALITY x (t, o)
        WHERE x.t NOT IN (SELECT unnest(picked)) ORDER BY x.o);
      picked := picked || got[1:left_over];
      left_over := left_over - least(cardinality(got), left_over);
    END LOOP;
    IF left_over > 0 AND array_remove(limited, NULL) <> '{}' THEN
      FOR k IN 1 .. cardinality(limited) LOOP
        EXIT WHEN left_over <= 0;
        CONTINUE WHEN limited[k] IS NULL OR coalesce(shares[k], 0) < 0;
        got := prismq.pick_limited(limited[k], set_of_call, ordering, left_over, now_utc);
        picked := picked || got;
        left_over := left_over - cardinality(got);
      END LOOP;
    END IF;
  END IF;
  IF cardinality(picked) = 0 THEN RETURN; END IF;
  IF terms[1] LIKE 'draw %' THEN
    UPDATE prismq.clients c SET draw_floor = greatest(c.draw_floor, x.top) FROM (SELECT r.client_id, max(r.draw) AS top FROM prismq.ready r WHERE r.ctid = ANY (picked) GROUP BY r.client_id) x WHERE c.client_id = x.client_id;
  END IF;

  RETURN QUERY
  WITH gone AS (
    DELETE FROM prismq.ready r USING unnest(picked) WITH ORDINALITY p(t, o) WHERE r.ctid = p.t
    RETURNING p.o, r.client_id, r.task_id, r.priority, r.lane_no, r.attempt, r.claims, r.releases, r.losses, r.events, r.due_at_utc, r.expires_at_utc, r.awaited
  ), leased AS (
    INSERT INTO prismq.leases (client_id, task_id, lane_no, worker_id, lease_id, reserved_at_utc, lease_until_utc, attempt, claims, releases, losses, events, due_at_utc, expires_at_utc, awaited)
    SELECT g.client_id, g.task_id, g.lane_no, worker, lease, now_utc, now_utc + lease_ms, g.attempt + 1, g.claims + 1, g.releases, g.losses, g.events + 1, g.due_at_utc, g.expires_at_utc, g.awaited FROM gone g
  ), told AS (
    INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt)
    SELECT g.client_id, g.task_id, g.events + 1, now_utc, 'claim', 'queued', 'leased', who[3], g.attempt + 1 FROM gone g
  )
  SELECT t.client_id, t.task_id, n.type, t.payload, n.compatibility, t.priority, g.attempt + 1, t.max_attempts, now_utc + lease_ms, (SELECT m.value::bigint FROM prismq.meta m WHERE m.key = 'restore_epoch') * 4294967296 + g.claims + 1,
    t.max_run_ms, t.created_at_utc, t.created_by, t.metadata, t.traceparent
  FROM gone g
  JOIN prismq.tasks t ON t.client_id = g.client_id AND t.task_id = g.task_id
  CROSS JOIN LATERAL (SELECT x.type, x.compatibility FROM prismq.lanes x WHERE x.client_id = g.client_id AND x.lane_no = g.lane_no OFFSET 0) n
  ORDER BY g.o;
  IF array_remove(limited, NULL) <> '{}' THEN PERFORM prismq.note_starts(array_remove(limited, NULL), lease, now_utc); END IF;
END $$;

DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['worker_of(text)', 'active_clients(text, text, text[], integer)', 'active_of(uuid, integer)', 'set_of_call(text, text, text[])', 'pick(text, uuid, text, integer, text, bigint)', 'pick_shares(text[], integer[], uuid, text, boolean, bigint)',
    'pick_across(text[], uuid, text, integer, boolean, bigint)', 'start_draws(text)', 'claim_batch(text, integer, bigint, uuid, text[], text, text, text, text[], text[], integer[])'] LOOP
    EXECUTE format('ALTER FUNCTION prismq.%s OWNER TO prismq_engine', f);
  END LOOP;
END $$;
ALTER FUNCTION prismq.promote_due(integer) OWNER TO prismq_janitor;
GRANT EXECUTE ON FUNCTION prismq.promote_due(integer) TO prismq_engine;
ALTER FUNCTION prismq.ordering(text[]) OWNER TO prismq_owner;
ALTER FUNCTION prismq.ensure_order(text, text[]) OWNER TO prismq_owner;
GRANT EXECUTE ON FUNCTION prismq.ordering(text[]) TO prismq_engine;
GRANT EXECUTE ON FUNCTION prismq.worker_of(text), prismq.active_clients(text, text, text[], integer), prismq.ensure_order(text, text[]),
  prismq.claim_batch(text, integer, bigint, uuid, text[], text, text, text, text[], text[], integer[]) TO prismq_worker;
GRANT EXECUTE ON FUNCTION prismq.start_draws(text) TO prismq_admin;
GRANT EXECUTE ON FUNCTION prismq.context() TO prismq_owner;
