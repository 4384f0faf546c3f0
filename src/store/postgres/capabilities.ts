// What a server can do, asked once when a queue is opened: whether notifications work or polling alone tells, and what it is. Engines
// that speak PostgreSQL's protocol lack some of it.
import type { DatabaseCapabilities } from '../database.ts';
import type { Client } from './driver.ts';

const ASK = `SELECT current_setting('server_version_num')::integer, version(), current_setting('in_hot_standby', true),
  array_to_json(ARRAY(SELECT e.extname::text FROM pg_extension e ORDER BY 1))::text`;
/** Names in `version()` of engines that are not PostgreSQL itself. */
const FLAVOURS = [
  [/-YB-|yugabyte/i, 'yugabytedb'],
  [/cockroach/i, 'cockroachdb'],
  [/aurora/i, 'aurora'],
  [/edb|enterprisedb/i, 'edb'],
] as const;

export async function probeCapabilities(client: Client): Promise<DatabaseCapabilities> {
  const rows = (await client.query({ text: ASK, rowMode: 'array' })).rows as [number, string, string | null, string][];
  const [number, text, standby, extensions] = rows[0] as [number, string, string | null, string];
  const known = JSON.parse(extensions) as string[];
  const flavour = FLAVOURS.find(([pattern]) => pattern.test(text))?.[1] ?? (known.includes('citus') ? 'citus' : known.includes('neon') ? 'neon' : 'postgresql');
  return {
    version: `${Math.floor(number / 10_000)}.${number % 10_000}`,
    flavour,
    notifications: (await works(client, 'LISTEN prismq_probe')) && (await works(client, 'UNLISTEN prismq_probe')) ? 'listen' : 'poll',
    locks: (await works(client, 'SELECT pg_advisory_unlock_shared(0) WHERE pg_try_advisory_lock_shared(0)')) ? 'advisory' : 'rows',
    readOnly: standby === 'on',
    extensions: known.filter((name) => name !== 'plpgsql'),
  };
}

async function works(client: Client, sql: string): Promise<boolean> {
  return client.query(sql).then(
    () => true,
    () => false,
  );
}
