// Every column of every table and view that a login may read, as the client, its admin and its worker: what is in them is the same
// whatever another client does, and the system columns, which count for all, are closed.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { openQueue } from '../../src/index.ts';
import type { PostgresLogins } from '../../src/index.ts';
import { envLines, parseEnvLines, setupPostgresUrl } from '../../src/postgres.ts';
import { createSigner } from '../../src/store/postgres/context.ts';
import type { Acting } from '../../src/store/postgres/context.ts';
import { MINE, plainColumn, story } from '../store/unseen/story.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

const START = 1_800_000_000_000;
const LOGINS = ['client', 'admin', 'worker'] as const;
const ACTING: Readonly<Record<(typeof LOGINS)[number], Acting>> = {
  client: { role: 'client', clients: [MINE], actor: 'client' },
  admin: { role: 'admin', clients: [MINE], actor: `admin:${MINE}` },
  worker: { role: 'worker', clients: [], actor: 'worker:mine' },
};
/** Random, or a hash of random: the same number of them, in no order. */
const RANDOM = ['draw', 'draw_floor', 'message_id', 'set_id', 'grant_id', 'key_id', 'lease_id', 'task_id', 'task_ids', 'id'];

/** An order over all clients, as its owner sees it: it would be noticed. */
const CONTROL = 'audit_numbers.last_id';

const COLUMNS = `SELECT c.relname, a.attname, a.attnum FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
  WHERE c.relnamespace = 'prismq'::regnamespace AND c.relkind IN ('r', 'v') AND has_column_privilege(c.oid, a.attnum, 'select') ORDER BY c.relname, a.attnum`;

describe('what another client does is not seen in any column', { skip: binaries().length === 0 }, () => {
  let server: Server;
  const clock = { now: START };
  before(async () => (server = (await startServer()) as Server));
  after(() => server?.stop());

  async function told(volume: number): Promise<Record<string, unknown>> {
    const url = await server.database({ bare: true });
    const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex');
    const logins = parseEnvLines(envLines(await setupPostgresUrl(url, { randomHex, dedicated: false }))) as PostgresLogins;
    await server.query(url, REPLACED);
    const queue = await openQueue(logins, { janitorMs: 0, listenUrl: null, now: () => clock.now, random: () => 0.5 });
    await story(queue, volume);
    await queue.close();
    const [kid, secret] = logins.signingKey.split(':') as [string, string];
    const signer = createSigner({ kid, secret }, () => Date.now() / 1000);
    const found: Record<string, unknown> = {};
    found[CONTROL] = await server.query(url, `SELECT last_id::text FROM prismq.audit_numbers WHERE chain = 'tasks' AND client_id = '${MINE}' ORDER BY last_id`);
    for (const login of LOGINS) {
      const client = new pg.Client({ connectionString: logins[`${login}Url`] });
      await client.connect();
      const columns = (await client.query({ text: COLUMNS, rowMode: 'array' })).rows as [string, string, number][];
      for (const [table, column, number] of columns) {
        assert.ok(number > 0, `${login} reads the system column ${column} of ${table}`);
        if (RANDOM.includes(column)) continue;
        await client.query('BEGIN');
        await client.query(`SELECT set_config('prismq.now', $1, true), set_config('prismq.ctx', $2, true)`, [String(clock.now), signer.sign(ACTING[login], 0)]);
        const { rows } = await client.query<{ v: string | null }>(`SELECT x."${column}"::text AS v FROM prismq."${table}" x`);
        await client.query('COMMIT');
        found[`${login} ${table}.${column}`] = plainColumn(
          rows.map(({ v }) => v),
          column,
          START,
        );
      }
      await client.end();
    }
    return found;
  }

  it('for the client, its admin and its worker', async () => {
    const [alone, amid] = [await told(0), await told(7)];
    assert.ok(Object.keys(alone).length > 150, `columns: ${Object.keys(alone).length}`);
    assert.ok(Object.values(alone).filter((rows) => (rows as unknown[]).length > 0).length > 120, 'most of them have something');
    for (const name of Object.keys(alone)) if (name !== CONTROL) assert.deepEqual(amid[name], alone[name], name);
    assert.notDeepEqual(amid[CONTROL], alone[CONTROL]);
  });
});

const REPLACED = `CREATE OR REPLACE FUNCTION prismq.now_ms() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(nullif(current_setting('prismq.now', true), '')::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) $$`;
