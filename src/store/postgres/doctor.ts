// What is looked at before a login is used: a role that row security does not bind, a table without it, a server with known holes.
import { QueueError } from '../../domain/errors.ts';
import type { LoginClass } from './setup.ts';
import type { Client } from './driver.ts';

export interface Findings {
  /** Why this login must not be used. */
  readonly refusals: readonly string[];
  /** What an administrator should know. */
  readonly warnings: readonly string[];
}

/** The least minor version of each major one without known holes in row security. */
const PATCHED: Readonly<Record<number, number>> = { 15: 14, 16: 10, 17: 6 };

const ROLE = `SELECT r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolreplication,
  array_to_string(ARRAY(SELECT o FROM unnest(ARRAY['prismq_owner', 'prismq_engine', 'prismq_auth', 'prismq_audit', 'prismq_janitor']) o WHERE pg_has_role(session_user, o, 'member')), ','),
  array_to_string(ARRAY(SELECT k FROM unnest(ARRAY['prismq_client', 'prismq_worker', 'prismq_admin']) k WHERE pg_has_role(session_user, k, 'member')), ','),
  current_setting('server_version_num')::integer
FROM pg_roles r WHERE r.rolname = session_user`;

const OPEN_TABLES = `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'prismq'::regnamespace AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`;
const OPEN_FUNCTIONS = `SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.prosecdef
  AND (coalesce(array_to_string(p.proconfig, ','), '') !~ 'search_path=pg_catalog, pg_temp' OR has_function_privilege('public', p.oid, 'execute'))`;
const OPEN_VIEWS = `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'prismq'::regnamespace AND c.relkind IN ('v', 'm') AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)`;

async function names(client: Client, sql: string): Promise<string[]> {
  return ((await client.query({ text: sql, rowMode: 'array' })).rows as [string][]).map(([name]) => name);
}

export async function examine(client: Client, wanted: LoginClass): Promise<Findings> {
  const rows = (await client.query({ text: ROLE, rowMode: 'array' })).rows as [boolean, boolean, boolean, boolean, string, string, number][];
  const [superuser, bypass, createrole, replication, insiders, classes, version] = rows[0] as [boolean, boolean, boolean, boolean, string, string, number];
  const refusals: string[] = [];
  const warnings: string[] = [];
  if (superuser) refusals.push('it is a superuser, whom row security does not bind');
  if (bypass) refusals.push('it has BYPASSRLS');
  if (createrole) refusals.push('it may create roles, and so become another');
  if (replication) refusals.push('it may replicate, which reads every row');
  if (insiders !== '') refusals.push(`it is a member of ${insiders}`);
  if (classes !== `prismq_${wanted}`) refusals.push(`it is a member of ${classes === '' ? 'no class' : classes}, and must be one of prismq_${wanted} alone`);
  for (const table of await names(client, OPEN_TABLES)) refusals.push(`the table prismq.${table} has no forced row security`);
  for (const name of await names(client, OPEN_FUNCTIONS)) refusals.push(`the function prismq.${name} has no pinned search_path, or is for PUBLIC`);
  for (const view of await names(client, OPEN_VIEWS)) refusals.push(`the view prismq.${view} shows with the rights of its owner`);
  const major = Math.floor(version / 10_000);
  if (major < 15) refusals.push(`the server is PostgreSQL ${major}; 15 is the least`);
  if (version % 10_000 < (PATCHED[major] ?? 0))
    warnings.push(`PostgreSQL ${major}.${version % 10_000} has known holes in row security: go to ${major}.${PATCHED[major]}`);
  return { refusals, warnings };
}

/** @throws QueueError `store_refused` with every reason */
export async function requireSafe(client: Client, wanted: LoginClass, warn: (message: string) => void): Promise<void> {
  const { refusals, warnings } = await examine(client, wanted);
  if (refusals.length > 0)
    throw new QueueError('store_refused', `the ${wanted} login must not be used: ${refusals.join('; ')}. \`prismq setup\` makes ones that may`);
  for (const warning of warnings) warn(warning);
}
