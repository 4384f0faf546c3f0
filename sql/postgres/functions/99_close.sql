-- The plans of the moves are fixed: by index and nested loop, planned once a session. Statistics of tables that fill and empty by
-- the second are wrong most of the time, and a wrong guess costs a thousandfold. What these call plans under their settings.
-- A plan that has no way but a forbidden one is priced as if it were huge: nothing is compiled for it.
DO $$
DECLARE fn regprocedure; setting text;
BEGIN
  FOR fn IN SELECT x.oid::regprocedure FROM pg_catalog.pg_proc x WHERE x.pronamespace = 'prismq'::regnamespace
    AND x.proname IN ('enqueue_batch', 'claim_batch', 'promote_due', 'active_of', 'settle_batch', 'settle_move', 'heartbeat_batch', 'move_task', 'bulk_moves', 'purge_tasks', 'lease_find', 'progress_set', 'message_add', 'dependency_step', 'lease_parents', 'tick') LOOP
    FOREACH setting IN ARRAY ARRAY['enable_seqscan = off', 'enable_mergejoin = off', 'enable_bitmapscan = off', 'plan_cache_mode = force_generic_plan', 'jit = off'] LOOP
      EXECUTE format('ALTER FUNCTION %s SET %s', fn, setting);
    END LOOP;
    -- Where few rows are looked for among many: no table is hashed for them.
    IF fn::text ~ '(claim_batch|promote_due|active_of|lease_find)\(' THEN EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = off', fn); END IF;
  END LOOP;
  -- The audit goes along its indexes: what it reads is a stretch of the end of what is kept, however much that is.
  FOR fn IN SELECT x.oid::regprocedure FROM pg_catalog.pg_proc x WHERE x.pronamespace = 'prismq'::regnamespace AND x.proname IN ('audit_number', 'audit_rows', 'audit_events', 'audit_heads', 'audit_put', 'audit_sealed_to', 'audit_seals_of', 'audit_cut') LOOP
    FOREACH setting IN ARRAY ARRAY['enable_seqscan = off', 'enable_mergejoin = off', 'enable_bitmapscan = off', 'max_parallel_workers_per_gather = 0', 'jit = off'] LOOP
      EXECUTE format('ALTER FUNCTION %s SET %s', fn, setting);
    END LOOP;
    IF fn::text ~ '(audit_rows|audit_events|audit_cut)\(' THEN EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = off', fn); END IF;
    IF fn::text ~ 'audit_number\(' THEN EXECUTE format('ALTER FUNCTION %s SET work_mem = %L', fn, '32MB'); END IF;
    -- Runs come in order: what a filter leaves of them is sorted run by run, and not all of it first.
    IF fn::text ~ 'audit_rows\(' THEN EXECUTE format('ALTER FUNCTION %s SET enable_sort = off', fn); END IF;
  END LOOP;
END $$;

-- Functions are for PUBLIC by default: these are for whom they were granted to.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA prismq FROM PUBLIC;
