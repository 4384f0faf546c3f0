// Where attacks on PostgreSQL run: the three logins that `prismq setup` makes, two tenants with the same kinds of things, and a look
// at everything of tenant `b` that its owner has. An attack holds when it answers nothing of `b` and changes nothing of `b`.
import assert from 'node:assert/strict';
import pg from 'pg';
import { openQueue } from '../../../src/index.ts';
import type { ClaimedTask, PostgresLogins, Queue } from '../../../src/index.ts';
import { createSigner } from '../../../src/store/postgres/context.ts';
import type { Acting, Signer } from '../../../src/store/postgres/context.ts';
import { parseEnvLines, setupPostgresUrl, envLines } from '../../../src/postgres.ts';
import { randomBytes } from 'node:crypto';
import type { Server } from '../server.ts';

export type Login = 'client' | 'worker' | 'admin';

/** `it` of node:test, or what collects the attacks to run them by itself. */
export type Register = (name: string, attack: () => Promise<void>) => unknown;

export interface Arena {
  readonly url: string;
  readonly owner: pg.Client;
  readonly logins: Readonly<Record<Login, pg.Client>>;
  readonly signer: Signer;
  readonly key: { readonly kid: string; readonly secret: string };
  /** Things of each tenant, by name, that a statement may refer to as {b.task}. */
  readonly things: Readonly<Record<string, string>>;
  /** Everything of `b` as it was before the first attack. */
  readonly baseline: string;
  close(): Promise<void>;
}

export interface Prepared {
  readonly url: string;
  readonly logins: PostgresLogins;
  readonly things: Readonly<Record<string, string>>;
}

/** A database with the two tenants in it, and nobody connected. */
export async function prepare(server: Server): Promise<Prepared> {
  const url = await server.database({ bare: true });
  const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex');
  const logins = parseEnvLines(envLines(await setupPostgresUrl(url, { randomHex, dedicated: false }))) as PostgresLogins;
  const things: Record<string, string> = {};
  await using queue = await openQueue(logins, { janitorMs: 0, listenUrl: null });
  for (const id of ['a', 'b']) await seed(queue, id, things);
  // So that there are numbers and seals, whose every one must be.
  await queue.system().seal();
  return { url, logins, things };
}

/** Connections of the owner and of each login; to a copy of the database when one is named. */
export async function enterArena({ url, logins, things }: Prepared, copy?: string): Promise<Arena> {
  const there = (one: string): string => (copy === undefined ? one : one.replace(/\/\w+\?/, `/${copy}?`));
  const owner = new pg.Client({ connectionString: there(url) });
  const clients = Object.fromEntries(
    (['client', 'worker', 'admin'] as const).map((name) => [name, new pg.Client({ connectionString: there(logins[`${name}Url`]) })]),
  ) as Record<Login, pg.Client>;
  await Promise.all([owner, ...Object.values(clients)].map((client) => client.connect()));
  const [kid, secret] = logins.signingKey.split(':') as [string, string];
  const signer = createSigner({ kid, secret }, () => Date.now() / 1000);
  return {
    url: there(url),
    owner,
    logins: clients,
    signer,
    key: { kid, secret },
    things,
    baseline: await stateOf(owner),
    close: async () => void (await Promise.all([owner, ...Object.values(clients)].map((client) => client.end()))),
  };
}

export const buildArena = async (server: Server): Promise<Arena> => enterArena(await prepare(server));

/** One task in each place, a worker that holds one, an error, progress, a message, a grant, a key: all with a word that tells whose they are. */
async function seed(queue: Queue, id: string, things: Record<string, string>): Promise<void> {
  const client = queue.client(id);
  const word = `canary-${id}`;
  const admin = queue.admin();
  const workerId = `w-${id}`;
  const { grantId } = await admin.grants.create(workerId, { clientId: id, pattern: '*' });
  const worker = queue.as({ role: 'worker', workerId });
  await client.enqueue(`Held.${id.toUpperCase()}`, { word }, { metadata: { word }, createdBy: word });
  const { keyId } = await admin.keys.create({ role: 'client', clientId: id, name: word });
  const [held] = (await worker.claim()) as readonly [ClaimedTask];
  await worker.progress(held, { word });
  await worker.log(held, word);
  const failing = await client.enqueue('Failing.Job', { word });
  const [failed] = (await worker.claim()) as readonly [ClaimedTask];
  await worker.fail(failed, new Error(word), { retryInMs: 3_600_000 });
  await client.enqueue('Done.Job', { word });
  const [done] = (await worker.claim()) as readonly [ClaimedTask];
  await worker.complete(done, { word });
  const ready = await client.enqueue('Ready.Job', { word }, { idempotencyKey: 'same-key', priority: 5 });
  const delayed = await client.enqueue('Later.Job', { word }, { delayMs: 3_600_000 });
  const ended = await client.enqueue('Ended.Job', { word });
  await client.cancel(ended.taskId, word);
  Object.assign(things, {
    [`${id}.ready`]: ready.taskId,
    [`${id}.held`]: held.taskId,
    [`${id}.lease`]: held.leaseId,
    [`${id}.failed`]: failing.taskId,
    [`${id}.done`]: done.taskId,
    [`${id}.delayed`]: delayed.taskId,
    [`${id}.ended`]: ended.taskId,
    [`${id}.grant`]: grantId,
    [`${id}.key`]: keyId,
  });
}

/** `{b.ready}` → the id, `{token}` → the signed context. */
export function fill(arena: Arena, sql: string, token: string): string {
  return sql.replaceAll('{token}', token).replace(/\{([ab]\.\w+)\}/g, (_, name: string) => {
    const value = arena.things[name];
    assert.ok(value !== undefined, name);
    return value;
  });
}

export const ACTING = {
  /** The client `a`. */
  client: { role: 'client', clients: ['a'], actor: 'client' },
  /** The worker of `a`, which `a` alone granted something. */
  worker: { role: 'worker', clients: [], actor: 'worker:w-a' },
  /** The admin of `a`. */
  admin: { role: 'admin', clients: ['a'], actor: 'admin:a' },
} as const satisfies Record<Login, Acting>;

export interface Outcome {
  readonly error: string | null;
  readonly text: string;
}

/** Runs statements as a login inside one transaction with a context, and undoes nothing by itself. */
export async function as(
  arena: Arena,
  login: Login,
  sql: string,
  { token, commit = true }: { readonly token?: string; readonly commit?: boolean } = {},
): Promise<Outcome> {
  const client = arena.logins[login];
  const pid = (client as unknown as { readonly processID: number }).processID;
  const signed = token ?? arena.signer.sign(ACTING[login], pid);
  await client.query('BEGIN');
  await client.query(`SELECT set_config('prismq.ctx', $1, true)`, [signed]);
  let outcome: Outcome;
  try {
    const answer = (await client.query({ text: fill(arena, sql, signed), rowMode: 'array' })) as unknown;
    const results = (Array.isArray(answer) ? answer : [answer]) as { readonly rows: unknown[][] }[];
    outcome = { error: null, text: JSON.stringify(results.flatMap((result) => result.rows)) };
    await client.query(commit ? 'COMMIT' : 'ROLLBACK');
  } catch (error) {
    outcome = { error: String((error as Error).message), text: '' };
    await client.query('ROLLBACK');
  }
  await client.query('RESET ALL; RESET ROLE; RESET SESSION AUTHORIZATION');
  return outcome;
}

const TENANT_TABLES = [
  'tasks',
  'ready',
  'delayed',
  'leases',
  'blocked',
  'finished',
  'lanes',
  'task_attempts',
  'task_events',
  'task_messages',
  'task_progress',
  'task_metadata',
  'clients',
  'worker_grants',
  'api_keys',
  'capability_lanes',
  'data_keys',
];
const LOOK = TENANT_TABLES.map(
  (table) => `SELECT '${table}', coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM prismq.${table} t WHERE client_id = 'b'`,
).join(' UNION ALL ');

/** Everything of `b`, and who may do what: nothing of it may change. */
export async function stateOf(owner: pg.Client): Promise<string> {
  const rights = `SELECT 'roles', string_agg(r.rolname || r.rolsuper || r.rolbypassrls, ',' ORDER BY r.rolname) FROM pg_roles r UNION ALL SELECT 'policies', count(*)::text FROM pg_policies
    UNION ALL SELECT 'security', string_agg(c.relname || c.relrowsecurity || c.relforcerowsecurity || coalesce(c.relacl::text, ''), ',' ORDER BY c.relname) FROM pg_class c WHERE c.relnamespace = 'prismq'::regnamespace
    UNION ALL SELECT 'workers', string_agg(worker_id || set_id::text, ',' ORDER BY worker_id) FROM prismq.workers WHERE worker_id <> 'w-a' UNION ALL SELECT 'meta', string_agg(key || value, ',' ORDER BY key) FROM prismq.meta WHERE key IN ('category_mode', 'draws')`;
  return JSON.stringify((await owner.query({ text: `${LOOK} UNION ALL ${rights}`, rowMode: 'array' })).rows);
}

/** What tells of `b`: its word, its ids, its name as a value. */
export function tellsOf(arena: Arena, text: string): string | null {
  const found = /canary-b|w-b|client:b|Held\.B|"b"/.exec(text);
  if (found !== null) return found[0];
  for (const [name, value] of Object.entries(arena.things)) if (name.startsWith('b.') && text.includes(value)) return `${name} ${value}`;
  return null;
}

export async function holds(arena: Arena, login: Login, sql: string, options: { readonly token?: string } = {}): Promise<void> {
  const { error, text } = await as(arena, login, sql, options);
  assert.equal(tellsOf(arena, text), null, `${login}: ${sql} answered ${text.slice(0, 500)}`);
  if (error !== null) assert.doesNotMatch(error, /canary-b/, `${login}: ${sql}`);
  assert.equal(await stateOf(arena.owner), arena.baseline, `${login}: ${sql} changed something of b (${error ?? 'no error'})`);
}

/** Refused outright: the transaction was undone, so nothing can have changed. */
export async function refused(arena: Arena, login: Login, sql: string, reason: RegExp = /permission denied|must be|not allowed|cannot/): Promise<void> {
  const { error, text } = await as(arena, login, sql);
  assert.match(error ?? `not refused: ${text.slice(0, 200)}`, reason, `${login}: ${sql}`);
}

/** The positive control: the same kind of thing is done with what is the caller's own. */
export async function works(arena: Arena, login: Login, sql: string, wanted: RegExp): Promise<void> {
  const { error, text } = await as(arena, login, sql, { commit: false });
  assert.equal(error, null, `${login}: ${sql}`);
  assert.match(text, wanted, `${login}: ${sql}`);
}
