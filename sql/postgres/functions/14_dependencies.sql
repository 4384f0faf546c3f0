-- Dependencies: the edges of an enqueue, what an ended parent tells its children, priority that waiting tasks lend. Every step is
-- set-based and bounded; what is left over stands in ended_parents and priority_changes.

-- Marks tasks as awaited where they are, which holds them there until the transaction ends; answers those that have a place or an end.
-- A task that moves meanwhile is looked for again. What is gone, or never was, is not answered.
CREATE OR REPLACE FUNCTION prismq.await_parents(clients text[], parents uuid[]) RETURNS TABLE (client_id text, task_id uuid, outcome text) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE look_clients text[]; look_parents uuid[]; held uuid[] := '{}'; more uuid[]; try integer;
BEGIN
  SELECT array_agg(x.c ORDER BY x.c, x.p), array_agg(x.p ORDER BY x.c, x.p) INTO look_clients, look_parents FROM (SELECT DISTINCT u.c, u.p FROM unnest(clients, parents) u(c, p)) x;
  FOR try IN 1 .. 5 LOOP
    EXIT WHEN look_parents IS NULL;
    WITH hit AS (UPDATE prismq.leases l SET awaited = true FROM unnest(look_clients, look_parents) u(c, p) WHERE l.client_id = u.c AND l.task_id = u.p RETURNING l.task_id)
    SELECT array_agg(h.task_id) INTO more FROM hit h;
    held := held || coalesce(more, '{}');
    WITH hit AS (UPDATE prismq.ready r SET awaited = true FROM unnest(look_clients, look_parents) u(c, p) JOIN prismq.tasks t ON t.client_id = u.c AND t.task_id = u.p
      WHERE r.client_id = t.client_id AND r.priority = t.effective_priority AND r.task_id = t.task_id RETURNING r.task_id)
    SELECT array_agg(h.task_id) INTO more FROM hit h;
    held := held || coalesce(more, '{}');
    WITH hit AS (UPDATE prismq.delayed d SET awaited = true FROM unnest(look_clients, look_parents) u(c, p) WHERE d.client_id = u.c AND d.task_id = u.p RETURNING d.task_id)
    SELECT array_agg(h.task_id) INTO more FROM hit h;
    held := held || coalesce(more, '{}');
    WITH hit AS (UPDATE prismq.blocked b SET awaited = true FROM unnest(look_clients, look_parents) u(c, p) WHERE b.client_id = u.c AND b.task_id = u.p RETURNING b.task_id)
    SELECT array_agg(h.task_id) INTO more FROM hit h;
    held := held || coalesce(more, '{}');
    SELECT array_agg(u.c), array_agg(u.p) INTO look_clients, look_parents FROM unnest(look_clients, look_parents) u(c, p)
    WHERE NOT EXISTS (SELECT FROM unnest(held) h(id) WHERE h.id = u.p) AND NOT EXISTS (SELECT FROM prismq.finished f WHERE f.client_id = u.c AND f.task_id = u.p)
      AND EXISTS (SELECT FROM prismq.tasks t WHERE t.client_id = u.c AND t.task_id = u.p AND t.purged_at_utc IS NULL);
  END LOOP;
  RETURN QUERY SELECT DISTINCT u.c, u.p, f.status FROM unnest(clients, parents) u(c, p) LEFT JOIN prismq.finished f ON f.client_id = u.c AND f.task_id = u.p
    WHERE f.task_id IS NOT NULL OR EXISTS (SELECT FROM unnest(held) h(id) WHERE h.id = u.p);
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
CREATE OR REPLACE FUNCTION prismq.place_edges(task_ids uuid[], waits integer[], edges jsonb, stored uuid[]) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO prismq.task_dependencies (client_id, parent_id, task_id, position, policy, state, priority)
  SELECT x.client_id, x.parent, x.child, x.position, x.policy, x.state, t.effective_priority FROM jsonb_to_recordset(edges) x(position integer, client_id text, child uuid, parent uuid, policy text, state text)
  JOIN unnest(stored) s(id) ON s.id = x.child JOIN prismq.tasks t ON t.client_id = x.client_id AND t.task_id = x.child ORDER BY 1, 2, 3;
  INSERT INTO prismq.blocked (client_id, task_id, lane_no, claims, events, due_at_utc, expires_at_utc, waiting)
  SELECT t.client_id, t.task_id, t.lane_no, 0, 1, t.due_at_utc, t.expires_at_utc, x.waits
  FROM (SELECT DISTINCT ON (y.child) y.client_id, y.child, w.waits FROM jsonb_to_recordset(edges) y(client_id text, child uuid) JOIN unnest(task_ids, waits) w(id, waits) ON w.id = y.child) x
  JOIN unnest(stored) s(id) ON s.id = x.child JOIN prismq.tasks t ON t.client_id = x.client_id AND t.task_id = x.child WHERE x.waits > 0;
  PERFORM prismq.await_parents((SELECT array_agg(o.client_id) FROM jsonb_to_recordset(edges) o(client_id text, inside integer) WHERE o.inside IS NOT NULL),
    (SELECT array_agg(o.parent) FROM jsonb_to_recordset(edges) o(parent uuid, inside integer) WHERE o.inside IS NOT NULL));
  INSERT INTO prismq.priority_changes (client_id, task_id)
  SELECT DISTINCT x.client_id, x.parent FROM jsonb_to_recordset(edges) x(client_id text, child uuid, parent uuid, state text) JOIN unnest(stored) s(id) ON s.id = x.child
  JOIN prismq.tasks c ON c.client_id = x.client_id AND c.task_id = x.child JOIN prismq.tasks p ON p.client_id = x.client_id AND p.task_id = x.parent
  WHERE x.state = 'open' AND p.effective_priority > c.effective_priority ON CONFLICT DO NOTHING;
  IF FOUND THEN PERFORM prismq.lend_step(1000); END IF;
END $$;

-- Notes the ends of awaited tasks.
CREATE OR REPLACE FUNCTION prismq.note_ended(clients text[], tasks uuid[]) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO prismq.ended_parents (client_id, task_id, outcome)
  SELECT f.client_id, f.task_id, f.status FROM unnest(clients, tasks) u(c, t) JOIN prismq.finished f ON f.client_id = u.c AND f.task_id = u.t
  WHERE EXISTS (SELECT FROM prismq.task_dependencies d WHERE d.client_id = u.c AND d.parent_id = u.t)
  ON CONFLICT (client_id, task_id) DO UPDATE SET outcome = excluded.outcome, after_id = NULL;
  RETURN FOUND;
END $$;

-- After a settle: the ends of one batch, by their places in it. True: there is more to tell than one step does.
CREATE OR REPLACE FUNCTION prismq.tell_ended(clients text[], tasks uuid[], done integer[], now_utc bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (SELECT prismq.note_ended(array_agg(clients[x.o]), array_agg(tasks[x.o])) FROM unnest(done) x(o)) THEN RETURN false; END IF;
  RETURN prismq.dependency_move(now_utc);
END $$;

-- Edges of tasks that ended before their parents: nothing is waited for any more, and nothing is lent.
CREATE OR REPLACE FUNCTION prismq.void_edges(clients text[], tasks uuid[]) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  WITH gone AS (
    UPDATE prismq.task_dependencies d SET state = 'void' FROM unnest(clients, tasks) u(c, t) WHERE d.client_id = u.c AND d.task_id = u.t AND d.state = 'open' RETURNING d.client_id, d.parent_id
  )
  INSERT INTO prismq.priority_changes (client_id, task_id) SELECT DISTINCT g.client_id, g.parent_id FROM gone g ON CONFLICT DO NOTHING;
END $$;

-- Goes through up to `most` edges of ended parents; how many, or null when no parent ended that nobody else is at.
CREATE OR REPLACE FUNCTION prismq.edge_step(most integer, now_utc bigint) RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p_clients text[]; p_tasks uuid[]; p_outcomes text[]; p_after uuid[];
  e_clients text[]; e_parents uuid[]; e_children uuid[]; e_policies text[]; e_outcomes text[];
  n integer; drawing boolean := prismq.draws(); d_clients text[]; d_tasks uuid[];
BEGIN
  SELECT array_agg(x.client_id), array_agg(x.task_id), array_agg(x.outcome), array_agg(x.after_id) INTO p_clients, p_tasks, p_outcomes, p_after
  FROM (SELECT e.* FROM prismq.ended_parents e ORDER BY e.client_id, e.task_id LIMIT 500 FOR UPDATE SKIP LOCKED) x;
  IF p_clients IS NULL THEN RETURN NULL; END IF;
  SELECT array_agg(x.client_id), array_agg(x.parent_id), array_agg(x.task_id), array_agg(x.policy), array_agg(x.outcome) INTO e_clients, e_parents, e_children, e_policies, e_outcomes
  FROM (SELECT d.client_id, d.parent_id, d.task_id, d.policy, p.outcome FROM unnest(p_clients, p_tasks, p_outcomes, p_after) WITH ORDINALITY p(client_id, task_id, outcome, after_id, o)
    CROSS JOIN LATERAL (SELECT d.client_id, d.parent_id, d.task_id, d.policy FROM prismq.task_dependencies d WHERE d.client_id = p.client_id AND d.parent_id = p.task_id
      AND d.task_id > coalesce(p.after_id, '00000000-0000-0000-0000-000000000000') ORDER BY d.task_id LIMIT most) d ORDER BY p.o, d.task_id LIMIT most) x;
  n := coalesce(cardinality(e_clients), 0);
  IF n < most THEN
    DELETE FROM prismq.ended_parents e USING unnest(p_clients, p_tasks) u(c, t) WHERE e.client_id = u.c AND e.task_id = u.t;
  ELSE
    DELETE FROM prismq.ended_parents e USING unnest(p_clients, p_tasks) u(c, t) WHERE e.client_id = u.c AND e.task_id = u.t AND (u.c, u.t) < (e_clients[n], e_parents[n]);
    UPDATE prismq.ended_parents e SET after_id = e_children[n] WHERE e.client_id = e_clients[n] AND e.task_id = e_parents[n];
  END IF;
  IF n = 0 THEN RETURN 0; END IF;
  -- The children one after the other in one order, so that steps of several processes do not lock each other out.
  PERFORM FROM prismq.blocked b WHERE (b.client_id, b.task_id) IN (SELECT u.c, u.t FROM unnest(e_clients, e_children) u(c, t)) ORDER BY b.client_id, b.task_id FOR UPDATE;
  WITH met AS (
    UPDATE prismq.task_dependencies d SET state = 'met' FROM unnest(e_clients, e_parents, e_children, e_policies, e_outcomes) u(c, p, t, policy, outcome)
    WHERE d.client_id = u.c AND d.parent_id = u.p AND d.task_id = u.t AND d.state = 'open' AND (u.outcome = 'completed' OR u.policy = 'ignore') RETURNING d.client_id, d.task_id
  )
  UPDATE prismq.blocked b SET waiting = b.waiting - m.n FROM (SELECT x.client_id, x.task_id, count(*)::integer AS n FROM met x GROUP BY x.client_id, x.task_id) m WHERE b.client_id = m.client_id AND b.task_id = m.task_id;
  WITH freed AS (
    DELETE FROM prismq.blocked b USING (SELECT DISTINCT x.c, x.t FROM unnest(e_clients, e_children) x(c, t)) u WHERE b.client_id = u.c AND b.task_id = u.t AND b.waiting = 0 RETURNING b.*
  ), at_once AS (
    INSERT INTO prismq.ready (client_id, priority, task_id, lane_no, attempt, claims, releases, losses, events, draw, due_at_utc, expires_at_utc, awaited)
    SELECT f.client_id, t.effective_priority, f.task_id, f.lane_no, 0, f.claims, 0, 0, f.events + 1, CASE WHEN drawing THEN prismq.draw(f.client_id, t.effective_priority) ELSE 0 END, f.due_at_utc, f.expires_at_utc, f.awaited
    FROM freed f JOIN prismq.tasks t ON t.client_id = f.client_id AND t.task_id = f.task_id WHERE t.run_after_utc <= now_utc
  ), later AS (
    INSERT INTO prismq.delayed (client_id, task_id, lane_no, state, run_after_utc, attempt, claims, releases, losses, events, due_at_utc, expires_at_utc, awaited)
    SELECT f.client_id, f.task_id, f.lane_no, 'queued', t.run_after_utc, 0, f.claims, 0, 0, f.events + 1, f.due_at_utc, f.expires_at_utc, f.awaited
    FROM freed f JOIN prismq.tasks t ON t.client_id = f.client_id AND t.task_id = f.task_id WHERE t.run_after_utc > now_utc
  )
  INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt)
  SELECT f.client_id, f.task_id, f.events + 1, now_utc, 'unblock', 'blocked', 'queued', 'system', 0 FROM freed f;
  IF array_remove(e_outcomes, 'completed') = '{}' THEN RETURN n; END IF;
  -- Children that end with their parent.
  WITH doomed AS (
    DELETE FROM prismq.blocked b USING (SELECT DISTINCT ON (x.c, x.t) x.* FROM unnest(e_clients, e_parents, e_children, e_policies, e_outcomes) x(c, p, t, policy, outcome) WHERE x.outcome <> 'completed' AND x.policy = 'cancel') u
    WHERE b.client_id = u.c AND b.task_id = u.t AND EXISTS (SELECT FROM prismq.task_dependencies d WHERE d.client_id = u.c AND d.parent_id = u.p AND d.task_id = u.t AND d.state = 'open') RETURNING b.*, u.p, u.outcome
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
DECLARE clients text[]; tasks uuid[]; befores integer[]; afters integer[]; drawing boolean := prismq.draws(); n integer;
BEGIN
  WHILE most > 0 LOOP
    WITH taken AS (
      DELETE FROM prismq.priority_changes c USING (SELECT x.client_id, x.task_id FROM prismq.priority_changes x ORDER BY x.client_id, x.task_id LIMIT most FOR UPDATE SKIP LOCKED) y
      WHERE c.client_id = y.client_id AND c.task_id = y.task_id RETURNING c.client_id, c.task_id
    )
    SELECT array_agg(t.client_id ORDER BY t.client_id, t.task_id), array_agg(t.task_id ORDER BY t.client_id, t.task_id) INTO clients, tasks FROM taken t;
    EXIT WHEN clients IS NULL;
    most := most - cardinality(clients);
    -- Held where they are: whoever moves one reads its priority afterwards.
    PERFORM FROM prismq.leases l JOIN unnest(clients, tasks) u(c, t) ON l.client_id = u.c AND l.task_id = u.t FOR NO KEY UPDATE OF l;
    PERFORM FROM prismq.delayed d JOIN unnest(clients, tasks) u(c, t) ON d.client_id = u.c AND d.task_id = u.t FOR NO KEY UPDATE OF d;
    PERFORM FROM prismq.blocked b JOIN unnest(clients, tasks) u(c, t) ON b.client_id = u.c AND b.task_id = u.t FOR NO KEY UPDATE OF b;
    SELECT array_agg(x.c), array_agg(x.t), array_agg(x.was), array_agg(x.lent) INTO clients, tasks, befores, afters FROM (
      SELECT u.c, u.t, t.effective_priority AS was, least(t.priority, (SELECT min(d.priority) FROM prismq.task_dependencies d WHERE d.client_id = u.c AND d.parent_id = u.t AND d.state = 'open')) AS lent
      FROM unnest(clients, tasks) u(c, t) JOIN prismq.tasks t ON t.client_id = u.c AND t.task_id = u.t
      WHERE NOT EXISTS (SELECT FROM prismq.finished f WHERE f.client_id = u.c AND f.task_id = u.t)) x WHERE x.was <> x.lent;
    CONTINUE WHEN clients IS NULL;
    UPDATE prismq.ready r SET priority = u.lent, draw = CASE WHEN drawing THEN prismq.draw(r.client_id, u.lent) ELSE 0 END FROM unnest(clients, tasks, befores, afters) u(c, t, was, lent)
      WHERE r.client_id = u.c AND r.priority = u.was AND r.task_id = u.t;
    UPDATE prismq.tasks t SET effective_priority = u.lent FROM unnest(clients, tasks, afters) u(c, t, lent) WHERE t.client_id = u.c AND t.task_id = u.t;
    WITH lent AS (
      UPDATE prismq.task_dependencies d SET priority = u.lent FROM unnest(clients, tasks, afters) u(c, t, lent) WHERE d.client_id = u.c AND d.task_id = u.t AND d.state = 'open' RETURNING d.client_id, d.parent_id
    )
    INSERT INTO prismq.priority_changes (client_id, task_id) SELECT DISTINCT l.client_id, l.parent_id FROM lent l ON CONFLICT DO NOTHING;
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
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('await_parents', 'resolve_parents', 'place_edges', 'note_ended', 'tell_ended', 'void_edges', 'edge_step', 'lend_step',
    'dependency_move', 'dependency_step', 'ended_by_move', 'reopen_edges', 'lend_anew', 'lease_parents') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_engine', f);
    IF f::text ~ 'lease_parents\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_worker', f); END IF;
    IF f::text ~ 'dependency_step\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_admin', f); END IF;
  END LOOP;
END $$;
