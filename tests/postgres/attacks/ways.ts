// Ways around: other rights, other names, other contexts, other kinds of statement. Each with what shows that the way itself is open.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { Acting } from '../../../src/store/postgres/context.ts';
import type { Arena, Login, Register } from './arena.ts';
import { ACTING, as, holds, refused, works } from './arena.ts';

const READ = 'SELECT client_id, task_id, payload FROM prismq.tasks';
const OPEN = 'SELECT client_id, task_id, created_by FROM prismq.tasks';

/** Other roles and settings. */
const ESCAPES = [
  'SET ROLE prismq_owner',
  'SET ROLE prismq_engine',
  'SET ROLE prismq_auth',
  'SET ROLE prismq_audit',
  'SET ROLE prismq_janitor',
  'SET ROLE postgres',
  'SET SESSION AUTHORIZATION postgres',
  `SELECT set_config('role', 'prismq_engine', true)`,
  'ALTER TABLE prismq.tasks DISABLE ROW LEVEL SECURITY',
  'ALTER TABLE prismq.tasks NO FORCE ROW LEVEL SECURITY',
  'CREATE POLICY mine ON prismq.tasks USING (true)',
  'DROP POLICY client_read ON prismq.tasks',
  'ALTER POLICY client_read ON prismq.tasks USING (true)',
  'GRANT SELECT ON prismq.tasks TO PUBLIC',
  'GRANT prismq_engine TO CURRENT_USER',
  'ALTER ROLE CURRENT_USER BYPASSRLS',
  'CREATE ROLE mine',
  'CREATE TABLE prismq.mine (x int)',
  'CREATE VIEW prismq.mine AS SELECT 1',
  'CREATE FUNCTION prismq.mine() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
  "CREATE OR REPLACE FUNCTION prismq.bound_clients() RETURNS text[] LANGUAGE sql AS $$ SELECT ARRAY['b'] $$",
  'ALTER FUNCTION prismq.context() RESET ALL',
  'DROP FUNCTION prismq.refuse(text, text, jsonb)',
  'CREATE TRIGGER mine AFTER INSERT ON prismq.tasks EXECUTE FUNCTION prismq.append_only()',
  'CREATE RULE mine AS ON SELECT TO prismq.tasks DO INSTEAD SELECT 1',
  'CREATE INDEX mine ON prismq.tasks (client_id)',
  'ANALYZE prismq.tasks; DROP TABLE prismq.tasks',
  "COMMENT ON TABLE prismq.tasks IS 'mine'",
  'CREATE EXTENSION dblink',
  `COPY (SELECT 1) TO PROGRAM 'true'`,
  `COPY prismq.ready FROM '/dev/null'`,
  'CREATE PUBLICATION mine FOR TABLE prismq.tasks',
  `SELECT pg_read_file('/etc/passwd')`,
  `SELECT pg_create_logical_replication_slot('mine', 'pgoutput')`,
  'SELECT * FROM pg_authid',
  'SELECT * FROM pg_statistic',
  'REASSIGN OWNED BY prismq_owner TO CURRENT_USER',
] as const;

/** Statements that may run, and must answer nothing of `b`. */
const KINDS = [
  `${READ} WHERE client_id = 'b'`,
  `${READ} WHERE task_id = '{b.ready}'`,
  `${READ} WHERE true OR client_id = 'b'`,
  `SELECT (SELECT payload FROM prismq.tasks WHERE client_id = 'b' LIMIT 1)`,
  `WITH x AS (${READ}) SELECT * FROM x WHERE client_id <> 'a'`,
  `WITH x AS MATERIALIZED (${READ}) SELECT * FROM x`,
  `${READ} UNION ALL ${READ}`,
  `SELECT t.* FROM prismq.clients c, LATERAL (${READ} WHERE client_id = c.client_id OR client_id = 'b') t`,
  `DECLARE c CURSOR FOR ${READ}; FETCH ALL FROM c`,
  `PREPARE p AS ${READ} WHERE client_id = $1; EXECUTE p('b'); DEALLOCATE p`,
  `SELECT * FROM prismq.task_queue WHERE client_id = 'b'`,
  `SELECT * FROM prismq.task_queue_open`,
  `SELECT * FROM prismq.task_logs`,
  `SELECT count(*), max(payload) FROM prismq.tasks WHERE client_id = 'b'`,
  `SELECT string_agg(payload, ',') FROM prismq.tasks`,
  `SELECT query_to_xml('SELECT payload FROM prismq.tasks', true, true, '')`,
  `SELECT table_to_xml('prismq.task_queue', true, true, '')`,
  `SELECT row_to_json(t) FROM prismq.ready t`,
  `${READ} FOR KEY SHARE`,
  `SELECT client_id, ctid, xmin FROM prismq.ready`,
  `SELECT * FROM pg_stats WHERE schemaname = 'prismq'`,
  `SELECT histogram_bounds FROM pg_stats WHERE tablename = 'tasks'`,
  `SELECT most_common_vals::text FROM pg_stats WHERE schemaname = 'prismq'`,
  `SET row_security = off; ${READ}`,
  `SELECT * FROM prismq.tasks TABLESAMPLE SYSTEM (100)`,
  `SET enable_seqscan = off; SET enable_indexscan = off; ${READ}`,
  `SELECT payload FROM prismq.tasks WHERE payload LIKE '%canary%'`,
  `SELECT payload FROM prismq.tasks WHERE 1 / (CASE WHEN client_id = 'b' THEN 0 ELSE 1 END) = 1`,
  `SELECT CAST(payload AS integer) FROM prismq.tasks WHERE client_id = 'b'`,
  `SELECT * FROM pg_prepared_statements`,
  `SELECT current_setting('prismq.ctx')`,
  `CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE EXCEPTION 'leak %', $1; END $$; SELECT 1 FROM prismq.tasks WHERE client_id = 'b' AND pg_temp.leak(payload)`,
  `CREATE FUNCTION pg_temp.leak2(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN IF $1 LIKE '%canary-b%' THEN RAISE EXCEPTION 'leak %', $1; END IF; RETURN true; END $$; SELECT 1 FROM prismq.tasks WHERE pg_temp.leak2(payload)`,
  `CREATE TEMP TABLE signing_keys (kid text, ikey bytea, okey bytea); INSERT INTO signing_keys VALUES ('k', '', ''); ${READ} WHERE client_id = 'b'`,
  `CREATE TEMP TABLE worker_grants (worker_id text, client_id text); INSERT INTO worker_grants VALUES ('w-a', '*'); ${READ}`,
  `CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$; SET search_path = pg_temp, pg_catalog; ${READ}`,
  `CREATE FUNCTION pg_temp.pg_has_role(name, text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$; SET search_path = pg_temp, prismq, pg_catalog; ${READ}`,
  `SET search_path = prismq; SELECT client_id, payload FROM tasks`,
  `SET prismq.set_of_call = '00000000-0000-0000-0000-000000000000'; ${READ}`,
] as const;

export function wayAttacks(arena: () => Arena, it: Register): void {
  for (const login of ['client', 'worker', 'admin'] as const)
    for (const sql of ESCAPES)
      it(`${login}: ${sql.slice(0, 90)}`, () =>
        refused(
          arena(),
          login,
          sql,
          /permission denied|must be|must have|not allowed|cannot|does not exist|superuser|ERROR|row-level|only roles|no schema|Only roles/i,
        ));
  for (const sql of KINDS) it(`client: ${sql.slice(0, 110)}`, () => holds(arena(), 'client', sql));
  for (const sql of [
    'SELECT client_id, id, priority FROM prismq.worker_inbox',
    'SELECT * FROM prismq.worker_inbox',
    `SELECT * FROM prismq.worker_inbox WHERE client_id = 'b'`,
    `SET prismq.set_of_call = '{b.ready}'; SELECT * FROM prismq.worker_inbox`,
  ])
    it(`worker: ${sql}`, () => holds(arena(), 'worker', sql));
  for (const sql of [
    'SELECT payload FROM prismq.tasks',
    'SELECT result FROM prismq.finished',
    'SELECT metadata FROM prismq.tasks',
    'SELECT idempotency_key FROM prismq.tasks',
    'SELECT error_message FROM prismq.task_attempts',
    'SELECT digest FROM prismq.api_keys',
    'SELECT lease_id FROM prismq.leases',
    'SELECT * FROM prismq.task_queue',
    'SELECT value FROM prismq.task_progress',
    'SELECT message FROM prismq.task_messages',
    'SELECT ikey FROM prismq.signing_keys',
  ])
    for (const login of ['admin', 'worker'] as const) it(`${login}: ${sql}`, () => refused(arena(), login, sql));
  for (const sql of [
    'SELECT lease_id FROM prismq.leases',
    'SELECT lease_id FROM prismq.finished',
    'SELECT request_digest FROM prismq.tasks',
    'SELECT lease_id FROM prismq.task_attempts',
  ])
    it(`client: ${sql}`, () => refused(arena(), 'client', sql));
  it('control: the client reads its own by a cursor, a prepared statement and a view', async () => {
    await works(arena(), 'client', `DECLARE c CURSOR FOR ${READ}; FETCH ALL FROM c`, /canary-a/);
    await works(arena(), 'client', `PREPARE p AS ${READ} WHERE client_id = $1; EXECUTE p('a'); DEALLOCATE p`, /canary-a/);
    await works(arena(), 'client', 'SELECT payload FROM prismq.task_queue', /canary-a/);
    await works(arena(), 'worker', 'SELECT id, type FROM prismq.worker_inbox', /Ready\.Job/);
    await works(arena(), 'admin', OPEN, /canary-a/);
  });
  contextAttacks(arena, it);
}

const platform: Acting = { role: 'admin', clients: '*', actor: 'admin' };

/** A token with one part changed, signed with whatever is at hand. */
function tampered(token: string, part: number, value: string): string {
  const parts = token.split('|');
  parts[part] = value;
  return parts.join('|');
}

function contextAttacks(arena: () => Arena, it: Register): void {
  const pidOf = (login: Login): number => (arena().logins[login] as unknown as { readonly processID: number }).processID;
  const good = (login: Login, acting: Acting = ACTING[login]): string => arena().signer.sign(acting, pidOf(login));
  const signedBy = (secret: string, message: string): string => `${message}|${createHmac('sha256', Buffer.from(secret, 'hex')).update(message).digest('hex')}`;
  const real = (message: string): string => signedBy(arena().key.secret, message);
  const soon = (): number => Math.ceil(Date.now() / 1000) + 60;
  const forged: readonly (readonly [string, () => string])[] = [
    ['none', () => ''],
    ['a bare name', () => 'b'],
    ['another scope', () => tampered(good('client'), 3, 'b')],
    ['a wider scope', () => tampered(good('client'), 3, 'a,b')],
    ['every client', () => tampered(good('client'), 3, '*')],
    ['another role', () => tampered(good('client'), 2, 'system')],
    ['another role for all', () => tampered(tampered(good('client'), 2, 'admin'), 3, '*')],
    ['another actor', () => tampered(good('client'), 4, 'system')],
    ['a later end', () => tampered(good('client'), 5, String(soon() + 100_000))],
    ['any backend', () => tampered(good('client'), 6, '0')],
    ['another key id', () => tampered(good('client'), 1, 'k0')],
    ['a cut signature', () => good('client').slice(0, -1)],
    ['an upper-case signature', () => good('client').replace(/[0-9a-f]{64}$/, (hex) => hex.toUpperCase())],
    ['a signature of zeros', () => tampered(good('client'), 7, '0'.repeat(64))],
    ['a part too many', () => `${good('client')}|x`],
    ['a line more', () => `${good('client')}\nv1`],
    ['a smuggled separator', () => tampered(good('client'), 3, 'a|b')],
    ['a megabyte', () => tampered(good('client'), 3, 'b,'.repeat(500_000))],
    ['another secret', () => signedBy('0'.repeat(64), `v1|${arena().key.kid}|client|b|client|${soon()}|0`)],
    ['a signature by the pad that the database keeps', () => signedBy('36'.repeat(32), `v1|${arena().key.kid}|client|b|client|${soon()}|0`)],
    ['one that has ended', () => real(`v1|${arena().key.kid}|client|b|client|${Math.floor(Date.now() / 1000) - 1}|0`)],
    ['one of another backend', () => real(`v1|${arena().key.kid}|client|b|client|${soon()}|${pidOf('admin')}`)],
    ['one of a worker, on this login', () => good('client', { role: 'worker', clients: ['b'], actor: 'worker:w-b' })],
    ['one of the system, on this login', () => good('client', { role: 'system', clients: '*', actor: 'system' })],
    ['one of the platform, on this login', () => good('client', platform)],
    ['one of an auditor, on this login', () => good('client', { role: 'auditor', clients: '*', actor: 'auditor' })],
  ];
  for (const [name, token] of forged) {
    it(`a context that is ${name} reads nothing`, async () => {
      const before = await as(arena(), 'client', READ, { token: token() });
      assert.ok(before.error !== null || before.text === '[]' || !/canary-b/.test(before.text), before.text);
      await holds(arena(), 'client', READ, { token: token() });
    });
    it(`a context that is ${name} moves nothing`, async () => {
      const { error, text } = await as(arena(), 'client', `SELECT * FROM prismq.move_task($t$${token()}$t$, '{b.ready}', 'cancel', '{}')`);
      assert.ok(error !== null || text.includes('not_found'), `${text}`);
      await holds(arena(), 'client', `SELECT * FROM prismq.move_task($t$${token()}$t$, '{b.ready}', 'cancel', '{}')`);
    });
  }
  for (const acting of [platform, { role: 'system', clients: '*', actor: 'system' }, { role: 'client', clients: ['b'], actor: 'client' }] as readonly Acting[])
    it(`worker: a genuine context of ${acting.role} is none on the worker's login`, () =>
      holds(arena(), 'worker', 'SELECT client_id, task_id FROM prismq.ready', { token: good('worker', acting) }));
  it('worker: a worker for all clients can not be signed', () =>
    holds(arena(), 'worker', 'SELECT client_id, task_id FROM prismq.ready', { token: real(`v1|${arena().key.kid}|worker|*|worker:w-a|${soon()}|0`) }));
  it('control: the genuine contexts read', async () => {
    await works(arena(), 'client', READ, /canary-a/);
    const all = await as(arena(), 'admin', OPEN, { token: good('admin', platform) });
    assert.match(all.text, /canary-b/);
    const other = await as(arena(), 'client', READ, { token: good('client', { role: 'client', clients: ['b'], actor: 'client' }) });
    assert.match(other.text, /canary-b/);
  });
  it('a context does not outlive its transaction, on a connection that is handed over', async () => {
    const { client } = arena().logins;
    await works(arena(), 'client', READ, /canary-a/);
    assert.deepEqual((await client.query(READ)).rows, []);
    await client.query(`SELECT set_config('prismq.ctx', '', false)`);
    assert.deepEqual((await client.query(READ)).rows, []);
  });
  it('a prepared statement follows the context of its transaction', async () => {
    const { client } = arena().logins;
    for (const id of ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b']) {
      await client.query('BEGIN');
      await client.query(`SELECT set_config('prismq.ctx', $1, true)`, [good('client', { role: 'client', clients: [id], actor: 'client' })]);
      const { rows } = (await client.query({ name: 'alternating', text: 'SELECT DISTINCT client_id FROM prismq.tasks' })) as { rows: { client_id: string }[] };
      assert.deepEqual(rows, [{ client_id: id }]);
      await client.query('COMMIT');
    }
  });
}
