-- Moves of one task by its owner, an admin or the janitor: find its place, ask the lifecycle, leave the place, enter the next one,
-- write the audit. A place that somebody else left meanwhile is looked for again.

-- The lifecycle of domain/lifecycle.ts, the moves that are asked for by name; a test holds the two together.
CREATE OR REPLACE FUNCTION prismq.lifecycle() RETURNS TABLE (event text, from_status text, to_status text) LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
VALUES ('cancel', 'blocked', 'cancelled'), ('cancel', 'queued', 'cancelled'), ('cancel', 'leased', 'cancelled'), ('cancel', 'failed', 'cancelled'), ('cancel', 'dead_letter', 'cancelled'),
  ('lapse', 'blocked', 'cancelled'), ('lapse', 'queued', 'cancelled'), ('lapse', 'failed', 'cancelled'),
  ('requeue', 'dead_letter', 'queued'), ('requeue', 'cancelled', 'queued'),
  ('reprioritise', 'blocked', 'blocked'), ('reprioritise', 'queued', 'queued'), ('reprioritise', 'failed', 'failed'),
  ('amend', 'blocked', 'blocked'), ('amend', 'queued', 'queued'), ('amend', 'failed', 'failed'), ('amend', 'dead_letter', 'dead_letter'),
  ('purge', 'completed', NULL), ('purge', 'dead_letter', NULL), ('purge', 'cancelled', NULL) $$;

-- Where a task is: one row, or none.
CREATE OR REPLACE FUNCTION prismq.place_of(client text, task uuid) RETURNS TABLE (place text, status text, lane_no integer, attempt integer, claims integer, releases integer, losses integer, events integer,
  due_at_utc bigint, expires_at_utc bigint, worker_id text, lease_id uuid, reserved_at_utc bigint, awaited boolean, generation integer, priority integer, effective_priority integer) LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.*, t.generation, t.priority, t.effective_priority FROM prismq.tasks t CROSS JOIN LATERAL (
  SELECT 'finished', f.status, f.lane_no, f.attempt, f.claims, f.releases, 0, f.events, t.due_at_utc, t.expires_at_utc, f.worker_id, f.lease_id, f.reserved_at_utc, false FROM prismq.finished f WHERE f.client_id = client AND f.task_id = task
  UNION ALL SELECT 'leases', 'leased', l.lane_no, l.attempt, l.claims, l.releases, l.losses, l.events, l.due_at_utc, l.expires_at_utc, l.worker_id, l.lease_id, l.reserved_at_utc, l.awaited FROM prismq.leases l WHERE l.client_id = client AND l.task_id = task
  UNION ALL SELECT 'ready', 'queued', r.lane_no, r.attempt, r.claims, r.releases, r.losses, r.events, r.due_at_utc, r.expires_at_utc, NULL, NULL, NULL, r.awaited FROM prismq.ready r WHERE r.client_id = client AND r.priority = t.effective_priority AND r.task_id = task
  UNION ALL SELECT 'delayed', d.state, d.lane_no, d.attempt, d.claims, d.releases, d.losses, d.events, d.due_at_utc, d.expires_at_utc, NULL, NULL, NULL, d.awaited FROM prismq.delayed d WHERE d.client_id = client AND d.task_id = task
  UNION ALL SELECT 'blocked', 'blocked', b.lane_no, 0, b.claims, 0, 0, b.events, b.due_at_utc, b.expires_at_utc, NULL, NULL, NULL, b.awaited FROM prismq.blocked b WHERE b.client_id = client AND b.task_id = task) x
WHERE t.client_id = client AND t.task_id = task AND t.purged_at_utc IS NULL $$;

-- Takes a task out of its place, or counts an event where it stays; false: it is not there any more.
CREATE OR REPLACE FUNCTION prismq.leave(client text, task uuid, place text, in_priority integer, seen integer) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  CASE place
    WHEN 'ready' THEN DELETE FROM prismq.ready r WHERE r.client_id = client AND r.priority = in_priority AND r.task_id = task AND r.events = seen;
    WHEN 'delayed' THEN DELETE FROM prismq.delayed d WHERE d.client_id = client AND d.task_id = task AND d.events = seen;
    WHEN 'leases' THEN DELETE FROM prismq.leases l WHERE l.client_id = client AND l.task_id = task AND l.events = seen;
    WHEN 'blocked' THEN DELETE FROM prismq.blocked b WHERE b.client_id = client AND b.task_id = task AND b.events = seen;
    WHEN 'finished' THEN DELETE FROM prismq.finished f WHERE f.client_id = client AND f.task_id = task AND f.events = seen;
  END CASE;
  RETURN FOUND;
END $$;
CREATE OR REPLACE FUNCTION prismq.stay(client text, task uuid, place text, in_priority integer, seen integer) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  CASE place
    WHEN 'ready' THEN UPDATE prismq.ready r SET events = events + 1 WHERE r.client_id = client AND r.priority = in_priority AND r.task_id = task AND r.events = seen;
    WHEN 'delayed' THEN UPDATE prismq.delayed d SET events = events + 1 WHERE d.client_id = client AND d.task_id = task AND d.events = seen;
    WHEN 'leases' THEN UPDATE prismq.leases l SET events = events + 1 WHERE l.client_id = client AND l.task_id = task AND l.events = seen;
    WHEN 'blocked' THEN UPDATE prismq.blocked b SET events = events + 1 WHERE b.client_id = client AND b.task_id = task AND b.events = seen;
    WHEN 'finished' THEN UPDATE prismq.finished f SET events = events + 1 WHERE f.client_id = client AND f.task_id = task AND f.events = seen;
  END CASE;
  RETURN FOUND;
END $$;

-- One move of one task. `change`: reason, priority, payload, format, max_attempts, max_run_ms, metadata (present or absent).
CREATE OR REPLACE FUNCTION prismq.move_one(client text, task uuid, asked text, actor text, change jsonb, OUT verdict text, OUT status text, OUT more boolean) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now_utc bigint := prismq.now_ms();
  waits integer := 0;
  waited boolean := false;
  p record;
  to_status text;
  details jsonb := '{}';
  left_it boolean;
  before record;
BEGIN
  LOOP
    SELECT * INTO p FROM prismq.place_of(client, task);
    IF NOT FOUND THEN verdict := 'not_found'; RETURN; END IF;
    status := p.status;
    IF change ? 'only' AND NOT (change->'only') ? p.status THEN verdict := 'refused'; RETURN; END IF;
    SELECT l.to_status INTO to_status FROM prismq.lifecycle() l WHERE l.event = asked AND l.from_status = p.status;
    IF NOT FOUND THEN verdict := 'refused'; RETURN; END IF;
    left_it := CASE WHEN asked IN ('cancel', 'lapse', 'requeue') OR (asked = 'reprioritise' AND p.place = 'ready') THEN prismq.leave(client, task, p.place, p.effective_priority, p.events)
      ELSE prismq.stay(client, task, p.place, p.effective_priority, p.events) END;
    EXIT WHEN left_it;
  END LOOP;
  IF asked IN ('cancel', 'lapse') THEN
    -- The last lease is kept, so that its holder learns of it and its late writes are refused.
    INSERT INTO prismq.finished (client_id, task_id, lane_no, status, finished_at_utc, attempt, claims, releases, events, reason, worker_id, lease_id, reserved_at_utc)
    VALUES (client, task, p.lane_no, 'cancelled', now_utc, p.attempt, p.claims, p.releases, p.events + 1, change->>'reason', p.worker_id, p.lease_id, p.reserved_at_utc);
    details := jsonb_build_object('reason', change->'reason');
  ELSIF asked = 'requeue' THEN
    UPDATE prismq.quota_room q SET tasks = 0, bytes = 0, counted_at_utc = 0 WHERE q.client_id = client;
    waits := prismq.reopen_edges(client, task);
    waited := EXISTS (SELECT FROM prismq.task_dependencies d WHERE d.client_id = client AND d.parent_id = task);
    -- A new generation starts its attempts, releases and expiry anew; the number of claims goes on, for the fence.
    UPDATE prismq.tasks t SET generation = p.generation + 1, expires_at_utc = NULL, amended_at_utc = now_utc WHERE t.client_id = client AND t.task_id = task;
    IF waits > 0 THEN
      to_status := 'blocked';
      INSERT INTO prismq.blocked (client_id, task_id, lane_no, claims, events, due_at_utc, expires_at_utc, waiting, awaited) VALUES (client, task, p.lane_no, p.claims, p.events + 1, p.due_at_utc, NULL, waits, waited);
    ELSE
      INSERT INTO prismq.ready (client_id, priority, task_id, lane_no, attempt, claims, releases, losses, events, draw, due_at_utc, expires_at_utc, awaited)
      VALUES (client, p.effective_priority, task, p.lane_no, 0, p.claims, 0, 0, p.events + 1, CASE WHEN prismq.draws() THEN prismq.draw(client, p.effective_priority) ELSE 0 END, p.due_at_utc, NULL, waited);
    END IF;
    details := jsonb_build_object('generation', p.generation + 1);
  ELSIF asked = 'reprioritise' THEN
    UPDATE prismq.tasks t SET priority = (change->>'priority')::integer, effective_priority = (change->>'priority')::integer, amended_at_utc = now_utc WHERE t.client_id = client AND t.task_id = task;
    IF p.place = 'ready' THEN
      INSERT INTO prismq.ready (client_id, priority, task_id, lane_no, attempt, claims, releases, losses, events, draw, due_at_utc, expires_at_utc, awaited)
      VALUES (client, (change->>'priority')::integer, task, p.lane_no, p.attempt, p.claims, p.releases, p.losses, p.events + 1,
        CASE WHEN prismq.draws() THEN prismq.draw(client, (change->>'priority')::integer) ELSE 0 END, p.due_at_utc, p.expires_at_utc, p.awaited);
    END IF;
    details := jsonb_build_object('from', p.priority, 'to', change->'priority');
  ELSIF asked = 'amend' THEN
    SELECT t.payload, t.max_attempts, t.max_run_ms, t.metadata INTO before FROM prismq.tasks t WHERE t.client_id = client AND t.task_id = task;
    UPDATE prismq.tasks t SET amended_at_utc = now_utc,
      payload = CASE WHEN change ? 'payload' THEN change->>'payload' ELSE t.payload END, format = CASE WHEN change ? 'payload' THEN change->>'format' ELSE t.format END,
      max_attempts = coalesce((change->>'max_attempts')::integer, t.max_attempts), max_run_ms = coalesce((change->>'max_run_ms')::bigint, t.max_run_ms),
      metadata = CASE WHEN change ? 'metadata' THEN change->>'metadata' ELSE t.metadata END
    WHERE t.client_id = client AND t.task_id = task;
    IF change ? 'payload' THEN
      UPDATE prismq.quota_room q SET tasks = 0, bytes = 0, counted_at_utc = 0 WHERE q.client_id = client;
      details := jsonb_build_object('payload', jsonb_build_object('from', encode(sha256(convert_to(before.payload, 'UTF8')), 'hex'), 'to', encode(sha256(convert_to(change->>'payload', 'UTF8')), 'hex')));
    END IF;
    IF change ? 'metadata' THEN
      DELETE FROM prismq.task_metadata m WHERE m.client_id = client AND m.task_id = task;
      INSERT INTO prismq.task_metadata (client_id, task_id, key, value) SELECT client, task, m.key, m.value FROM jsonb_each_text(coalesce((change->>'metadata')::jsonb, '{}')) m;
    END IF;
    details := details || jsonb_build_object('options', jsonb_build_object('max_attempts', coalesce((change->>'max_attempts')::integer, before.max_attempts), 'max_run_ms', coalesce((change->>'max_run_ms')::bigint, before.max_run_ms)));
  END IF;
  IF asked = 'purge' THEN
    PERFORM prismq.purge_tasks(ARRAY[client], ARRAY[task], ARRAY[p.events + 1], now_utc, actor);
    PERFORM prismq.security_add(actor, 'task.purge', client, task::text, 'done', NULL);
  ELSE
    INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt, details)
    VALUES (client, task, p.events + 1, now_utc, asked, p.status, to_status, actor, CASE asked WHEN 'requeue' THEN 0 ELSE p.attempt END, details::text);
  END IF;
  IF asked IN ('cancel', 'lapse') THEN more := prismq.ended_by_move(client, task, p.awaited, now_utc);
  ELSIF asked = 'requeue' THEN PERFORM prismq.lend_anew(client, task, p.effective_priority);
  ELSIF asked = 'reprioritise' THEN PERFORM prismq.lend_anew(client, task, (change->>'priority')::integer);
  END IF;
  verdict := 'done';
END $$;

-- Empties ended tasks: payload, result, errors, messages and progress go; the row stays as a tombstone. `seqs` number the audit rows.
CREATE OR REPLACE FUNCTION prismq.purge_tasks(client_ids text[], task_ids uuid[], seqs integer[], now_utc bigint, actor text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt)
  SELECT f.client_id, f.task_id, x.seq, now_utc, 'purge', f.status, NULL, actor, f.attempt FROM unnest(client_ids, task_ids, seqs) x(client_id, task_id, seq) JOIN prismq.finished f ON f.client_id = x.client_id AND f.task_id = x.task_id;
  DELETE FROM prismq.task_attempts a USING unnest(client_ids, task_ids) x(client_id, task_id) WHERE a.client_id = x.client_id AND a.task_id = x.task_id;
  DELETE FROM prismq.task_messages a USING unnest(client_ids, task_ids) x(client_id, task_id) WHERE a.client_id = x.client_id AND a.task_id = x.task_id;
  DELETE FROM prismq.task_progress a USING unnest(client_ids, task_ids) x(client_id, task_id) WHERE a.client_id = x.client_id AND a.task_id = x.task_id;
  DELETE FROM prismq.task_metadata a USING unnest(client_ids, task_ids) x(client_id, task_id) WHERE a.client_id = x.client_id AND a.task_id = x.task_id;
  DELETE FROM prismq.task_sla a USING unnest(client_ids, task_ids) x(client_id, task_id) WHERE a.client_id = x.client_id AND a.task_id = x.task_id;
  DELETE FROM prismq.finished a USING unnest(client_ids, task_ids) x(client_id, task_id) WHERE a.client_id = x.client_id AND a.task_id = x.task_id;
  UPDATE prismq.tasks t SET payload = NULL, metadata = NULL, idempotency_key = NULL, purged_at_utc = now_utc FROM unnest(client_ids, task_ids) x(client_id, task_id) WHERE t.client_id = x.client_id AND t.task_id = x.task_id;
  PERFORM prismq.tell_purged(client_ids, task_ids, now_utc);
END $$;

-- A move that a client or an admin asks for.
CREATE OR REPLACE FUNCTION prismq.move_task(token text, task uuid, asked text, change jsonb, OUT verdict text, OUT status text, OUT more boolean) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin'); client text;
BEGIN
  IF NOT (asked IN ('cancel', 'requeue', 'reprioritise', 'amend') OR (asked = 'purge' AND who[1] = 'admin')) THEN RAISE EXCEPTION 'this is not for %', who[1] USING ERRCODE = '42501'; END IF;
  -- The clients of the call, of which a platform's admin has all: their policy shows no other.
  SELECT t.client_id INTO client FROM prismq.clients c JOIN prismq.tasks t ON t.client_id = c.client_id AND t.task_id = task;
  IF NOT FOUND THEN verdict := 'not_found'; RETURN; END IF;
  SELECT m.verdict, m.status, m.more INTO verdict, status, more FROM prismq.move_one(client, task, asked, CASE who[3] WHEN 'client' THEN 'client:' || client ELSE who[3] END, change) m;
END $$;

-- Many moves of one client's tasks in one transaction, in one order, so that two calls do not lock each other out.
CREATE OR REPLACE FUNCTION prismq.bulk_moves(token text, tasks uuid[], asked text, change jsonb) RETURNS TABLE (task_id uuid, verdict text, more boolean) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'client', 'admin'); client text := who[2]; m record;
BEGIN
  IF NOT (asked IN ('cancel', 'requeue', 'reprioritise') OR (asked = 'purge' AND who[1] = 'admin')) OR client = '*' OR position(',' IN client) > 0 THEN RAISE EXCEPTION 'this is not for %', who[1] USING ERRCODE = '42501'; END IF;
  FOREACH task_id IN ARRAY tasks LOOP
    more := false;
    IF asked = 'requeue' THEN
      -- A refusal undoes this one alone.
      BEGIN
        SELECT x.verdict, x.more INTO m FROM prismq.move_one(client, task_id, asked, CASE who[3] WHEN 'client' THEN 'client:' || client ELSE who[3] END, change) x;
      EXCEPTION WHEN SQLSTATE 'PQ001' THEN SELECT 'parent_ended' AS verdict, false AS more INTO m;
      END;
    ELSE
      SELECT x.verdict, x.more INTO m FROM prismq.move_one(client, task_id, asked, CASE who[3] WHEN 'client' THEN 'client:' || client ELSE who[3] END, change) x;
    END IF;
    verdict := m.verdict;
    more := m.more;
    RETURN NEXT;
  END LOOP;
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace
    AND p.proname IN ('lifecycle', 'place_of', 'leave', 'stay', 'move_one', 'purge_tasks', 'move_task', 'bulk_moves') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_engine', f);
    IF f::text ~ '(move_task|bulk_moves)\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_client, prismq_admin', f); END IF;
  END LOOP;
END $$;
