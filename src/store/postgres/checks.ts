// What `prismq doctor` looks at in a database: the logins and what they could get round, the schema, the server. Nothing stays of what
// it tries: the attempt to cross from one client to another is rolled back.
import { failed, fine, named, runChecks, unknown, warning } from '../checks.ts';
import type { Check, CheckResult, Found } from '../checks.ts';
import { heldBy } from '../move/held.ts';
import type { Marker } from '../move/side.ts';
import { probeCapabilities } from './capabilities.ts';
import { crossing } from './crossing.ts';
import type { SigningKey } from './context.ts';
import { examine } from './doctor.ts';
import { loadDriver } from './driver.ts';
import type { Client, Driver } from './driver.ts';
import { digestOf, loadScripts, readSigningKey, withClient } from './migrate.ts';
import { CLASSES } from './setup.ts';
import type { PostgresLogins } from './store.ts';

export interface DatabaseLook {
  /** Logins as `setup` wrote them, or one URL. */
  readonly connect: string | PostgresLogins;
  readonly wallMs: () => number;
}

interface At extends DatabaseLook {
  readonly driver: Driver;
  /** The admin's login, or the one URL. */
  readonly client: Client;
  readonly isSuperuser: boolean;
  readonly key: SigningKey | null;
}

const SKEW_WARNS_MS = 2000;
const SKEW_FAILS_MS = 30_000;
const SHOWN = 5;

/** Holes in row security, and the least minor version of each major one that has none of them. */
const HOLES = [
  { cve: 'CVE-2023-2455', what: 'policies of another role in an inlined plan', fixed: { 15: 3 } },
  { cve: 'CVE-2023-39418', what: 'MERGE past a policy', fixed: { 15: 4 } },
  { cve: 'CVE-2024-10976', what: 'policies below a subquery that a plan was kept for', fixed: { 15: 9, 16: 5, 17: 1 } },
  { cve: 'CVE-2025-8713', what: 'statistics shown through views', fixed: { 15: 14, 16: 10, 17: 6 } },
] as const satisfies readonly { readonly cve: string; readonly what: string; readonly fixed: Readonly<Record<number, number>> }[];
const OLDEST = 15;

async function list(client: Client, sql: string, values: readonly unknown[] = []): Promise<string[]> {
  return ((await client.query({ text: sql, values: [...values], rowMode: 'array' })).rows as [string][]).map(([one]) => one);
}

const OURS = `'prismq_owner', 'prismq_engine', 'prismq_auth', 'prismq_audit', 'prismq_janitor'`;
const INSIDE = `c.relnamespace = 'prismq'::regnamespace`;

const CHECKS: readonly Check<At>[] = [
  {
    name: 'server',
    looksAt: `the version: ${OLDEST} at least, and none with known holes in row security`,
    fix: 'bring the server to the newest minor version of its major one',
    async look({ client }) {
      const [number] = (await list(client, `SELECT current_setting('server_version_num')`)).map(Number) as [number];
      const [major, minor] = [Math.floor(number / 10_000), number % 10_000];
      if (major < OLDEST) return failed(`PostgreSQL ${major}.${minor}: ${OLDEST} is the least`);
      const open = HOLES.filter(({ fixed }) => minor < ((fixed as Readonly<Record<number, number>>)[major] ?? 0));
      return named(
        open.map(({ cve, what }) => `${major}.${minor} has ${cve} (${what})`),
        `PostgreSQL ${major}.${minor}`,
        'warning',
      );
    },
  },
  {
    name: 'capabilities',
    looksAt: 'whether notifications, advisory locks and writes work here',
    fix: 'without notifications polling tells, within a second; a replica can not be worked on: name the primary',
    async look({ client }) {
      const { flavour, version, notifications, locks, readOnly, extensions } = await probeCapabilities(client);
      const text = `${flavour} ${version}, ${notifications}, locks by ${locks}, extensions: ${extensions.length === 0 ? 'none' : extensions.join(', ')}`;
      if (readOnly) return failed(`${text}; it is a replica`);
      return notifications === 'poll' ? warning(text) : fine(text);
    },
  },
  {
    name: 'logins',
    looksAt: 'each login: superuser, BYPASSRLS, CREATEROLE, replication, what it is a member of; functions and views for everybody',
    fix: '`prismq setup` makes a login for each class; take away what it names with ALTER ROLE … or REVOKE …',
    async look({ connect, driver }) {
      if (typeof connect === 'string') return warning('one URL for everything: it protects against bugs, not against injection');
      const wrong: string[] = [];
      for (const name of CLASSES)
        for (const refusal of (await withClient(driver, connect[`${name}Url`], (client) => examine(client, name))).refusals) wrong.push(`${name}: ${refusal}`);
      return named(wrong, `${CLASSES.join(', ')}: each bound by row security, and of one class`);
    },
  },
  {
    name: 'owners',
    looksAt: 'the roles that own tables and functions: nobody logs in as one, and no other role is a member of one',
    fix: 'ALTER ROLE … NOLOGIN NOBYPASSRLS; REVOKE … FROM …',
    async look({ client }) {
      const free = await list(
        client,
        `SELECT rolname || CASE WHEN rolsuper THEN ' is a superuser' WHEN rolbypassrls THEN ' has BYPASSRLS' ELSE ' may log in' END FROM pg_roles WHERE rolname IN (${OURS}) AND (rolcanlogin OR rolbypassrls OR rolsuper)`,
      );
      const members = await list(
        client,
        `SELECT m.rolname || ' is a member of ' || r.rolname FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member WHERE r.rolname IN (${OURS}) AND NOT m.rolsuper`,
      );
      const owners = await list(
        client,
        `SELECT c.relname || ' belongs to ' || pg_get_userbyid(c.relowner) FROM pg_class c WHERE ${INSIDE} AND c.relkind = 'r' AND c.relname <> 'schema_migrations' AND pg_get_userbyid(c.relowner) NOT IN (${OURS})`,
      );
      return named([...free, ...members, ...owners], 'nobody but themselves');
    },
  },
  {
    name: 'row-security',
    looksAt: 'that row security is on and forced on every table, and that each table has a policy',
    fix: '`prismq migrate` puts policies back; ALTER TABLE … FORCE ROW LEVEL SECURITY',
    async look({ client }) {
      const open = await list(
        client,
        `SELECT c.relname FROM pg_class c WHERE ${INSIDE} AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`,
      );
      const [tables] = await list(client, `SELECT count(*)::text FROM pg_class c WHERE ${INSIDE} AND c.relkind IN ('r', 'p')`);
      const [policies] = await list(client, `SELECT count(*)::text FROM pg_policies WHERE schemaname = 'prismq'`);
      if (Number(policies) === 0) return failed('there is no policy at all');
      return named(
        open.map((table) => `${table} is open`),
        `forced on ${tables} tables, ${policies} policies`,
      );
    },
  },
  {
    name: 'crossing',
    looksAt: 'really tries: a client’s login with the context of one client reads, changes and deletes rows of another, and without a context',
    fix: 'do not let clients on: `prismq migrate` puts policies and rights back; report what it says',
    look: async ({ connect, driver, key, wallMs }) =>
      key === null ? unknown('this login can not read a signing key') : crossing(driver, connect, key, wallMs),
  },
  {
    name: 'dedicated',
    looksAt: 'what everybody may do in this database besides: advisory locks, large objects, temporary tables, a look at others’ sessions',
    fix: '`prismq setup --dedicated-database`, where the database is the queue’s alone',
    async look({ client }) {
      const absent = await list(
        client,
        `SELECT what FROM (VALUES
          ('CONNECT and TEMP for PUBLIC', EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = current_database() AND a.grantee = 0)),
          ('advisory locks of others can be taken', has_function_privilege('public', 'pg_catalog.pg_advisory_lock(bigint)', 'execute')),
          ('large objects', has_function_privilege('public', 'pg_catalog.lo_creat(integer)', 'execute')),
          ('statements of others’ sessions', has_table_privilege('public', 'pg_catalog.pg_stat_activity', 'select')),
          ('the schema public', has_schema_privilege('public', 'public', 'create'))) v(what, is_open) WHERE is_open`,
      );
      return named(absent, 'taken from PUBLIC', 'warning');
    },
  },
  {
    name: 'clock',
    looksAt: 'the database’s clock against this machine’s: contexts live a minute, and are reckoned by the database’s',
    fix: 'run NTP on both',
    async look({ client, wallMs }) {
      const before = wallMs();
      const [there] = (await list(client, 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text')).map(Number) as [number];
      const skew = Math.round(there - (before + wallMs()) / 2);
      const text = `${skew} ms apart`;
      return Math.abs(skew) > SKEW_FAILS_MS ? failed(text) : Math.abs(skew) > SKEW_WARNS_MS ? warning(text) : fine(text);
    },
  },
  {
    name: 'schema',
    looksAt: 'migrations that ran, and functions and policies, against those of this program',
    fix: '`prismq migrate --url` of a superuser',
    look: async ({ client, isSuperuser }) => (isSuperuser ? schemaOf(client) : unknown('give the URL of a superuser to compare them')),
  },
  {
    name: 'one-place',
    looksAt: 'that every task is in exactly one place: ready, delayed, leases, blocked or finished',
    fix: 'somebody wrote to the tables past the functions: report it with the ids',
    look: async ({ client, isSuperuser }) => (isSuperuser ? placesOf(client) : unknown('give the URL of a superuser to see all rows')),
  },
  {
    name: 'move',
    looksAt: 'whether the queue is held still by a move',
    fix: 'give the command of the move again, or `prismq migrate-store … --undo`',
    async look({ client, isSuperuser }) {
      if (!isSuperuser) return unknown('give the URL of a superuser');
      const [text] = await list(client, `SELECT value FROM prismq.meta WHERE key = 'move'`);
      return text === undefined ? fine('none') : warning(heldBy(JSON.parse(text) as Marker).message);
    },
  },
];

async function schemaOf(client: Client): Promise<Found> {
  const { migrations, functions } = loadScripts();
  const rows = (await client.query({ text: 'SELECT number, digest FROM prismq.schema_migrations', rowMode: 'array' })).rows as [number, string][];
  const done = new Map(rows);
  const wrong = migrations.flatMap(({ number, name, digest }) =>
    done.get(number) === digest ? [] : [`${name} ${done.has(number) ? 'ran with another text' : 'did not run'}`],
  );
  if (done.get(0) !== digestOf(functions)) wrong.push('functions and policies are of another version');
  return named(wrong, `${migrations.length} migrations, functions and policies as in this program`);
}

async function placesOf(client: Client): Promise<Found> {
  const places = ['ready', 'delayed', 'leases', 'blocked', 'finished'].map((table) => `SELECT client_id, task_id FROM prismq.${table}`).join(' UNION ALL ');
  const wrong = await list(
    client,
    `SELECT coalesce(t.task_id, p.task_id) || ' of ' || coalesce(t.client_id, p.client_id) || CASE WHEN t.task_id IS NULL THEN ' is in a place and is no task' ELSE ' is in ' || coalesce(p.n, 0) || ' places' END
     FROM prismq.tasks t FULL JOIN (SELECT client_id, task_id, count(*) AS n FROM (${places}) x GROUP BY client_id, task_id) p ON p.client_id = t.client_id AND p.task_id = t.task_id
     WHERE t.task_id IS NULL OR p.n IS DISTINCT FROM 1 LIMIT ${SHOWN}`,
  );
  const [counted] = await list(client, 'SELECT count(*)::text FROM prismq.tasks');
  return named(wrong, `${counted} tasks`);
}

export async function checkPostgres({ connect, wallMs }: DatabaseLook): Promise<readonly CheckResult[]> {
  const driver = await loadDriver();
  return withClient(driver, typeof connect === 'string' ? connect : connect.adminUrl, async (client) => {
    const [superuser] = (await client.query({ text: 'SELECT rolsuper FROM pg_roles WHERE rolname = session_user', rowMode: 'array' })).rows[0] as [boolean];
    const key = typeof connect === 'string' ? (superuser ? await anyKey(client) : null) : keyIn(connect.signingKey);
    return runChecks(CHECKS, { connect, wallMs, driver, client, isSuperuser: superuser, key });
  });
}

async function anyKey(client: Client): Promise<SigningKey | null> {
  const [kid] = await list(client, `SELECT kid FROM prismq.signing_keys WHERE kid <> 'sql' ORDER BY kid LIMIT 1`).catch(() => []);
  return kid === undefined ? null : readSigningKey(client, kid);
}

function keyIn(text: string): SigningKey {
  const [kid, secret] = text.split(':') as [string, string];
  return { kid, secret };
}
