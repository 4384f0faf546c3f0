// What the walls cost on PostgreSQL: the engine's own statements with row security, signing and audit, and without each of them. Only
// here are they taken away, in databases that go when it ends; the product has no switch. BENCH_PGHOST, BENCH_PGPORT and BENCH_PGUSER
// (a superuser, without a password) name the server. Arguments: tasks, rounds, batch.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { argv, env, hrtime } from 'node:process';
import pg from 'pg';
import { openPostgresStore, setupPostgresUrl } from '../src/postgres.ts';
import type { PostgresLogins, Store, StoreScope } from '../src/postgres.ts';

const [tasks, rounds, batch] = [Number(argv[2] ?? 20_000), Number(argv[3] ?? 3), Number(argv[4] ?? 500)];
const host = env['BENCH_PGHOST'] ?? '127.0.0.1';
const user = env['BENCH_PGUSER'] ?? 'postgres';
const port = env['BENCH_PGPORT'] ?? '54329';
const CLIENTS = 100;
const PAYLOAD = JSON.stringify({ i: 12_345, tenant: 7, at: 0, pad: 'x'.repeat(96) });
const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex');
const urlOf = (name: string): string => `postgres://${user}@localhost:${port}/${name}?host=${encodeURIComponent(host)}`;

const NO_ROW_SECURITY = `DO $$ DECLARE t regclass; BEGIN
  FOR t IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'prismq'::regnamespace AND c.relkind = 'r' LOOP
    EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', t);
  END LOOP; END $$`;
const NO_SIGNING = `CREATE OR REPLACE FUNCTION prismq.context() RETURNS text[] LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ SELECT (string_to_array(nullif(current_setting('prismq.ctx', true), ''), '|'))[3:5] $$`;
/** The functions of the hot path without the part that writes the audit. */
const HOT = `SELECT pg_get_functiondef(p.oid) AS text FROM pg_proc p WHERE p.pronamespace = 'prismq'::regnamespace AND p.proname IN ('enqueue_batch', 'claim_batch', 'settle_batch')`;
const TOLD = /, told AS \(\s*INSERT INTO prismq\.task_events[\s\S]*?\n *\)/g;

type Cut = (client: pg.Client) => Promise<unknown>;
const noRowSecurity: Cut = (client) => client.query(NO_ROW_SECURITY);
const noSigning: Cut = (client) => client.query(NO_SIGNING);
const noAudit: Cut = async (client) => {
  const { rows } = await client.query<{ text: string }>(HOT);
  for (const { text } of rows) {
    if (text.replace(TOLD, '') === text) throw new Error('the audit is written in another way: this script has to follow');
    await client.query(text.replace(TOLD, ''));
  }
};

const VARIANTS: Readonly<Record<string, readonly Cut[]>> = {
  whole: [],
  'without row security': [noRowSecurity],
  'without signing': [noSigning],
  'without audit': [noAudit],
  'without all three': [noRowSecurity, noSigning, noAudit],
};
type Step = 'enqueue' | 'claim' | 'settle';
interface Cost {
  readonly wall: number;
  readonly server: number;
}

async function admin<T>(database: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: urlOf(database) });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function prepared(database: string, cuts: readonly Cut[]): Promise<Store> {
  await admin('postgres', async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${database}`);
  });
  const store = await open(await setupPostgresUrl(urlOf(database), { randomHex, dedicated: true }));
  // The engine opens no database that lacks a wall: what goes, goes after.
  await admin(database, async (client) => {
    for (const cut of cuts) await cut(client);
  });
  return store;
}

const open = (connect: PostgresLogins): Promise<Store> =>
  openPostgresStore({
    connect,
    migrate: false,
    wallMs: Date.now,
    now: Date.now,
    replacedClock: false,
    connections: 1,
    pooled: false,
    listenUrl: null,
    onError: console.error,
    warn: console.warn,
    random: Math.random,
    randomHex,
    strategies: [],
    defaultBackoff: { initialMs: 1000, multiplier: 2, maxMs: 300_000, jitter: 0.1 },
    busyTimeoutMs: 5000,
    lanesPerClient: 10_000,
  });

/** CPU of the database's backends, ms. */
const serverMs = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const [ns = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return sum + Number(ns) / 1e6;
  }, 0);

let made = 0;
const taskId = (): string => {
  const hex = Date.now().toString(16).padStart(12, '0') + (made++).toString(16).padStart(20, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
};

const newTask = (i: number): Parameters<Store['enqueue']>[1][number] => ({
  taskId: taskId(),
  clientId: `t${i % CLIENTS}`,
  type: 't0',
  payload: PAYLOAD,
  compatibility: '{}',
  ...{
    region: null,
    limitKey: null,
    parentTaskId: null,
    dependsOn: [],
    format: null,
    ttlMs: null,
    runAfterUtc: null,
    expiresAtUtc: null,
    idempotencyKey: null,
    requestDigest: null,
  },
  ...{ dueAtUtc: null, maxWaitMs: null, metadata: null, createdBy: null, traceparent: null },
  priority: 100,
  maxAttempts: 5,
  delayMs: 0,
  maxRunMs: 3_600_000,
});

const CLIENT: StoreScope = { role: 'client', actor: 'client', clients: Array.from({ length: CLIENTS }, (_, i) => `t${i}`) };
const WORKER: StoreScope = { role: 'worker', actor: 'worker:bench', clients: '*', workerId: 'bench' };

async function run(store: Store, database: string): Promise<Record<Step, Cost>> {
  const grants = [{ clientId: '*', pattern: '*', attributes: {} }];
  await store.register(WORKER, { capabilities: {}, strategy: 'PRIORITY', fairness: 'weighted', versions: {}, grants });
  const cycle = async (count: number, note: (step: Step, work: () => Promise<void>) => Promise<void>): Promise<void> => {
    for (let from = 0; from < count; from += batch)
      await note('enqueue', async () => {
        const answers = await store.enqueue(
          CLIENT,
          Array.from({ length: batch }, (_, i) => newTask(from + i)),
          { atomic: false, createClients: true },
        );
        if (answers.some((answer) => !answer.ok)) throw new Error('an enqueue was refused');
      });
    for (let left = count; left > 0; ) {
      let claimed: Awaited<ReturnType<Store['claim']>> = [];
      await note('claim', async () => void (claimed = await store.claim(WORKER, { max: batch, leaseMs: 30_000 })));
      if (claimed.length === 0) throw new Error('a claim found nothing');
      await note('settle', async () => {
        const ends = claimed.map((task) => ({ clientId: task.clientId, taskId: task.taskId, leaseId: task.leaseId, op: 'complete' as const, runMs: 1 }));
        if ((await store.settle(WORKER, ends)).some((answer) => !answer.ok)) throw new Error('a settle was refused');
      });
      left -= claimed.length;
    }
  };
  // Connections, plans and the pages of the tables are there before the clock starts.
  await cycle(Math.max(batch * 2, 200), (_, work) => work());
  const pids = await admin(database, async (client) =>
    (await client.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE application_name = 'prismq' AND datname = $1`, [database])).rows.map(
      (row) => row.pid,
    ),
  );
  const costs: Record<Step, { wall: number; server: number }> = {
    enqueue: { wall: 0, server: 0 },
    claim: { wall: 0, server: 0 },
    settle: { wall: 0, server: 0 },
  };
  await cycle(tasks, async (step, work) => {
    const [before, start] = [serverMs(pids), hrtime.bigint()];
    await work();
    costs[step].wall += Number(hrtime.bigint() - start) / 1000 / tasks;
    costs[step].server += ((serverMs(pids) - before) * 1000) / tasks;
  });
  return costs;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
const all: { readonly variant: string; readonly costs: Record<Step, Cost> }[] = [];
for (let round = 0; round < rounds; round++)
  for (const [variant, cuts] of Object.entries(VARIANTS)) {
    const database = 'bench_prismq_walls';
    const store = await prepared(database, cuts);
    all.push({ variant, costs: await run(store, database) });
    await store.close();
  }
await admin('postgres', (client) => client.query('DROP DATABASE IF EXISTS bench_prismq_walls WITH (FORCE)'));

const of = (variant: string, step: Step, what: keyof Cost): number => median(all.filter((one) => one.variant === variant).map((one) => one.costs[step][what]));
const drained = (variant: string): number => of(variant, 'claim', 'wall') + of(variant, 'settle', 'wall');
console.log(
  `µs a task, batches of ${batch}, median of ${rounds} rounds of ${tasks} tasks: wall (server CPU); drain = claim + settle, cost = more than without all three`,
);
for (const variant of Object.keys(VARIANTS)) {
  const cells = (['enqueue', 'claim', 'settle'] as const).map(
    (step) => `${step} ${of(variant, step, 'wall').toFixed(1)} (${of(variant, step, 'server').toFixed(1)})`,
  );
  const rate = 1e6 / drained(variant);
  const bare = 1e6 / drained('without all three');
  console.log(`${variant.padEnd(22)} ${cells.join('  ')}  drain ${Math.round(rate)}/s, ${Math.round((1 - rate / bare) * 100)} % less`);
}
