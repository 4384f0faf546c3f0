// Mutants of PostgreSQL that no attack sees, with the wall that hides each: both are taken away together.

export interface Pair {
  /** As the list of mutants names it. */
  readonly mutant: string;
  readonly hiddenBy: string;
  /** Takes both away. */
  readonly harm: string;
  /** Attacks of the suites whose name has this, or one of its own. */
  readonly by: RegExp;
  readonly own?: { readonly login: 'client' | 'worker' | 'admin'; readonly sql: string };
}

const rewritten = (fn: string, from: string, to: string): string =>
  `DO $do$ DECLARE body text; changed text; BEGIN SELECT pg_get_functiondef(p.oid) INTO body FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname = '${fn}';
    changed := replace(body, $from$${from}$from$, $to$${to}$to$); IF changed = body THEN RAISE EXCEPTION 'nothing to change in ${fn}'; END IF; EXECUTE changed; END $do$`;

const ONLY_PLATFORM = "IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;";

const KEY_FILTER = " AND (who[2] = '*' OR x.client_id = ANY (string_to_array(who[2], ',')))";

const GRANT_FILTER = " AND (who[2] = '*' OR g.client_id = ANY (string_to_array(who[2], ',')))";

export const PAIRS: readonly Pair[] = [
  {
    mutant: 'force is taken from tasks',
    hiddenBy: 'nobody acts as the owner of the table: views and functions belong to roles that policies bind',
    harm: `DO $$ DECLARE t text; BEGIN FOR t IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'prismq'::regnamespace AND c.relkind = 'r' LOOP EXECUTE format('ALTER TABLE prismq.%I NO FORCE ROW LEVEL SECURITY', t); END LOOP; END $$;
      DO $$ BEGIN EXECUTE format('ALTER VIEW prismq.task_queue_open SET (security_invoker = false); ALTER VIEW prismq.task_queue_open OWNER TO %1$I; ALTER VIEW prismq.task_queue SET (security_invoker = false); ALTER VIEW prismq.task_queue OWNER TO %1$I',
        (SELECT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = 'prismq.tasks'::regclass)); END $$`,
    by: /task_queue/,
  },
  {
    mutant: 'engine_read on clients: USING (true)',
    hiddenBy: 'what the engine then does to rows of a client is bound by the policies of those rows',
    harm: `DO $$ DECLARE p record; BEGIN FOR p IN SELECT * FROM pg_policies WHERE schemaname = 'prismq' AND policyname LIKE 'engine%' LOOP
      EXECUTE format('ALTER POLICY %I ON prismq.%I', p.policyname, p.tablename) || CASE WHEN p.qual IS NULL THEN '' ELSE ' USING (true)' END || CASE WHEN p.with_check IS NULL THEN '' ELSE ' WITH CHECK (true)' END; END LOOP; END $$`,
    by: /move_task/,
  },
  {
    mutant: "program_grants: prismq.enter(token, 'system') becomes prismq.enter(token, 'system', 'admin')",
    hiddenBy: 'the policy on grants: what an admin of a client adds is of its client',
    harm: `${rewritten('program_grants', "prismq.enter(token, 'system')", "prismq.enter(token, 'system', 'admin')")}; ALTER POLICY engine_add ON prismq.worker_grants WITH CHECK (true); ALTER POLICY engine_remove ON prismq.worker_grants USING (true)`,
    by: /program_grants/,
    own: { login: 'admin', sql: `SELECT prismq.program_grants('{token}', 'w-b', '[{"grant_id":"g","client_id":"b","pattern":"*","attributes":"{}"}]')` },
  },
  ...[
    { mutant: 'auth_change on api_keys: both parts (true)', hiddenBy: 'the filters of key_revoke and key_rotate themselves', by: /key_(revoke|rotate)/ },
    { mutant: `key_revoke: ${KEY_FILTER} becomes nothing`, hiddenBy: 'the policy on keys: only those of the client are found', by: /key_revoke/ },
    { mutant: `key_rotate: ${KEY_FILTER} becomes nothing`, hiddenBy: 'the policies on keys: only those of the client are found, or made', by: /key_rotate/ },
  ].map((pair) => ({
    ...pair,
    harm: `ALTER POLICY auth_change ON prismq.api_keys USING (true) WITH CHECK (true); ALTER POLICY auth_add ON prismq.api_keys WITH CHECK (true);
      ${rewritten('key_revoke', KEY_FILTER, '')}; ${rewritten('key_rotate', KEY_FILTER, '')}`,
  })),
  ...[
    { mutant: 'engine_remove on worker_grants: USING (true)', hiddenBy: 'the filter of grant_delete itself' },
    { mutant: `grant_delete: ${GRANT_FILTER} becomes nothing`, hiddenBy: 'the policy on grants: only those of the client are removed' },
  ].map((pair) => ({
    ...pair,
    harm: `ALTER POLICY engine_remove ON prismq.worker_grants USING (true); ${rewritten('grant_delete', GRANT_FILTER, '')}`,
    by: /grant_delete/,
  })),
  {
    mutant: `client_change: ${ONLY_PLATFORM} becomes nothing`,
    hiddenBy: 'the policy on clients: an admin of a client changes no row of another',
    harm: `${rewritten('client_change', ONLY_PLATFORM, '')}; DO $$ DECLARE p record; BEGIN FOR p IN SELECT * FROM pg_policies WHERE schemaname = 'prismq' AND tablename = 'clients' AND policyname LIKE 'engine%' LOOP
      EXECUTE format('ALTER POLICY %I ON prismq.clients', p.policyname) || CASE WHEN p.qual IS NULL THEN '' ELSE ' USING (true)' END || CASE WHEN p.with_check IS NULL THEN '' ELSE ' WITH CHECK (true)' END; END LOOP; END $$`,
    by: /client_change/,
    own: { login: 'admin', sql: `SELECT prismq.client_change('{token}', 'b', 'suspended', NULL)` },
  },
];

export const MASKED_BY: Readonly<Record<string, string>> = Object.fromEntries(PAIRS.map(({ mutant, hiddenBy }) => [mutant, hiddenBy]));
