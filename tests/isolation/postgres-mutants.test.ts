// Whether the attacks see: one policy, grant or line of a function is loosened at a time in a copy of the database, and some attack
// must succeed. What a second wall masks is named.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { enterArena, prepare, stateOf } from '../postgres/attacks/arena.ts';
import type { Arena, Prepared } from '../postgres/attacks/arena.ts';
import { allAttacks } from '../postgres/attacks/all.ts';
import type { NamedAttack } from '../postgres/attacks/all.ts';
import { binaries, startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';
import { PAIRS } from './postgres/pairs.ts';

interface Mutant {
  readonly name: string;
  readonly harm: string;
  /** Attacks whose name has this run first, and alone unless all are asked for. */
  readonly by: RegExp;
}

const READERS: Readonly<Record<string, readonly string[]>> = {
  client_read: [
    'tasks',
    'ready',
    'delayed',
    'leases',
    'finished',
    'lanes',
    'task_attempts',
    'task_events',
    'task_messages',
    'task_progress',
    'clients',
    'worker_grants',
  ],
  admin_read: ['tasks', 'ready', 'delayed', 'leases', 'finished', 'lanes', 'task_attempts', 'task_events', 'clients', 'worker_grants', 'api_keys', 'workers'],
};

/** A policy opened for every row. */
const opened = (table: string, policy: string, by: RegExp, command: 'USING' | 'WITH CHECK' = 'USING'): Mutant => ({
  name: `${policy} on ${table}: ${command} (true)`,
  harm: `ALTER POLICY ${policy} ON prismq.${table} ${command} (true)`,
  by,
});

/** A line of a function replaced. */
const rewritten = (fn: string, from: string, to: string, by: RegExp): Mutant => ({
  name: `${fn}: ${from} becomes ${to === '' ? 'nothing' : to}`,
  harm: `DO $do$ DECLARE body text; changed text; BEGIN SELECT pg_get_functiondef(p.oid) INTO body FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname = '${fn}';
    changed := replace(body, $from$${from}$from$, $to$${to}$to$); IF changed = body THEN RAISE EXCEPTION 'nothing to change in ${fn}'; END IF; EXECUTE changed; END $do$`,
  by,
});

const granted = (right: string, table: string, role: string, by: RegExp): Mutant => ({
  name: `${right} on ${table} is granted to ${role}`,
  harm: `GRANT ${right} ON prismq.${table} TO prismq_${role}`,
  by,
});

const KEY_FILTER = " AND (who[2] = '*' OR x.client_id = ANY (string_to_array(who[2], ',')))";
const GRANT_FILTER = " AND (who[2] = '*' OR g.client_id = ANY (string_to_array(who[2], ',')))";

export const MUTANTS: readonly Mutant[] = [
  ...Object.entries(READERS).flatMap(([policy, tables]) =>
    tables.map((table) => opened(table, policy, new RegExp(`^${policy.split('_')[0]}: SELECT from ${table} shows nothing`))),
  ),
  opened('workers', 'worker_self', /^worker: SELECT from workers shows nothing/),
  opened('worker_grants', 'worker_own', /^worker: SELECT from worker_grants shows nothing/),
  opened('ready', 'worker_read', /^worker: SELECT from ready/),
  opened('lanes', 'worker_read', /^worker: SELECT from lanes shows nothing/),
  opened('delayed', 'worker_read', /^worker: SELECT from delayed/),
  opened('tasks', 'worker_read', /^worker: SELECT from tasks shows nothing/),
  opened('capability_lanes', 'worker_read', /^worker: SELECT from (capability_lanes|ready|lanes|tasks)/),
  opened('api_keys', 'auth_add', /key_create/, 'WITH CHECK'),
  opened('worker_grants', 'engine_add', /grant_create/, 'WITH CHECK'),
  opened('worker_grants', 'engine_remove', /grant_delete/),
  rewritten('grant_delete', GRANT_FILTER, '', /grant_delete/),
  opened('clients', 'engine_read', /move_task/),
  {
    name: 'auth_change on api_keys: both parts (true)',
    harm: 'ALTER POLICY auth_change ON prismq.api_keys USING (true) WITH CHECK (true)',
    by: /key_(revoke|rotate)/,
  },
  rewritten('key_revoke', KEY_FILTER, '', /key_revoke/),
  rewritten('key_rotate', KEY_FILTER, '', /key_rotate/),
  {
    name: 'every policy of the engine is opened',
    harm: `DO $$ DECLARE p record; BEGIN FOR p IN SELECT * FROM pg_policies WHERE schemaname = 'prismq' AND policyname LIKE 'engine%' LOOP
      EXECUTE format('ALTER POLICY %I ON prismq.%I', p.policyname, p.tablename) || CASE WHEN p.qual IS NULL THEN '' ELSE ' USING (true)' END || CASE WHEN p.with_check IS NULL THEN '' ELSE ' WITH CHECK (true)' END; END LOOP; END $$`,
    by: /move_task/,
  },
  ...['tasks', 'leases', 'finished', 'task_attempts', 'delayed', 'task_events'].map((table) =>
    granted(
      'SELECT',
      table,
      table === 'delayed' || table === 'task_events' ? 'worker' : 'client',
      new RegExp(`: (SELECT.*${table}|not every column of ${table}|SELECT lease_id|SELECT request_digest)`),
    ),
  ),
  ...['tasks', 'ready', 'leases', 'finished', 'task_events', 'worker_grants', 'meta'].flatMap((table) => [
    granted('UPDATE', table, 'client', new RegExp(`^client: (blind UPDATE|LOCK) on ${table}`)),
    granted('DELETE', table, 'worker', new RegExp(`^worker: (DELETE|LOCK) on ${table}`)),
    granted('INSERT', table, 'admin', new RegExp(`^admin: INSERT.* on ${table}`)),
  ]),
  granted('SELECT', 'signing_keys', 'client', /signing_keys/),
  granted('SELECT', 'secrets', 'admin', /secrets/),
  rewritten(
    'context',
    "IF sha256(convert_to(encode(sha256(okey || sha256(ikey || convert_to(left(token, -65), 'UTF8'))), 'hex'), 'UTF8')) <> sha256(convert_to(p[8], 'UTF8')) THEN RETURN NULL; END IF;",
    '',
    /a context that is/,
  ),
  rewritten('context', 'IF p[6]::bigint < extract(epoch FROM clock_timestamp()) THEN RETURN NULL; END IF;', '', /one that has ended/),
  rewritten('context', "IF p[7] <> '0' AND p[7]::bigint <> pg_backend_pid() THEN RETURN NULL; END IF;", '', /one of another backend/),
  rewritten('context', "pg_has_role(session_user, 'prismq_admin', 'member') OR", 'true OR', /one of the platform, on this login/),
  rewritten('context', "ELSE pg_has_role(session_user, 'prismq_admin', 'member') END", 'ELSE true END', /genuine context of the system/),
  rewritten('move_task', "OR (asked = 'purge' AND who[1] = 'admin')", "OR asked = 'purge'", /purge/),
  rewritten('worker_delete', "ELSIF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501';", '', /worker_delete/),
  rewritten('workers_prune', "IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;", '', /workers_prune/),
  rewritten('client_change', "IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;", '', /client_change/),
  rewritten('category_mode', "IF who[2] <> '*' THEN RAISE EXCEPTION 'this is for the platform' USING ERRCODE = '42501'; END IF;", '', /category_mode/),
  rewritten('owns_worker', "SELECT scope = '*' OR worker IS NULL OR NOT EXISTS", 'SELECT true OR NOT EXISTS', /key_create/),
  rewritten('workers_list', "ELSE who[2] = '*' OR EXISTS", 'ELSE true OR EXISTS', /^admin: .*workers_list/),
  rewritten('workers_list', "WHEN 'worker' THEN w.worker_id = substr(who[3], 8)", "WHEN 'worker' THEN true", /^worker: .*workers_list/),
  rewritten('program_grants', "prismq.enter(token, 'system')", "prismq.enter(token, 'system', 'admin')", /program_grants/),
  rewritten('secret_of', "prismq.enter(token, 'system')", "prismq.enter(token, 'system', 'admin', 'client')", /secrets of servers/),
  { name: 'force is taken from tasks', harm: 'ALTER TABLE prismq.tasks NO FORCE ROW LEVEL SECURITY', by: /none/ },
  { name: 'row security is taken from tasks', harm: 'ALTER TABLE prismq.tasks DISABLE ROW LEVEL SECURITY', by: /SELECT from tasks/ },
  {
    name: 'the queue view shows with the rights of its owner',
    harm: 'ALTER VIEW prismq.task_queue SET (security_invoker = false); ALTER VIEW prismq.task_queue OWNER TO postgres; ALTER VIEW prismq.task_queue_open SET (security_invoker = false); ALTER VIEW prismq.task_queue_open OWNER TO postgres',
    by: /task_queue|task_queue_open/,
  },
  {
    name: 'the inbox shows with the rights of its owner',
    harm: 'ALTER VIEW prismq.worker_inbox SET (security_invoker = false); ALTER VIEW prismq.worker_inbox OWNER TO postgres',
    by: /worker_inbox/,
  },
];

/** Not seen by an attack, because a second wall holds: postgres-pairs.test.ts takes that away as well. */
const MASKED = new Set(PAIRS.map(({ mutant }) => mutant));

describe('mutants of PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server | null = null;
  let arena: Arena;
  let attacks: readonly NamedAttack[] = [];
  let prepared: Prepared;
  before(async () => {
    server = (await startServer()) as Server;
    prepared = await prepare(server);
    attacks = allAttacks(() => arena);
  });
  after(() => server?.stop());

  it('what a second wall masks is one of these', () => {
    const names = new Set(MUTANTS.map(({ name }) => name));
    assert.deepEqual(
      [...MASKED].filter((name) => !names.has(name)),
      [],
    );
  });

  for (const [i, mutant] of MUTANTS.entries())
    it(`${mutant.name} is seen`, async () => {
      const { owner } = { owner: (server as Server).urlOf('postgres') };
      await (server as Server).query(owner, `CREATE DATABASE m${i} TEMPLATE ${new URL(prepared.url).pathname.slice(1)} STRATEGY wal_log`);
      arena = await enterArena(prepared, `m${i}`);
      let seenBy: string | null = null;
      try {
        await arena.owner.query(mutant.harm);
        // Rights are part of what must not change: with the mutant they have, so the look starts from there.
        arena = { ...arena, baseline: await stateOf(arena.owner) };
        for (const { name, attack } of attacks.filter((one) => mutant.by.test(one.name) && !/control|its own/.test(one.name)))
          seenBy ??= await attack().then(
            () => null,
            () => name,
          );
      } finally {
        await arena.close();
      }
      if (MASKED.has(mutant.name)) assert.equal(seenBy, null);
      else assert.notEqual(seenBy, null, `${mutant.name}: no attack succeeded`);
    });
});
