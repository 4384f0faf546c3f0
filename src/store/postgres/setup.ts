// What an administrator does once: roles, schema, one login a class and the key that the gateway signs with. Every step is made so
// that doing it again changes nothing that is right already.
import { QueueError } from '../../domain/errors.ts';
import type { SigningKey } from './context.ts';
import type { Client } from './driver.ts';
import { migratePostgres, putSigningKey } from './migrate.ts';

export const CLASSES = ['client', 'worker', 'admin'] as const;
export type LoginClass = (typeof CLASSES)[number];

export interface SetupOptions {
  /** `n` random bytes in hex. */
  readonly randomHex: (bytes: number) => string;
  /** The database is PrismQ's alone: what PUBLIC may do in it besides is taken as well. */
  readonly dedicated: boolean;
  /** As an earlier set-up wrote them; absent: logins get new passwords, and a new key is made. */
  readonly kept?: SetupResult;
}

export interface SetupResult {
  readonly clientUrl: string;
  readonly workerUrl: string;
  readonly adminUrl: string;
  /** `KID:HEX`. */
  readonly signingKey: string;
}

/** `url` is the superuser's, whose host and database the logins share. */
export async function setupPostgres(client: Client, url: string, options: SetupOptions): Promise<SetupResult> {
  await migratePostgres(client);
  const rows = (await client.query({ text: 'SELECT current_database()', rowMode: 'array' })).rows as [string][];
  const database = (rows[0] as [string])[0];
  const urls = {} as Record<LoginClass, string>;
  for (const name of CLASSES) urls[name] = await login(client, url, database, name, options);
  if (options.dedicated) await client.query(DEDICATED);
  const [kid, secret] = (options.kept?.signingKey ?? `k${options.randomHex(4)}:${options.randomHex(32)}`).split(':') as [string, string];
  const key: SigningKey = { kid, secret };
  await putSigningKey(client, key);
  return { clientUrl: urls.client, workerUrl: urls.worker, adminUrl: urls.admin, signingKey: `${kid}:${secret}` };
}

async function login(client: Client, url: string, database: string, name: LoginClass, { randomHex, kept }: SetupOptions): Promise<string> {
  const role = `prismq_${database}_${name}`.slice(0, 63);
  const before = kept?.[`${name}Url`];
  const parsed = new URL(before ?? url);
  const password = before === undefined ? randomHex(24) : decodeURIComponent(parsed.password);
  if (before !== undefined && parsed.username !== role)
    throw new QueueError('invalid_input', `the file has a URL of ${parsed.username}, not of ${role}: it is of another database`);
  const quoted = `"${role.replaceAll('"', '""')}"`;
  const there = (
    (await client.query({ text: 'SELECT count(*) FROM pg_roles WHERE rolname = $1', values: [role], rowMode: 'array' })).rows as [number][]
  )[0]?.[0];
  await client.query(
    `${there === 1 ? 'ALTER' : 'CREATE'} ROLE ${quoted} LOGIN INHERIT NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '${password.replaceAll("'", "''")}'`,
  );
  await client.query(`GRANT prismq_${name} TO ${quoted}`);
  await client.query(`GRANT CONNECT ON DATABASE "${database.replaceAll('"', '""')}" TO ${quoted}`);
  for (const setting of [
    "statement_timeout = '30s'",
    "lock_timeout = '10s'",
    "idle_in_transaction_session_timeout = '60s'",
    'log_parameter_max_length_on_error = 0',
    // Compiling takes longer than any statement of ours runs.
    'jit = off',
  ])
    await client.query(`ALTER ROLE ${quoted} SET ${setting}`).catch(() => undefined);
  const answer = new URL(url);
  answer.username = role;
  answer.password = password;
  return answer.href;
}

/** Shared name spaces that know no row security, and what other sessions' statements show: taken from PUBLIC in a database of our own. */
export const DEDICATED = `
DO $$ DECLARE fn regprocedure; BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
  REVOKE SELECT ON pg_stat_activity, pg_locks FROM PUBLIC;
  FOR fn IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
    AND (p.proname ~ '^pg_(try_)?advisory_' OR p.proname ~ '^lo_(create|creat|from_bytea|open|put|get|import|export|unlink)$'
      OR p.proname IN ('pg_stat_get_activity', 'pg_stat_get_backend_activity', 'pg_cancel_backend', 'pg_terminate_backend', 'pg_lock_status', 'pg_sleep', 'pg_sleep_for', 'pg_sleep_until',
        'query_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema', 'cursor_to_xml', 'table_to_xml', 'database_to_xml', 'schema_to_xml')) LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', fn);
  END LOOP;
END $$`;

/** Lines that \`sh\` can source. */
export function envLines({ clientUrl, workerUrl, adminUrl, signingKey }: SetupResult): string {
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    `PRISMQ_CLIENT_URL=${quote(clientUrl)}`,
    `PRISMQ_WORKER_URL=${quote(workerUrl)}`,
    `PRISMQ_ADMIN_URL=${quote(adminUrl)}`,
    `PRISMQ_SIGNING_KEY=${quote(signingKey)}`,
    '',
  ].join('\n');
}

/** What \`envLines\` wrote, or null when something is missing. */
export function parseEnvLines(text: string): SetupResult | null {
  const of = (name: string): string | undefined => new RegExp(`^${name}='(.*)'$`, 'm').exec(text)?.[1]?.replaceAll(`'\\''`, "'");
  const [clientUrl, workerUrl, adminUrl, signingKey] = ['PRISMQ_CLIENT_URL', 'PRISMQ_WORKER_URL', 'PRISMQ_ADMIN_URL', 'PRISMQ_SIGNING_KEY'].map(of);
  if (clientUrl === undefined || workerUrl === undefined || adminUrl === undefined || signingKey === undefined) return null;
  return { clientUrl, workerUrl, adminUrl, signingKey };
}

/** Lets a role of the database call \`prismq.enqueue\` for one client, or takes that right again. */
export async function bindSqlRole(client: Client, role: string, clientId: string, bound: boolean): Promise<void> {
  const quoted = `"${role.replaceAll('"', '""')}"`;
  await client.query('BEGIN');
  try {
    if (bound) {
      await client.query('INSERT INTO prismq.sql_roles (role_name, client_id) VALUES ($1, $2) ON CONFLICT DO NOTHING', [role, clientId]);
      await client.query(`GRANT USAGE ON SCHEMA prismq TO ${quoted}`);
      await client.query(`GRANT EXECUTE ON FUNCTION prismq.enqueue(text, text, text, integer, timestamptz, text) TO ${quoted}`);
    } else await client.query('DELETE FROM prismq.sql_roles WHERE role_name = $1 AND client_id = $2', [role, clientId]);
    await client.query(`SELECT prismq.security_add('owner', $1, $2, $3, 'done', NULL)`, [bound ? 'sql-role.bind' : 'sql-role.unbind', clientId, role]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
