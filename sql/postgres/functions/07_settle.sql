-- How an attempt ends: complete, fail, release by its holder, expire by the janitor. Ends are matched once against the current
-- leases, which the match takes away; what did not match changes nothing.

CREATE OR REPLACE FUNCTION prismq.backoff_ms(policy jsonb, attempt integer, uniform double precision) RETURNS bigint LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN (policy->>'initialMs')::double precision = 0 THEN 0 ELSE
  greatest(0, floor(least((policy->>'initialMs')::double precision * (policy->>'multiplier')::double precision ^ greatest(0, attempt - 1), (policy->>'maxMs')::double precision)
    * (1 + (policy->>'jitter')::double precision * (2 * uniform - 1)) + 0.5))::bigint END $$;

-- The back-off of the most specific category that names one.
CREATE OR REPLACE FUNCTION prismq.backoff_of(of_type text, otherwise jsonb) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce((SELECT c.backoff::jsonb FROM prismq.categories c WHERE c.backoff IS NOT NULL AND prismq.pattern_matches(c.pattern, of_type)
  ORDER BY CASE WHEN c.pattern = '*' THEN 0 WHEN right(c.pattern, 2) = '.*' THEN length(c.pattern) ELSE 1000 + length(c.pattern) END DESC LIMIT 1), otherwise) $$;

-- Everything after the match, for rows that left `leases`: where each goes, its attempt and its audit. How many were buried.
CREATE OR REPLACE FUNCTION prismq.settle_move(hits jsonb, actor text, now_utc bigint, backoff jsonb) RETURNS integer LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE drawing boolean := prismq.draws(); buried integer;
BEGIN
  WITH h AS MATERIALIZED (
    SELECT x.*, t.effective_priority,
      CASE WHEN x.op NOT IN ('fail', 'expire') THEN NULL WHEN x.final THEN 'fatal' WHEN x.attempt >= t.max_attempts THEN 'exhausted' WHEN x.op = 'expire' AND x.losses >= 3 THEN 'worker_lost' END AS dead,
      now_utc + CASE x.op WHEN 'expire' THEN 0 WHEN 'fail' THEN coalesce(x.delay_ms, prismq.backoff_ms(prismq.backoff_of(n.type, backoff), x.attempt, x.uniform)) ELSE coalesce(x.delay_ms, 0) END AS run_after_utc
    FROM jsonb_to_recordset(hits) x(client_id text, task_id uuid, lane_no integer, worker_id text, lease_id uuid, reserved_at_utc bigint, attempt integer, claims integer, releases integer, losses integer, events integer,
      due_at_utc bigint, expires_at_utc bigint, op text, result text, error_kind text, error_message text, error_stack text, final boolean, delay_ms bigint, started_after_ms bigint, run_ms bigint, uniform double precision, awaited boolean)
    JOIN prismq.tasks t ON t.client_id = x.client_id AND t.task_id = x.task_id
    CROSS JOIN LATERAL (SELECT y.type FROM prismq.lanes y WHERE y.client_id = x.client_id AND y.lane_no = x.lane_no OFFSET 0) n
  ), completed AS (
    INSERT INTO prismq.finished (client_id, task_id, lane_no, status, finished_at_utc, attempt, claims, releases, events, reserved_at_utc, processing_started_utc, run_ms, lease_id, worker_id, reason, result)
    SELECT h.client_id, h.task_id, h.lane_no, CASE h.op WHEN 'complete' THEN 'completed' ELSE 'dead_letter' END, now_utc, h.attempt, h.claims, h.releases, h.events + CASE h.op WHEN 'complete' THEN 1 ELSE 2 END,
      h.reserved_at_utc, least(now_utc, h.reserved_at_utc + coalesce(h.started_after_ms, 0)), h.run_ms, h.lease_id, h.worker_id, h.dead, h.result
    FROM h WHERE h.op = 'complete' OR h.dead IS NOT NULL
  ), tried AS (
    INSERT INTO prismq.task_attempts (client_id, task_id, claims, attempt, worker_id, lease_id, outcome, ended_at_utc, error_kind, error_message, error_stack)
    SELECT h.client_id, h.task_id, h.claims, h.attempt, h.worker_id, h.lease_id, h.op, now_utc, h.error_kind, h.error_message, h.error_stack FROM h WHERE h.op <> 'complete'
  ), retried AS (
    INSERT INTO prismq.delayed (client_id, task_id, lane_no, state, run_after_utc, attempt, claims, releases, losses, events, due_at_utc, expires_at_utc, awaited)
    SELECT h.client_id, h.task_id, h.lane_no, CASE h.op WHEN 'release' THEN 'queued' ELSE 'failed' END, h.run_after_utc, CASE h.op WHEN 'release' THEN h.attempt - 1 ELSE h.attempt END, h.claims,
      CASE h.op WHEN 'release' THEN h.releases + 1 ELSE h.releases END, CASE h.op WHEN 'fail' THEN 0 ELSE h.losses END, h.events + 1, h.due_at_utc, h.expires_at_utc, h.awaited
    FROM h WHERE (h.op IN ('fail', 'expire') AND h.dead IS NULL) OR (h.op = 'release' AND h.run_after_utc > now_utc)
  ), handed_back AS (
    INSERT INTO prismq.ready (client_id, priority, task_id, lane_no, attempt, claims, releases, losses, events, draw, due_at_utc, expires_at_utc, awaited)
    SELECT h.client_id, h.effective_priority, h.task_id, h.lane_no, h.attempt - 1, h.claims, h.releases + 1, h.losses, h.events + 1,
      CASE WHEN drawing THEN prismq.draw(h.client_id, h.effective_priority) ELSE 0 END, h.due_at_utc, h.expires_at_utc, h.awaited
    FROM h WHERE h.op = 'release' AND h.run_after_utc <= now_utc
  ), told AS (
    INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt, details)
    SELECT h.client_id, h.task_id, h.events + 1, now_utc, h.op, 'leased', CASE h.op WHEN 'complete' THEN 'completed' WHEN 'release' THEN 'queued' ELSE 'failed' END, actor, h.attempt,
      CASE WHEN h.op IN ('fail', 'expire') THEN json_build_object('kind', h.error_kind, 'run_after_utc', CASE WHEN h.dead IS NULL THEN h.run_after_utc END)::text END
    FROM h
    UNION ALL
    SELECT h.client_id, h.task_id, h.events + 2, now_utc, 'bury', 'failed', 'dead_letter', 'system', h.attempt, json_build_object('reason', h.dead)::text FROM h WHERE h.dead IS NOT NULL
  )
  SELECT count(*) FILTER (WHERE h.dead IS NOT NULL) INTO buried FROM h;
  RETURN buried;
END $$;

-- Settles the ends of one worker: one row an item, or one without `i` when all of several are completed. Null: the lease is lost. The caller names a lease at most once.
CREATE OR REPLACE FUNCTION prismq.settle_batch(token text, most_releases integer, backoff jsonb, client_ids text[], task_ids uuid[], lease_ids uuid[], ops text[], results text[], starts bigint[], runs bigint[],
  kinds text[], messages text[], stacks text[], finals boolean[], delays bigint[], uniforms double precision[])
RETURNS TABLE (i integer, status text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  who text[] := prismq.enter(token, 'worker');
  worker text := substr(who[3], 8);
  now_utc bigint := prismq.now_ms();
  done integer[];
  waited boolean;
  hits jsonb;
BEGIN
  IF array_position(ops, 'fail') IS NULL AND array_position(ops, 'release') IS NULL THEN
    WITH h AS (
      DELETE FROM prismq.leases l USING unnest(client_ids, task_ids, lease_ids, results, starts, runs) WITH ORDINALITY e(client_id, task_id, lease_id, result, started_after_ms, run_ms, o)
      WHERE l.client_id = e.client_id AND l.task_id = e.task_id AND l.lease_id = e.lease_id AND l.worker_id = worker AND l.lease_until_utc > now_utc
      RETURNING e.o, e.result, e.started_after_ms, e.run_ms, l.client_id, l.task_id, l.lane_no, l.attempt, l.claims, l.releases, l.events, l.reserved_at_utc, l.lease_id, l.awaited
    ), completed AS (
      INSERT INTO prismq.finished (client_id, task_id, lane_no, status, finished_at_utc, attempt, claims, releases, events, reserved_at_utc, processing_started_utc, run_ms, lease_id, worker_id, result)
      SELECT h.client_id, h.task_id, h.lane_no, 'completed', now_utc, h.attempt, h.claims, h.releases, h.events + 1, h.reserved_at_utc, least(now_utc, h.reserved_at_utc + coalesce(h.started_after_ms, 0)), h.run_ms, h.lease_id, worker, h.result FROM h
    ), told AS (
      INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor, attempt)
      SELECT h.client_id, h.task_id, h.events + 1, now_utc, 'complete', 'leased', 'completed', who[3], h.attempt FROM h
    )
    SELECT array_agg(h.o::integer), bool_or(h.awaited) INTO done, waited FROM h;
    IF waited THEN RETURN QUERY SELECT -1, CASE WHEN prismq.tell_ended(client_ids, task_ids, done, now_utc) THEN 'more' ELSE 'told' END; END IF;
    IF cardinality(done) = cardinality(ops) THEN
      IF cardinality(ops) = 1 THEN RETURN QUERY SELECT 0, 'completed'; ELSE RETURN QUERY SELECT NULL::integer, 'completed'; END IF;
      RETURN;
    END IF;
    RETURN QUERY SELECT x.o - 1, 'completed' FROM unnest(done) x(o);
  ELSE
    WITH h AS (
      DELETE FROM prismq.leases l USING unnest(client_ids, task_ids, lease_ids, ops, results, starts, runs, kinds, messages, stacks, finals, delays, uniforms) WITH ORDINALITY
        e(client_id, task_id, lease_id, op, result, started_after_ms, run_ms, error_kind, error_message, error_stack, final, delay_ms, uniform, o)
      WHERE l.client_id = e.client_id AND l.task_id = e.task_id AND l.lease_id = e.lease_id AND l.worker_id = worker AND l.lease_until_utc > now_utc AND (e.op <> 'release' OR l.releases < most_releases)
      RETURNING l.*, e.o, e.op, e.result, e.started_after_ms, e.run_ms, e.error_kind, e.error_message, e.error_stack, e.final, e.delay_ms, e.uniform
    )
    SELECT array_agg(h.o::integer), jsonb_agg(to_jsonb(h)) INTO done, hits FROM h;
    IF done IS NOT NULL THEN
      PERFORM prismq.settle_move(hits, who[3], now_utc, backoff);
      IF jsonb_path_exists(hits, '$[*] ? (@.awaited == true)') THEN
        RETURN QUERY SELECT -1, CASE WHEN prismq.tell_ended(client_ids, task_ids, done, now_utc) THEN 'more' ELSE 'told' END;
      END IF;
      RETURN QUERY SELECT d.o - 1, CASE ops[d.o] WHEN 'complete' THEN 'completed' WHEN 'release' THEN 'queued'
          ELSE CASE WHEN EXISTS (SELECT FROM prismq.finished f WHERE f.client_id = client_ids[d.o] AND f.task_id = task_ids[d.o]) THEN 'dead_letter' ELSE 'failed' END END
        FROM unnest(done) d(o);
    END IF;
  END IF;
  -- What did not match is the same end again, or lost.
  RETURN QUERY
  SELECT e.o::integer - 1,
    CASE
      WHEN e.op = 'complete' AND f.status = 'completed' AND f.lease_id = e.lease_id AND f.worker_id = worker AND f.result IS NOT DISTINCT FROM e.result THEN 'completed'
      WHEN a.outcome = e.op AND a.worker_id = worker AND a.error_message IS NOT DISTINCT FROM e.error_message THEN
        CASE e.op WHEN 'release' THEN 'queued' ELSE CASE WHEN f.status = 'dead_letter' AND f.lease_id = e.lease_id THEN 'dead_letter' ELSE 'failed' END END
      WHEN e.op = 'release' AND l.lease_id = e.lease_id AND l.worker_id = worker AND l.lease_until_utc > now_utc THEN 'exhausted'
    END
  FROM unnest(client_ids, task_ids, lease_ids, ops, results, messages) WITH ORDINALITY e(client_id, task_id, lease_id, op, result, error_message, o)
  LEFT JOIN prismq.finished f ON f.client_id = e.client_id AND f.task_id = e.task_id
  LEFT JOIN prismq.leases l ON l.client_id = e.client_id AND l.task_id = e.task_id
  LEFT JOIN prismq.task_attempts a ON a.client_id = e.client_id AND a.task_id = e.task_id AND a.lease_id = e.lease_id
  WHERE done IS NULL OR e.o <> ALL (done);
END $$;

-- Lapsed leases end as failed attempts; three in a row bury the task.
CREATE OR REPLACE FUNCTION prismq.expire_leases(most integer, backoff jsonb, OUT expired integer, OUT buried integer) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE now_utc bigint := prismq.now_ms(); hits jsonb;
BEGIN
  WITH due AS MATERIALIZED (
    SELECT l.client_id, l.task_id FROM prismq.leases l WHERE l.lease_until_utc <= now_utc LIMIT most FOR UPDATE SKIP LOCKED
  ), h AS (
    DELETE FROM prismq.leases l USING due d WHERE l.client_id = d.client_id AND l.task_id = d.task_id RETURNING l.*
  )
  SELECT jsonb_agg(to_jsonb(h) || jsonb_build_object('op', 'expire', 'losses', h.losses + 1, 'error_kind', 'lease_expired', 'error_message', 'the lease lapsed: the worker stopped answering')) INTO hits FROM h;
  expired := coalesce(jsonb_array_length(hits), 0);
  buried := CASE WHEN expired = 0 THEN 0 ELSE prismq.settle_move(hits, 'system', now_utc, backoff) END;
  IF buried > 0 THEN PERFORM prismq.note_ended(array_agg(x.client_id), array_agg(x.task_id)) FROM jsonb_to_recordset(hits) x(client_id text, task_id uuid, awaited boolean) WHERE x.awaited; END IF;
END $$;

-- Extends the named leases, or with nulls all that the worker holds: never past max_run_ms after the claim, and never back.
CREATE OR REPLACE FUNCTION prismq.heartbeat_batch(token text, lease_ms bigint, client_ids text[], task_ids uuid[], lease_ids uuid[])
RETURNS TABLE (i integer, task_id uuid, verdict text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  who text[] := prismq.enter(token, 'worker');
  worker text := substr(who[3], 8);
  now_utc bigint := prismq.now_ms();
BEGIN
  lease_ms := least(greatest(lease_ms, 1), 3600000);
  IF client_ids IS NULL THEN
    RETURN QUERY
    WITH held AS MATERIALIZED (
      SELECT l.client_id, l.task_id, l.reserved_at_utc + t.max_run_ms AS run_until FROM prismq.leases l JOIN prismq.tasks t ON t.client_id = l.client_id AND t.task_id = l.task_id
      WHERE l.worker_id = worker AND l.lease_until_utc > now_utc
    ), extended AS (
      UPDATE prismq.leases l SET lease_until_utc = greatest(l.lease_until_utc, least(now_utc + lease_ms, h.run_until)) FROM held h
      WHERE l.client_id = h.client_id AND l.task_id = h.task_id AND l.worker_id = worker AND h.run_until > now_utc
    )
    SELECT 0, h.task_id, CASE WHEN h.run_until > now_utc THEN 'extended' ELSE 'timed_out' END FROM held h;
    RETURN;
  END IF;
  RETURN QUERY
  WITH asked AS MATERIALIZED (
    SELECT e.o::integer - 1 AS i, e.task_id, e.client_id, e.lease_id, l.reserved_at_utc + t.max_run_ms AS run_until
    FROM unnest(client_ids, task_ids, lease_ids) WITH ORDINALITY e(client_id, task_id, lease_id, o)
    LEFT JOIN prismq.leases l ON l.client_id = e.client_id AND l.task_id = e.task_id AND l.lease_id = e.lease_id AND l.worker_id = worker AND l.lease_until_utc > now_utc
    LEFT JOIN prismq.tasks t ON t.client_id = l.client_id AND t.task_id = l.task_id
  ), extended AS (
    UPDATE prismq.leases l SET lease_until_utc = greatest(l.lease_until_utc, least(now_utc + lease_ms, a.run_until)) FROM asked a
    WHERE l.client_id = a.client_id AND l.task_id = a.task_id AND l.lease_id = a.lease_id AND l.worker_id = worker AND a.run_until > now_utc AND l.lease_until_utc > now_utc
    RETURNING a.i
  )
  SELECT a.i, a.task_id, CASE WHEN a.run_until <= now_utc THEN 'timed_out' WHEN x.i IS NOT NULL THEN 'extended'
    WHEN EXISTS (SELECT FROM prismq.finished f WHERE f.client_id = a.client_id AND f.task_id = a.task_id AND f.status = 'cancelled' AND f.lease_id = a.lease_id AND f.worker_id = worker) THEN 'cancelled' ELSE 'lost' END
  FROM asked a LEFT JOIN extended x ON x.i = a.i ORDER BY a.i;
END $$;

-- What a handler writes while it holds its lease, and whose task it is. Nothing without the current lease.
CREATE OR REPLACE FUNCTION prismq.lease_find(token text, client text, task uuid, lease uuid) RETURNS TABLE (created_by text, traceparent text, priority integer, due_at_utc bigint) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'worker');
BEGIN
  RETURN QUERY SELECT t.created_by, t.traceparent, t.effective_priority, t.due_at_utc FROM prismq.leases l JOIN prismq.tasks t ON t.client_id = l.client_id AND t.task_id = l.task_id
  WHERE l.client_id = client AND l.task_id = task AND l.lease_id = lease AND l.worker_id = substr(who[3], 8) AND l.lease_until_utc > prismq.now_ms();
END $$;

CREATE OR REPLACE FUNCTION prismq.progress_set(token text, client text, task uuid, lease uuid, said text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'worker'); now_utc bigint := prismq.now_ms();
BEGIN
  INSERT INTO prismq.task_progress (client_id, task_id, at_utc, value)
  SELECT l.client_id, l.task_id, now_utc, said FROM prismq.leases l
  WHERE l.client_id = client AND l.task_id = task AND l.lease_id = lease AND l.worker_id = substr(who[3], 8) AND l.lease_until_utc > now_utc
  ON CONFLICT (client_id, task_id) DO UPDATE SET at_utc = excluded.at_utc, value = excluded.value;
  RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION prismq.message_add(token text, client text, task uuid, lease uuid, said text, more text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who text[] := prismq.enter(token, 'worker'); now_utc bigint := prismq.now_ms();
BEGIN
  INSERT INTO prismq.task_messages (client_id, task_id, at_utc, attempt, message, details)
  SELECT l.client_id, l.task_id, now_utc, l.attempt, said, more FROM prismq.leases l
  WHERE l.client_id = client AND l.task_id = task AND l.lease_id = lease AND l.worker_id = substr(who[3], 8) AND l.lease_until_utc > now_utc;
  RETURN FOUND;
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace
    AND p.proname IN ('backoff_ms', 'backoff_of', 'settle_move', 'settle_batch', 'expire_leases', 'heartbeat_batch', 'lease_find', 'progress_set', 'message_add') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO prismq_engine', f);
    IF f::text ~ '(settle_batch|heartbeat_batch|lease_find|progress_set|message_add)\(' THEN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO prismq_worker', f); END IF;
  END LOOP;
END $$;
