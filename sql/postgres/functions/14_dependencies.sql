-- Dependencies: the edges of an enqueue, what an ended parent tells its children, priority that waiting tasks lend. Every step is
-- set-based and bounded; what is left over stands in ended_parents and priority_changes.

-- Here and below rows are found one by one by their keys, locked, and changed by where they lie: what few rows look for among many is
-- never joined the other way round.

-- Marks tasks as awaited where they are, which holds them there until the transaction ends; answers those that have a place or an end.
-- A task that moves meanwhile is looked for again. What is gone, or never was, is not answered.
CREATE OR REPLACE FUNCTION prismq.await_parents(clients text[], parents uuid[]) RETURNS TABLE (client_id text, task_id uuid, outcome text) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE look_clients text[]; look_parents uuid[]; held text[] := '{}'; more text[]; rows tid[]; try integer;
BEGIN
  -- One order for all, so that two calls do not lock each other out. Pairs are compared as texts: an id is a client's or it is nobody's.
  SELECT array_agg(x.c ORDER BY x.c, x.p), array_agg(x.p ORDER BY x.c, x.p) INTO look_clients, look_parents FROM (SELECT DISTINCT u.c, u.p FROM unnest(clients, parents) u(c, p)) x;
  FOR try IN 1 .. 5 LOOP
    EXIT WHEN look_parents IS NULL;
    SELECT array_agg(h.t) FILTER (WHERE NOT h.awaited), array_agg(h.pair) INTO rows, more FROM (SELECT l.t, l.awaited, u.c || ' ' || u.p AS pair FROM unnest(look_clients, look_parents) u(c, p)
      CROSS JOIN LATERAL (SELECT x.ctid AS t, x.awaited FROM prismq.leases x WHERE x.client_id = u.c AND x.task_id = u.p FOR NO KEY UPDATE) l) h;
    UPDATE prismq.leases x SET awaited = true WHERE x.ctid = ANY (rows);
    held := held || coalesce(more, '{}');
    SELECT array_agg(h.t) FILTER (WHERE NOT h.awaited), array_agg(h.pair) INTO rows, more FROM (SELECT l.t, l.awaited, u.c || ' ' || u.p AS pair FROM unnest(look_clients, look_parents) u(c, p)
      CROSS JOIN LATERAL (SELECT x.ctid AS t, x.awaited FROM prismq.ready x WHERE x.client_id = u.c AND x.task_id = u.p AND x.priority = (SELECT t.effective_priority FROM prismq.tasks t WHERE t.client_id = u.c AND t.task_id = u.p) FOR NO KEY UPDATE) l) h;
    UPDATE prismq.ready x SET awaited = true WHERE x.ctid = ANY (rows);
    held := held || coalesce(more, '{}');
    SELECT array_agg(h.t) FILTER (WHERE NOT h.awaited), array_agg(h.pair) INTO rows, more FROM (SELECT l.t, l.awaited, u.c || ' ' || u.p AS pair FROM unnest(look_clients, look_parents) u(c, p)
      CROSS JOIN LATERAL (SELECT x.ctid AS t, x.awaited FROM prismq.delayed x WHERE x.client_id = u.c AND x.task_id = u.p FOR NO KEY UPDATE) l) h;
    UPDATE prismq.delayed x SET awaited = true WHERE x.ctid = ANY (rows);
    held := held || coalesce(more, '{}');
    SELECT array_agg(h.t) FILTER (WHERE NOT h.awaited), array_agg(h.pair) INTO rows, more FROM (SELECT l.t, l.awaited, u.c || ' ' || u.p AS pair FROM unnest(look_clients, look_parents) u(c, p)
      CROSS JOIN LATERAL (SELECT x.ctid AS t, x.awaited FROM prismq.blocked x WHERE x.client_id = u.c AND x.task_id = u.p FOR NO KEY UPDATE) l) h;
    UPDATE prismq.blocked x SET awaited = true WHERE x.ctid = ANY (rows);
    held := held || coalesce(more, '{}');
    SELECT array_agg(x.c ORDER BY x.c, x.p), array_agg(x.p ORDER BY x.c, x.p) INTO look_clients, look_parents FROM (
      SELECT split_part(y.pair, ' ', 1) AS c, split_part(y.pair, ' ', 2)::uuid AS p FROM (SELECT u.c || ' ' || u.p AS pair FROM unnest(look_clients, look_parents) u(c, p) EXCEPT SELECT unnest(held)) y OFFSET 0) x
    WHERE NOT EXISTS (SELECT FROM prismq.finished f WHERE f.client_id = x.c AND f.task_id = x.p OFFSET 0) AND EXISTS (SELECT FROM prismq.tasks t WHERE t.client_id = x.c AND t.task_id = x.p AND t.purged_at_utc IS NULL OFFSET 0);
  END LOOP;
  RETURN QUERY SELECT split_part(h.pair, ' ', 1), split_part(h.pair, ' ', 2)::uuid, NULL::text FROM unnest(held) h(pair);
  RETURN QUERY SELECT f.client_id, f.task_id, f.status FROM (
      SELECT split_part(y.pair, ' ', 1) AS c, split_part(y.pair, ' ', 2)::uuid AS p FROM (SELECT u.c || ' ' || u.p AS pair FROM unnest(clients, parents) u(c, p) EXCEPT SELECT unnest(held)) y) x
    CROSS JOIN LATERAL (SELECT f.client_id, f.task_id, f.status FROM prismq.finished f WHERE f.client_id = x.c AND f.task_id = x.p OFFSET 0) f;
END $$;

-- The parents of a batch: verdicts of items that can not be, how many each item waits for, and the edges. `depends` is JSON an item:
-- [[parent, policy], …]. Parents in the batch come before their children; a repeat of an idempotency key is the first task.
CREATE OR REPLACE FUNCTION prismq.resolve_parents(client_ids text[], task_ids uuid[], keys text[], depends text[], INOUT verdicts text[], OUT waits integer[], OUT edges jsonb) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE e record;
BEGIN
  waits := array_fill(NULL::integer, ARRAY[cardinality(task_ids)]);
  WITH batch AS MATERIALIZED (
    SELECT b.*, CASE WHEN b.key IS NULL THEN b.o ELSE first_value(b.o) OVER (PARTITION BY b.client_id, b.key ORDER BY b.o) END AS first FROM unnest(client_ids, task_ids, keys) WITH ORDINALITY b(client_id, task_id, key, o)
  )
  SELECT jsonb_agg(jsonb_build_object('item', x.o, 'position', d.o - 1, 'client_id', x.client_id, 'child', x.task_id, 'policy', d.v->>1, 'inside', CASE WHEN k.task_id IS NULL THEN b.first END,
    'parent', coalesce(k.task_id, task_ids[b.first], (d.v->>0)::uuid))) INTO edges
  FROM unnest(client_ids, task_ids, depends, verdicts) WITH ORDINALITY x(client_id, task_id, depends, verdict, o)
  CROSS JOIN LATERAL jsonb_array_elements(x.depends::jsonb) WITH ORDINALITY d(v, o)
  LEFT JOIN batch b ON b.task_id = (d.v->>0)::uuid AND b.client_id = x.client_id
  LEFT JOIN prismq.tasks k ON b.key IS NOT NULL AND k.client_id = b.client_id AND k.idempotency_key = b.key
  WHERE x.depends IS NOT NULL AND x.verdict IS NULL;
  SELECT jsonb_agg(to_jsonb(x) || jsonb_build_object('known', p.task_id IS NOT NULL OR x.inside IS NOT NULL, 'outcome', p.outcome,
    'state', CASE WHEN p.outcome IS NULL THEN 'open' WHEN p.outcome = 'completed' OR x.policy = 'ignore' THEN 'met' ELSE 'open' END)) INTO edges
  FROM jsonb_to_recordset(edges) x(item integer, position integer, client_id text, child uuid, parent uuid, policy text, inside integer)
  LEFT JOIN prismq.await_parents((SELECT array_agg(o.client_id) FROM jsonb_to_recordset(edges) o(client_id text, inside integer) WHERE o.inside IS NULL),
    (SELECT array_agg(o.parent) FROM jsonb_to_recordset(edges) o(parent uuid, inside integer) WHERE o.inside IS NULL)) p ON x.inside IS NULL AND p.client_id = x.client_id AND p.task_id = x.parent;
  -- Parents stand before their children: what is refused is known by then.
  FOR e IN SELECT * FROM jsonb_to_recordset(edges) x(item integer, position integer, policy text, inside integer, known boolean, outcome text, state text) ORDER BY x.item, x.position LOOP
    CONTINUE WHEN verdicts[e.item] IS NOT NULL;
    IF NOT e.known OR (e.inside IS NOT NULL AND verdicts[e.inside] IS NOT NULL) THEN verdicts[e.item] := 'no_parent:' || e.position;
    ELSIF e.outcome <> 'completed' AND e.policy = 'cancel' THEN verdicts[e.item] := 'parent_ended:' || e.position || ':' || e.outcome;
    ELSE waits[e.item] := coalesce(waits[e.item], 0) + CASE e.state WHEN 'open' THEN 1 ELSE 0 END;
    END IF;
  END LOOP;
END $$;

-- The edges of what was stored, the places of those that wait, and what they lend.
CREATE OR REPLACE FUNCTION prismq.place_edges(waits integer[], edges jsonb) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- What was not stored has no row: its edges fall away.
  INSERT INTO prismq.task_dependencies (client_id, parent_id, task_id, position, policy, state, priority)
  SELECT x.client_id, x.parent, x.child, x.position, x.policy, x.state, t.effective_priority FROM jsonb_to_recordset(edges) x(position integer, client_id text, child uuid, parent uuid, policy text, state text)
  CROSS JOIN LATERAL (SELECT t.effective_priority FROM prismq.tasks t WHERE t.client_id = x.client_id AND t.task_id = x.child OFFSET 0) t;
  INSERT INTO prismq.blocked (client_id, task_id, lane_no, claims, events, due_at_utc, expires_at_utc, waiting)
  SELECT x.client_id, x.child, t.lane_no, 0, 1, t.due_at_utc, t.expires_at_utc, waits[x.item]
  FROM (SELECT DISTINCT y.client_id, y.child, y.item FROM jsonb_to_recordset(edges) y(item integer, client_id text, child uuid) WHERE waits[y.item] > 0) x
  CROSS JOIN LATERAL (SELECT t.lane_no, t.due_at_utc, t.expires_at_utc FROM prismq.tasks t WHERE t.client_id = x.client_id AND t.task_id = x.child OFFSET 0) t;
  PERFORM prismq.await_parents((SELECT array_agg(o.client_id) FROM jsonb_to_recordset(edges) o(client_id text, inside integer) WHERE o.inside IS NOT NULL),
    (SELECT array_agg(o.parent) FROM jsonb_to_recordset(edges) o(parent uuid, inside integer) WHERE o.inside IS NOT NULL));
  INSERT INTO prismq.priority_changes (client_id, task_id)
  SELECT DISTINCT x.client_id, x.parent FROM jsonb_to_recordset(edges) x(client_id text, child uuid, parent uuid, state text)
  CROSS JOIN LATERAL (SELECT t.effective_priority FROM prismq.tasks t WHERE t.client_id = x.client_id AND t.task_id = x.child OFFSET 0) c
  CROSS JOIN LATERAL (SELECT t.effective_priority FROM prismq.tasks t WHERE t.client_id = x.client_id AND t.task_id = x.parent OFFSET 0) p
  WHERE x.state = 'open' AND p.effective_priority > c.effective_priority ON CONFLICT DO NOTHING;
  IF FOUND THEN PERFORM prismq.lend_step(1000); END IF;
END $$;

-- Notes the ends of awaited tasks.
CREATE OR REPLACE FUNCTION prismq.note_ended(clients text[], tasks uuid[]) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO prismq.ended_parents (client_id, task_id, outcome)
  SELECT DISTINCT u.c, u.t, f.status FROM unnest(clients, tasks) u(c, t) CROSS JOIN LATERAL (SELECT f.status FROM prismq.finished f WHERE f.client_id = u.c AND f.task_id = u.t OFFSET 0) f
  WHERE EXISTS (SELECT FROM prismq.task_dependencies d WHERE d.client_id = u.c AND d.parent_id = u.t OFFSET 0)
  ON CONFLICT (client_id, task_id) DO UPDATE SET outcome = excluded.outcome, after_id = NULL;
  RETURN FOUND;
END $$;

-- What is purged can not be requeued: those that still wait for it are told.
CREATE OR REPLACE FUNCTION prismq.tell_purged(clients text[], tasks uuid[], now_utc bigint) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO prismq.ended_parents (client_id, task_id, outcome)
  SELECT u.c, u.t, 'purged' FROM unnest(clients, tasks) u(c, t) WHERE EXISTS (SELECT FROM prismq.task_dependencies d WHERE d.client_id = u.c AND d.parent_id = u.t AND d.state = 'open' OFFSET 0)
  ON CONFLICT (client_id, task_id) DO UPDATE SET outcome = excluded.outcome, after_id = NULL;
  IF FOUND THEN PERFORM prismq.dependency_move(now_utc); END IF;
END $$;

-- After a settle: the ends of one batch, by their places in it. True: there is more to tell than one step does.
CREATE OR REPLACE FUNCTION prismq.tell_ended(clients text[], tasks uuid[], done integer[], now_utc bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (SELECT prismq.note_ended(array_agg(clients[x.o]), array_agg(tasks[x.o])) FROM unnest(done) x(o)) THEN RETURN false; END IF;
  RETURN prismq.dependency_move(now_utc);
END $$;

-- The edges of these children that are open, locked: where they lie, and whom they wait for.
CREATE OR REPLACE FUNCTION prismq.open_edges(clients text[], tasks uuid[], OUT rows tid[], OUT o_clients text[], OUT o_parents uuid[], OUT which integer[]) LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT array_agg(l.t), array_agg(l.client_id), array_agg(l.parent_id), array_agg(u.o::integer) FROM unnest(clients, tasks) WITH ORDINALITY u(c, t, o)
CROSS JOIN LATERAL (SELECT d.ctid AS t, d.client_id, d.parent_id FROM prismq.task_dependencies d WHERE d.client_id = u.c AND d.task_id = u.t AND d.state = 'open' FOR NO KEY UPDATE) l $$;

-- Tasks whose priority is to be found anew.
CREATE OR REPLACE FUNCTION prismq.note_lent(clients text[], tasks uuid[]) RETURNS void LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO prismq.priority_changes (client_id, task_id) SELECT DISTINCT u.c, u.t FROM unnest(clients, tasks) u(c, t) ON CONFLICT DO NOTHING $$;

-- Edges of tasks that ended before their parents: nothing is waited for any more, and nothing is lent.
CREATE OR REPLACE FUNCTION prismq.void_edges(clients text[], tasks uuid[]) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE edg record;
BEGIN
  SELECT * INTO edg FROM prismq.open_edges(clients, tasks);
  IF edg.rows IS NULL THEN RETURN; END IF;
  UPDATE prismq.task_dependencies d SET state = 'void' WHERE d.ctid = ANY (edg.rows);
  PERFORM prismq.note_lent(edg.o_clients, edg.o_parents);
END $$;

-- Goes through up to `most` edges of ended parents; how many, or null when no parent ended that nobody else is at.
CREATE OR REPLACE FUNCTION prismq.edge_step(most integer, now_utc bigint) RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  par record; edg record; kid record; n integer; freed tid[]; d_clients text[]; d_tasks uuid[]; drawing boolean := prismq.draws();
BEGIN
  SELECT array_agg(x.t) AS rows, array_agg(x.client_id) AS clients, array_agg(x.task_id) AS tasks, array_agg(x.outcome) AS outcomes, array_agg(x.after_id) AS afters INTO par
  FROM (SELECT e.ctid AS t, e.* FROM prismq.ended_parents e ORDER BY e.client_id, e.task_id LIMIT 500 FOR UPDATE SKIP LOCKED) x;
  IF par.rows IS NULL THEN RETURN NULL; END IF;
  SELECT array_agg(x.t) AS rows, array_agg(x.client_id) AS clients, array_agg(x.parent_id) AS parents, array_agg(x.task_id) AS children, array_agg(x.policy) AS policies, array_agg(x.state) AS states, array_agg(x.outcome) AS outcomes INTO edg
  FROM (SELECT d.*, q.outcome FROM unnest(par.clients, par.tasks, par.outcomes, par.afters) WITH ORDINALITY q(client_id, task_id, outcome, after_id, o)
    CROSS JOIN LATERAL (SELECT d.ctid AS t, d.client_id, d.parent_id, d.task_id, d.policy, d.state FROM prismq.task_dependencies d WHERE d.client_id = q.client_id AND d.parent_id = q.task_id
      AND d.task_id > coalesce(q.after_id, '00000000-0000-0000-0000-000000000000') ORDER BY d.client_id, d.parent_id, d.task_id LIMIT most FOR NO KEY UPDATE) d ORDER BY q.o, d.task_id LIMIT most) x;
  n := coalesce(cardinality(edg.rows), 0);
  IF n < most THEN
    DELETE FROM prismq.ended_parents x WHERE x.ctid = ANY (par.rows);
  ELSE
    DELETE FROM prismq.ended_parents x WHERE x.ctid = ANY (ARRAY(SELECT u.t FROM unnest(par.rows, par.clients, par.tasks) u(t, c, i) WHERE (u.c, u.i) < (edg.clients[n], edg.parents[n])));
    UPDATE prismq.ended_parents x SET after_id = edg.children[n] WHERE x.client_id = edg.clients[n] AND x.task_id = edg.parents[n];
  END IF;
  IF n = 0 THEN RETURN 0; END IF;
  -- The children one after the other in one order, so that steps of several processes do not lock each other out; `met`: how many of its edges.
  SELECT array_agg(x.t) AS rows, array_agg(x.met) AS met INTO kid FROM (SELECT l.t, u.met
    FROM (SELECT y.c, y.t, count(*) FILTER (WHERE y.state = 'open' AND (y.outcome = 'completed' OR y.policy = 'ignore'))::integer AS met
      FROM unnest(edg.clients, edg.children, edg.policies, edg.states, edg.outcomes) y(c, t, policy, state, outcome) GROUP BY y.c, y.t ORDER BY y.c, y.t OFFSET 0) u
    CROSS JOIN LATERAL (SELECT b.ctid AS t FROM prismq.blocked b WHERE b.client_id = u.c AND b.task_id = u.t FOR UPDATE) l) x WHERE x.met > 0;
  IF kid.rows IS NOT NULL THEN
    UPDATE prismq.task_dependencies d SET state = 'met' WHERE d.ctid = ANY (ARRAY(SELECT u.t FROM unnest(edg.rows, edg.policies, edg.states, edg.outcomes) u(t, policy, state, outcome)
      WHERE u.state = 'open' AND (u.outcome = 'completed' OR u.policy = 'ignore')));
    WITH counted AS (UPDATE prismq.blocked b2 SET waiting = b2.waiting - u.met FROM unnest(kid.rows, kid.met) u(t, met) WHERE b2.ctid = u.t RETURNING b2.ctid AS t, b2.waiting)
    SELECT array_agg(c.t) INTO freed FROM counted c WHERE c.waiting = 0;
  END IF;
  IF freed IS NOT NULL THEN
    WITH gone AS (
      DELETE FROM prismq.blocked b WHERE b.ctid = ANY (freed) RETURNING b.*
    ), of_task AS MATERIALIZED (
      SELECT g.*, t.effective_priority, t.run_after_utc FROM gone g CROSS JOIN LATERAL (SELECT t.effective_priority, t.run_after_utc FROM prismq.tasks t WHERE t.client_id = g.client_id AND t.task_id = g.task_id OFFSET 0) t
    ), at_once AS (
      INSERT INTO prismq.ready (client_id, priority, task_id, lane_no, attempt, claims, releases, losses, events, draw, due_at_utc, expires_at_utc, awaited)
      SELECT f.client_id, f.effective_priority, f.task_id, f.lane_no, 0, f.claims, 0, 0, f.events + 1, CASE WHEN drawing THEN prismq.draw(f.client_id, f.effective_priority) ELSE 0 END, f.due_at_utc, f.expires_at_utc, f.awaited
      FROM of_task f WHERE f.run_after_utc <= now_utc
    ), later AS (
      INSERT INTO prismq.delayed (client_id, task_id, lane_no, state, run_after_utc, attempt, claims, releases, losses, events, due_at_utc, expires_at_utc, awaited)
      SELECT f.client_id, f.task_id, f.lane_no, 'queued', f.run_after_utc, 0, f.claims, 0, 0, f.events + 1, f.due_at_utc, f.expires_at_utc, f.awaited FROM of_task f WHERE f.run_after_utc > now_utc
    )
    INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt)
    SELECT f.client_id, f.task_id, f.events + 1, now_utc, 'unblock', 'blocked', 'queued', 'system', 0 FROM of_task f;
  END IF;
  IF array_remove(edg.outcomes, 'completed') = '{}' THEN RETURN n; END IF;
  -- Children that end with their parent: the first of them that did. Who waits for one that is gone waits in vain.
  WITH doomed AS (
    DELETE FROM prismq.blocked b USING (SELECT l.t, u.p, u.outcome
      FROM (SELECT DISTINCT ON (y.c, y.t) y.* FROM unnest(edg.clients, edg.parents, edg.children, edg.policies, edg.states, edg.outcomes) y(c, p, t, policy, state, outcome) WHERE y.state = 'open' AND (y.outcome <> 'completed' AND y.policy = 'cancel' OR y.outcome = 'purged') ORDER BY y.c, y.t) u
      CROSS JOIN LATERAL (SELECT x.ctid AS t FROM prismq.blocked x WHERE x.client_id = u.c AND x.task_id = u.t OFFSET 0) l) u WHERE b.ctid = u.t RETURNING b.*, u.p, u.outcome
  ), ended AS (
    INSERT INTO prismq.finished (client_id, task_id, lane_no, status, finished_at_utc, attempt, claims, releases, events, reason)
    SELECT x.client_id, x.task_id, x.lane_no, 'cancelled', now_utc, 0, x.claims, 0, x.events + 1, 'parent_' || x.outcome FROM doomed x
  ), told AS (
    INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt, details)
    SELECT x.client_id, x.task_id, x.events + 1, now_utc, 'cancel', 'blocked', 'cancelled', 'system', 0, json_build_object('reason', 'parent_' || x.outcome, 'parent', x.p)::text FROM doomed x
  )
  SELECT array_agg(x.client_id), array_agg(x.task_id) INTO d_clients, d_tasks FROM doomed x;
  IF d_clients IS NOT NULL THEN
    PERFORM prismq.void_edges(d_clients, d_tasks);
    PERFORM prismq.note_ended(d_clients, d_tasks);
  END IF;
  RETURN n;
END $$;

-- Finds the effective priority of up to `most` tasks anew, level by level towards the parents.
CREATE OR REPLACE FUNCTION prismq.lend_step(most integer) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE chg record; moved record; edg record; lying tid[]; urgent integer[]; drawing boolean := prismq.draws();
BEGIN
  WHILE most > 0 LOOP
    SELECT array_agg(y.t) AS rows, array_agg(y.client_id) AS clients, array_agg(y.task_id) AS tasks INTO chg
    FROM (SELECT p.ctid AS t, p.* FROM prismq.priority_changes p ORDER BY p.client_id, p.task_id LIMIT most FOR UPDATE SKIP LOCKED) y;
    EXIT WHEN chg.rows IS NULL;
    DELETE FROM prismq.priority_changes p WHERE p.ctid = ANY (chg.rows);
    most := most - cardinality(chg.rows);
    -- Held where they are: whoever moves one reads its priority afterwards.
    PERFORM FROM unnest(chg.clients, chg.tasks) u(c, t) CROSS JOIN LATERAL (SELECT FROM prismq.leases l WHERE l.client_id = u.c AND l.task_id = u.t FOR NO KEY UPDATE) l;
    PERFORM FROM unnest(chg.clients, chg.tasks) u(c, t) CROSS JOIN LATERAL (SELECT FROM prismq.delayed l WHERE l.client_id = u.c AND l.task_id = u.t FOR NO KEY UPDATE) l;
    PERFORM FROM unnest(chg.clients, chg.tasks) u(c, t) CROSS JOIN LATERAL (SELECT FROM prismq.blocked l WHERE l.client_id = u.c AND l.task_id = u.t FOR NO KEY UPDATE) l;
    SELECT array_agg(y.c) AS clients, array_agg(y.t) AS tasks, array_agg(y.was) AS befores, array_agg(y.lent) AS afters, array_agg(y.row) AS rows INTO moved FROM (
      SELECT u.c, u.t, t.row, t.effective_priority AS was, least(t.priority, (SELECT min(d.priority) FROM prismq.task_dependencies d WHERE d.client_id = u.c AND d.parent_id = u.t AND d.state = 'open')) AS lent
      FROM unnest(chg.clients, chg.tasks) u(c, t) CROSS JOIN LATERAL (SELECT t.ctid AS row, t.priority, t.effective_priority FROM prismq.tasks t WHERE t.client_id = u.c AND t.task_id = u.t FOR NO KEY UPDATE) t
      WHERE NOT EXISTS (SELECT FROM prismq.finished f WHERE f.client_id = u.c AND f.task_id = u.t OFFSET 0)) y WHERE y.was <> y.lent;
    CONTINUE WHEN moved.rows IS NULL;
    SELECT array_agg(y.t), array_agg(y.lent) INTO lying, urgent FROM (SELECT r.t, u.lent FROM unnest(moved.clients, moved.tasks, moved.befores, moved.afters) u(c, t, was, lent) CROSS JOIN LATERAL (SELECT r.ctid AS t FROM prismq.ready r WHERE r.client_id = u.c AND r.priority = u.was AND r.task_id = u.t FOR UPDATE) r) y;
    UPDATE prismq.ready r SET priority = u.lent, draw = CASE WHEN drawing THEN prismq.draw(r.client_id, u.lent) ELSE 0 END FROM unnest(lying, urgent) u(t, lent) WHERE r.ctid = u.t;
    UPDATE prismq.tasks t SET effective_priority = u.lent FROM unnest(moved.rows, moved.afters) u(row, lent) WHERE t.ctid = u.row;
    SELECT * INTO edg FROM prismq.open_edges(moved.clients, moved.tasks);
    CONTINUE WHEN edg.rows IS NULL;
    UPDATE prismq.task_dependencies d SET priority = u.lent FROM (SELECT w.t, moved.afters[w.o] AS lent FROM unnest(edg.rows, edg.which) w(t, o)) u WHERE d.ctid = u.t;
    PERFORM prismq.note_lent(edg.o_clients, edg.o_parents);
  END LOOP;
END $$;

-- One bounded step for the clients of the call; true: there is more.
CREATE OR REPLACE FUNCTION prismq.dependency_move(now_utc bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE left_over integer := 1000; done integer;
BEGIN
  WHILE left_over > 0 LOOP
    done := prismq.edge_step(left_over, now_utc);
    EXIT WHEN done IS NULL;
    left_over := left_over - greatest(done, 1);
  END LOOP;
  PERFORM prismq.lend_step(1000);
  RETURN EXISTS (SELECT FROM prismq.priority_changes) OR (left_over <= 0 AND EXISTS (SELECT FROM prismq.ended_parents));
END $$;

-- The same for everybody, by whichever process: nothing stays blocked unseen.
CREATE OR REPLACE FUNCTION prismq.dependency_step(token text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'system');
BEGIN
  RETURN prismq.dependency_move(prismq.now_ms());
END $$;

-- A task ended by a move of its own: cancelled, lapsed. True: there is more to tell.
CREATE OR REPLACE FUNCTION prismq.ended_by_move(client text, task uuid, was_awaited boolean, now_utc bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM prismq.void_edges(ARRAY[client], ARRAY[task]);
  IF was_awaited THEN PERFORM prismq.note_ended(ARRAY[client], ARRAY[task]); END IF;
  RETURN prismq.dependency_move(now_utc);
END $$;

-- A task that begins anew waits again for those of its parents that are not done with: how many. One that ended badly may be requeued as well.
CREATE OR REPLACE FUNCTION prismq.reopen_edges(client text, task uuid) RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE waiting integer;
BEGIN
  DELETE FROM prismq.ended_parents e WHERE e.client_id = client AND e.task_id = task;
  PERFORM FROM prismq.task_dependencies d WHERE d.client_id = client AND d.task_id = task LIMIT 1;
  IF NOT FOUND THEN RETURN 0; END IF;
  PERFORM prismq.await_parents(array_agg(d.client_id), array_agg(d.parent_id)) FROM prismq.task_dependencies d WHERE d.client_id = client AND d.task_id = task;
  PERFORM FROM prismq.task_dependencies d JOIN prismq.tasks p ON p.client_id = d.client_id AND p.task_id = d.parent_id
    WHERE d.client_id = client AND d.task_id = task AND p.purged_at_utc IS NOT NULL AND d.state <> 'met' AND d.policy <> 'ignore';
  IF FOUND THEN PERFORM prismq.refuse('parent_ended', 'a task that it waited for did not complete and is gone: enqueue the work anew'); END IF;
  UPDATE prismq.task_dependencies d SET priority = t.effective_priority, state = CASE WHEN p.purged_at_utc IS NOT NULL THEN 'met' WHEN f.status IS NULL THEN 'open' WHEN f.status = 'completed' OR d.policy = 'ignore' THEN 'met' ELSE 'open' END
  FROM prismq.tasks p LEFT JOIN prismq.finished f ON f.client_id = p.client_id AND f.task_id = p.task_id, prismq.tasks t
  WHERE d.client_id = client AND d.task_id = task AND p.client_id = d.client_id AND p.task_id = d.parent_id AND t.client_id = client AND t.task_id = task;
  SELECT count(*) INTO waiting FROM prismq.task_dependencies d WHERE d.client_id = client AND d.task_id = task AND d.state = 'open';
  RETURN waiting;
END $$;

-- A task whose own priority changed lends anew, and is lent to anew.
CREATE OR REPLACE FUNCTION prismq.lend_anew(client text, task uuid, own integer) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE prismq.task_dependencies d SET priority = own WHERE d.client_id = client AND d.task_id = task AND d.state = 'open';
  INSERT INTO prismq.priority_changes (client_id, task_id)
  SELECT d.client_id, d.parent_id FROM prismq.task_dependencies d WHERE d.client_id = client AND d.task_id = task AND d.state = 'open'
  UNION SELECT client, task WHERE EXISTS (SELECT FROM prismq.task_dependencies d WHERE d.client_id = client AND d.parent_id = task) ON CONFLICT DO NOTHING;
  PERFORM prismq.lend_step(1000);
END $$;

-- How the parents of a held task ended. Nothing without the current lease.
CREATE OR REPLACE FUNCTION prismq.lease_parents(token text, client text, task uuid, lease uuid, after integer, most integer) RETURNS TABLE (place integer, task_id uuid, type text, status text, result text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE who text[] := prismq.enter(token, 'worker');
BEGIN
  RETURN QUERY SELECT d.position, p.task_id, n.type, coalesce(f.status, 'queued'), f.result FROM prismq.leases l
  JOIN prismq.task_dependencies d ON d.client_id = l.client_id AND d.task_id = l.task_id AND d.position >= after JOIN prismq.tasks p ON p.client_id = d.client_id AND p.task_id = d.parent_id
  JOIN prismq.lanes n ON n.client_id = p.client_id AND n.lane_no = p.lane_no LEFT JOIN prismq.finished f ON f.client_id = p.client_id AND f.task_id = p.task_id
  WHERE l.client_id = client AND l.task_id = task AND l.lease_id = lease AND l.worker_id = substr(who[3], 8) AND l.lease_until_utc > prismq.now_ms() ORDER BY d.position LIMIT least(most, 1001);
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('await_parents', 'resolve_parents', 'place_edges', 'note_ended', 'tell_ended', 'tell_purged', 'open_edges', 'note_lent', 'void_edges', 'edge_step', 'lend_step',
    'dependency_move', 'dependency_step', 'ended_by_move', 'reopen_edges', 'lend_anew', 'lease_parents') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_engine', f);
    IF f::text ~ 'lease_parents\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_worker', f); END IF;
    IF f::text ~ 'dependency_step\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f); END IF;
  END LOOP;
END $$;
