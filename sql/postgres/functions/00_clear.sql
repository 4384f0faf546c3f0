-- Views, policies and functions are made anew at every migration; tables are not touched.
SET LOCAL check_function_bodies = off;
DROP VIEW IF EXISTS prismq.task_queue, prismq.task_queue_open, prismq.task_logs, prismq.worker_inbox, prismq.audit_places;
DO $$
DECLARE p record; f regprocedure;
BEGIN
  FOR p IN SELECT tablename, policyname FROM pg_catalog.pg_policies WHERE schemaname = 'prismq' LOOP
    EXECUTE format('DROP POLICY %I ON prismq.%I', p.policyname, p.tablename);
  END LOOP;
  FOR f IN SELECT x.oid::regprocedure FROM pg_catalog.pg_proc x WHERE x.pronamespace = 'prismq'::regnamespace AND x.prorettype <> 'trigger'::regtype LOOP
    EXECUTE format('DROP FUNCTION %s', f);
  END LOOP;
END $$;
