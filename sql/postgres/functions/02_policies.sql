-- Row security: forced on every table, the owner included. One policy a role and command, USING and WITH CHECK both written.
-- `client_id IN (SELECT unnest(bound_clients()))` is hashed once a statement; the one allowed OR is `(SELECT sees_all()) OR …`, which is not
-- even asked where the context lists its clients: what it says before it is verified can only make it see less.

DO $$
DECLARE
  t text;
  mine constant text := 'client_id IN (SELECT unnest(prismq.bound_clients()))';
  any_client constant text := '((SELECT split_part(current_setting(''prismq.ctx'', true), ''|'', 4) IN ('''', ''*'') AND prismq.sees_all()) OR client_id IN (SELECT unnest(prismq.bound_clients())))';
BEGIN
  FOR t IN SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relnamespace = 'prismq'::regnamespace AND c.relkind IN ('r', 'p') LOOP
    EXECUTE format('ALTER TABLE prismq.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE prismq.%I FORCE ROW LEVEL SECURITY', t);
  END LOOP;

  -- The engine: owner of the functions that move tasks. Not free of policies: it reaches the clients of the call and no other.
  FOREACH t IN ARRAY ARRAY['tasks', 'ready', 'delayed', 'blocked', 'finished', 'lanes', 'task_attempts', 'task_events', 'task_messages', 'task_progress', 'task_metadata', 'clients', 'task_dependencies', 'ended_parents', 'priority_changes', 'task_sla'] LOOP
    EXECUTE format('CREATE POLICY engine_read ON prismq.%I FOR SELECT TO prismq_engine USING (%s)', t, any_client);
    EXECUTE format('CREATE POLICY engine_add ON prismq.%I FOR INSERT TO prismq_engine WITH CHECK (%s)', t, any_client);
    EXECUTE format('CREATE POLICY engine_change ON prismq.%I FOR UPDATE TO prismq_engine USING (%s) WITH CHECK (%s)', t, any_client, any_client);
    EXECUTE format('CREATE POLICY engine_remove ON prismq.%I FOR DELETE TO prismq_engine USING (%s)', t, any_client);
  END LOOP;
  -- OFFSET 0 keeps the check from being hashed: a set may cover many more lanes than a claim takes.
  -- A lease is also its worker's: a worker reaches its own, and takes only what its registered capability set covers.
  EXECUTE format('CREATE POLICY engine_read ON prismq.leases FOR SELECT TO prismq_engine USING (%s AND worker_id = coalesce((SELECT prismq.acting_worker()), worker_id))', any_client);
  EXECUTE format('CREATE POLICY engine_remove ON prismq.leases FOR DELETE TO prismq_engine USING (%s AND worker_id = coalesce((SELECT prismq.acting_worker()), worker_id))', any_client);
  EXECUTE format('CREATE POLICY engine_change ON prismq.leases FOR UPDATE TO prismq_engine USING (%s AND worker_id = coalesce((SELECT prismq.acting_worker()), worker_id)) WITH CHECK (%s AND worker_id = coalesce((SELECT prismq.acting_worker()), worker_id))', any_client, any_client);
  EXECUTE format('CREATE POLICY engine_add ON prismq.leases FOR INSERT TO prismq_engine WITH CHECK (%s AND worker_id = (SELECT prismq.acting_worker())
    AND EXISTS (SELECT FROM prismq.capability_lanes c WHERE c.set_id = (SELECT prismq.call_set()) AND c.client_id = leases.client_id AND c.lane_no = leases.lane_no OFFSET 0))', any_client);
  -- The book has no client of its own: grants, sets, workers and categories decide what a call may do, so the functions see all.
  FOREACH t IN ARRAY ARRAY['meta', 'capability_sets', 'capability_lanes', 'workers', 'categories', 'sql_roles'] LOOP
    EXECUTE format('CREATE POLICY engine_book ON prismq.%I FOR ALL TO prismq_engine USING (true) WITH CHECK (true)', t);
  END LOOP;
  -- Grants are read to find what a worker may do, and written inside the clients of the call only.
  EXECUTE 'CREATE POLICY engine_read ON prismq.worker_grants FOR SELECT TO prismq_engine USING (true)';
  EXECUTE format('CREATE POLICY engine_add ON prismq.worker_grants FOR INSERT TO prismq_engine WITH CHECK (%s)', any_client);
  EXECUTE format('CREATE POLICY engine_remove ON prismq.worker_grants FOR DELETE TO prismq_engine USING (%s)', any_client);
  EXECUTE 'CREATE POLICY audit_add ON prismq.security_events FOR INSERT TO prismq_audit WITH CHECK (true)';
  EXECUTE 'CREATE POLICY audit_read ON prismq.security_events FOR SELECT TO prismq_audit USING (true)';
  EXECUTE 'CREATE POLICY audit_read ON prismq.task_events FOR SELECT TO prismq_audit USING (true)';
  FOREACH t IN ARRAY ARRAY['audit_numbers', 'audit_seals', 'audit_last'] LOOP
    EXECUTE format('CREATE POLICY audit_read ON prismq.%I FOR SELECT TO prismq_audit USING (true)', t);
    EXECUTE format('CREATE POLICY audit_add ON prismq.%I FOR INSERT TO prismq_audit WITH CHECK (true)', t);
  END LOOP;
  EXECUTE 'CREATE POLICY audit_change ON prismq.audit_last FOR UPDATE TO prismq_audit USING (true) WITH CHECK (true)';
  EXECUTE 'CREATE POLICY audit_all ON prismq.audit_passed FOR ALL TO prismq_audit USING (true) WITH CHECK (true)';

  -- Time passes for every client alike: the janitor moves what is due and sees nothing else.
  EXECUTE 'CREATE POLICY janitor_due ON prismq.delayed FOR ALL TO prismq_janitor USING (run_after_utc <= (SELECT prismq.now_ms())) WITH CHECK (false)';
  EXECUTE 'CREATE POLICY janitor_add ON prismq.ready FOR INSERT TO prismq_janitor WITH CHECK (true)';
  EXECUTE 'CREATE POLICY janitor_add ON prismq.task_events FOR INSERT TO prismq_janitor WITH CHECK (event = ''retry'' AND actor = ''system'')';
  EXECUTE 'CREATE POLICY janitor_read ON prismq.tasks FOR SELECT TO prismq_janitor USING (true)';
  EXECUTE 'CREATE POLICY janitor_read ON prismq.clients FOR SELECT TO prismq_janitor USING (true)';
  EXECUTE 'CREATE POLICY janitor_read ON prismq.meta FOR SELECT TO prismq_janitor USING (key = ''draws'')';

  -- The keys: seen by nobody but their own functions.
  EXECUTE 'CREATE POLICY auth_read ON prismq.api_keys FOR SELECT TO prismq_auth USING (true)';
  EXECUTE format('CREATE POLICY auth_add ON prismq.api_keys FOR INSERT TO prismq_auth WITH CHECK (%s)', any_client);
  EXECUTE format('CREATE POLICY auth_change ON prismq.api_keys FOR UPDATE TO prismq_auth USING (%s) WITH CHECK (%s)', any_client, any_client);
  -- When a key was used is noted by whoever found it.
  EXECUTE 'CREATE POLICY auth_secrets ON prismq.secrets FOR ALL TO prismq_auth USING (true) WITH CHECK (true)';
  EXECUTE 'CREATE POLICY auth_meta ON prismq.meta FOR ALL TO prismq_auth USING (key IN (''bootstrap'', ''categories_version'')) WITH CHECK (key IN (''bootstrap'', ''categories_version''))';
  EXECUTE 'CREATE POLICY auth_signing ON prismq.signing_keys FOR SELECT TO prismq_auth USING (true)';
  EXECUTE 'CREATE POLICY auth_grants ON prismq.worker_grants FOR SELECT TO prismq_auth USING (true)';
  EXECUTE 'CREATE POLICY auth_workers ON prismq.workers FOR SELECT TO prismq_auth USING (true)';
  EXECUTE 'CREATE POLICY auth_clients ON prismq.clients FOR SELECT TO prismq_auth USING (true)';

  -- What the three classes read. None of them writes a table.
  FOREACH t IN ARRAY ARRAY['tasks', 'ready', 'delayed', 'leases', 'blocked', 'finished', 'lanes', 'task_attempts', 'task_events', 'task_messages', 'task_progress', 'clients', 'audit_numbers', 'audit_last', 'task_dependencies', 'task_sla'] LOOP
    EXECUTE format('CREATE POLICY client_read ON prismq.%I FOR SELECT TO prismq_client USING (%s)', t, mine);
    EXECUTE format('CREATE POLICY admin_read ON prismq.%I FOR SELECT TO prismq_admin USING (%s)', t, any_client);
  END LOOP;
  EXECUTE format('CREATE POLICY admin_read ON prismq.worker_grants FOR SELECT TO prismq_admin USING (%s)', any_client);
  EXECUTE format('CREATE POLICY admin_read ON prismq.api_keys FOR SELECT TO prismq_admin USING (%s)', any_client);
  EXECUTE format('CREATE POLICY admin_read ON prismq.security_events FOR SELECT TO prismq_admin USING (%s)', any_client);
  EXECUTE format('CREATE POLICY client_read ON prismq.task_metadata FOR SELECT TO prismq_client USING (%s)', mine);
  EXECUTE format('CREATE POLICY client_read ON prismq.worker_grants FOR SELECT TO prismq_client USING (%s)', mine);
  -- A worker is shown to the clients that granted it something.
  EXECUTE format('CREATE POLICY admin_read ON prismq.workers FOR SELECT TO prismq_admin USING ((SELECT prismq.sees_all()) OR worker_id IN (SELECT g.worker_id FROM prismq.worker_grants g WHERE %s))', replace(mine, 'client_id', 'g.client_id'));
  FOREACH t IN ARRAY ARRAY['prismq_client', 'prismq_admin', 'prismq_worker'] LOOP
    EXECUTE format('CREATE POLICY %I ON prismq.categories FOR SELECT TO %I USING (true)', t || '_read', t);
    EXECUTE format('CREATE POLICY %I ON prismq.meta FOR SELECT TO %I USING (key IN (''categories_version'', ''category_mode''))', t || '_read', t);
  END LOOP;

  -- The worker's inbox: what its set covers and is queued. No payload column is granted.
  EXECUTE 'CREATE POLICY worker_read ON prismq.capability_lanes FOR SELECT TO prismq_worker USING (set_id = (SELECT prismq.acting_set()))';
  FOREACH t IN ARRAY ARRAY['ready', 'lanes'] LOOP
    EXECUTE format('CREATE POLICY worker_read ON prismq.%I FOR SELECT TO prismq_worker USING ((client_id, lane_no) IN (SELECT c.client_id, c.lane_no FROM prismq.capability_lanes c))', t);
  END LOOP;
  EXECUTE 'CREATE POLICY worker_read ON prismq.delayed FOR SELECT TO prismq_worker USING (state = ''queued'' AND (client_id, lane_no) IN (SELECT c.client_id, c.lane_no FROM prismq.capability_lanes c))';
  EXECUTE 'CREATE POLICY worker_read ON prismq.tasks FOR SELECT TO prismq_worker USING (
    EXISTS (SELECT FROM prismq.ready r WHERE r.client_id = tasks.client_id AND r.priority = tasks.effective_priority AND r.task_id = tasks.task_id)
    OR EXISTS (SELECT FROM prismq.delayed d WHERE d.client_id = tasks.client_id AND d.task_id = tasks.task_id))';
  EXECUTE 'CREATE POLICY worker_self ON prismq.workers FOR SELECT TO prismq_worker USING (worker_id = (SELECT prismq.acting_worker()))';
  EXECUTE 'CREATE POLICY worker_own ON prismq.worker_grants FOR SELECT TO prismq_worker USING (worker_id = (SELECT prismq.acting_worker()))';
END $$;

-- The rights of each role on tables and columns. Everything is taken first.
REVOKE ALL ON ALL TABLES IN SCHEMA prismq FROM PUBLIC, prismq_engine, prismq_auth, prismq_audit, prismq_janitor, prismq_client, prismq_worker, prismq_admin;

GRANT SELECT, UPDATE, DELETE ON prismq.delayed TO prismq_janitor;
GRANT INSERT ON prismq.ready, prismq.task_events TO prismq_janitor;
GRANT SELECT (client_id, task_id, effective_priority) ON prismq.tasks TO prismq_janitor;
GRANT SELECT (client_id, draw_floor) ON prismq.clients TO prismq_janitor;
GRANT SELECT ON prismq.meta TO prismq_janitor;
GRANT SELECT, INSERT, UPDATE ON prismq.tasks, prismq.clients TO prismq_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON prismq.ready, prismq.delayed, prismq.leases, prismq.blocked, prismq.finished, prismq.task_attempts, prismq.task_messages,
  prismq.task_progress, prismq.task_metadata, prismq.capability_lanes, prismq.capability_sets, prismq.workers, prismq.worker_grants, prismq.categories, prismq.meta, prismq.sql_roles TO prismq_engine;
GRANT SELECT, INSERT ON prismq.lanes, prismq.task_events TO prismq_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON prismq.task_dependencies, prismq.ended_parents, prismq.priority_changes, prismq.task_sla TO prismq_engine;
GRANT SELECT (client_id, task_id, due_at_utc, state, next_utc) ON prismq.task_sla TO prismq_client, prismq_admin;
GRANT SELECT (client_id, parent_id, task_id, position, policy, state, priority) ON prismq.task_dependencies TO prismq_client, prismq_admin;
GRANT SELECT, INSERT ON prismq.security_events, prismq.audit_numbers, prismq.audit_seals TO prismq_audit;
GRANT SELECT, INSERT, UPDATE ON prismq.audit_last TO prismq_audit;
GRANT SELECT ON prismq.task_events TO prismq_audit;
GRANT SELECT, UPDATE ON prismq.audit_passed TO prismq_audit;
GRANT SELECT, INSERT, UPDATE ON prismq.api_keys, prismq.meta TO prismq_auth;
GRANT SELECT, INSERT ON prismq.secrets TO prismq_auth;
GRANT SELECT ON prismq.signing_keys, prismq.worker_grants, prismq.workers, prismq.clients TO prismq_auth;

-- Column by column: the right to a whole table shows its system columns too, and those count the transactions and the pages of all.
GRANT SELECT (client_id, task_id, priority, lane_no, attempt, claims, releases, losses, events, draw, awaited, due_at_utc, expires_at_utc) ON prismq.ready TO prismq_client, prismq_admin;
GRANT SELECT (client_id, task_id, lane_no, state, run_after_utc, attempt, claims, releases, losses, events, awaited, due_at_utc, expires_at_utc) ON prismq.delayed TO prismq_client, prismq_admin;
GRANT SELECT (client_id, task_id, lane_no, claims, waiting, awaited, events, due_at_utc, expires_at_utc) ON prismq.blocked TO prismq_client, prismq_admin;
GRANT SELECT (client_id, lane_no, type, compatibility, region, limit_key) ON prismq.lanes TO prismq_client, prismq_admin;
GRANT SELECT (client_id, task_id, seq, attempt, at_utc, event, from_status, to_status, actor, details) ON prismq.task_events TO prismq_client, prismq_admin;
GRANT SELECT (client_id, task_id, message_id, at_utc, attempt, message, details) ON prismq.task_messages TO prismq_client;
GRANT SELECT (client_id, task_id, at_utc, value) ON prismq.task_progress TO prismq_client;
GRANT SELECT (client_id, key, value, task_id) ON prismq.task_metadata TO prismq_client;
GRANT SELECT (client_id, status, weight, created_at_utc, draw_floor, limited, quota_tasks, quota_bytes) ON prismq.clients TO prismq_client, prismq_admin;
GRANT SELECT (pattern, priority, max_attempts, max_run_ms, backoff, schema, max_wait_ms, version) ON prismq.categories TO prismq_client, prismq_admin;
GRANT SELECT (key, value) ON prismq.meta TO prismq_client, prismq_admin;
GRANT SELECT (chain, client_id, last_no, n, task_ids, seqs) ON prismq.audit_numbers TO prismq_client, prismq_admin;
GRANT SELECT (chain, client_id, no) ON prismq.audit_last TO prismq_client, prismq_admin;
-- An admin of the platform reads everything but contents.
GRANT SELECT (worker_id, set_id, capabilities, strategy, fairness, status, versions, registered_at_utc, heartbeat_utc) ON prismq.workers TO prismq_admin;
GRANT SELECT (grant_id, worker_id, client_id, pattern, attributes, of_program, created_at_utc) ON prismq.worker_grants TO prismq_admin;
GRANT SELECT (event_id, at_utc, actor, action, client_id, object, outcome, details) ON prismq.security_events TO prismq_admin;
GRANT SELECT (client_id, task_id, lane_no, generation, priority, effective_priority, max_attempts, max_run_ms, run_after_utc, created_at_utc, due_at_utc, expires_at_utc, amended_at_utc, purged_at_utc,
  format, created_by, traceparent, parent_task_id) ON prismq.tasks TO prismq_client, prismq_admin;
GRANT SELECT (payload, idempotency_key, metadata) ON prismq.tasks TO prismq_client;
GRANT SELECT (client_id, task_id, lane_no, worker_id, reserved_at_utc, lease_until_utc, attempt, claims, releases, losses, due_at_utc, expires_at_utc) ON prismq.leases TO prismq_client, prismq_admin;
GRANT SELECT (client_id, task_id, lane_no, status, finished_at_utc, attempt, claims, releases, reserved_at_utc, processing_started_utc, run_ms, worker_id, reason) ON prismq.finished TO prismq_client, prismq_admin;
GRANT SELECT (result) ON prismq.finished TO prismq_client;
GRANT SELECT (client_id, task_id, claims, attempt, worker_id, outcome, ended_at_utc, error_kind) ON prismq.task_attempts TO prismq_client, prismq_admin;
GRANT SELECT (error_message, error_stack) ON prismq.task_attempts TO prismq_client;
GRANT SELECT (worker_id, client_id) ON prismq.worker_grants TO prismq_client;
GRANT SELECT (key_id, role, client_id, worker_id, name, created_at_utc, revoked_at_utc, expires_at_utc, scopes, created_by, last_used_at_utc, rotated_from) ON prismq.api_keys TO prismq_admin;
GRANT SELECT (set_id, client_id, lane_no) ON prismq.capability_lanes TO prismq_worker;
GRANT SELECT (client_id, task_id, lane_no, priority, attempt) ON prismq.ready TO prismq_worker;
GRANT SELECT (client_id, task_id, lane_no, state, run_after_utc, attempt) ON prismq.delayed TO prismq_worker;
GRANT SELECT (client_id, lane_no, type, compatibility) ON prismq.lanes TO prismq_worker;
GRANT SELECT (client_id, task_id, effective_priority, run_after_utc) ON prismq.tasks TO prismq_worker;
GRANT SELECT (worker_id, capabilities, strategy, status) ON prismq.workers TO prismq_worker;
GRANT SELECT (grant_id, worker_id, client_id, pattern, attributes, created_at_utc) ON prismq.worker_grants TO prismq_worker;
GRANT SELECT (pattern, priority, max_attempts, max_run_ms, backoff, schema, max_wait_ms, version) ON prismq.categories TO prismq_worker;
GRANT SELECT (key, value) ON prismq.meta TO prismq_worker;
