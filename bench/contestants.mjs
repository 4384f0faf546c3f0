// Adapters for a queue bench that compares libraries: `prismq-sqlite` claims up to 500 tasks at once, `prismq-sqlite-1` one at a
// time, and the same on PostgreSQL. Isolation, audit and full durability are on in all. The files lie in the folder BENCH_DATA
// names; BENCH_PGHOST (a host or the folder of a socket), BENCH_PGPORT and BENCH_PGUSER (a superuser) name the server.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openQueue, setupPostgres, startWorker } from '../src/index.ts';
import { parseEnvLines } from '../src/postgres.ts';

const LEASE_MS = 30_000;

/** What is the same on every engine; `queue()` is the one that `setup` opened. */
function adapter({ name, prefetch, concurrency, queue }) {
  const client = (tenant) => queue().client(`t${tenant}`);
  return {
    name,
    async enqueueOne(job) {
      await client(job.tenant).enqueue(job.type, job.payload);
    },
    async enqueueMany(jobs) {
      // All tenants' calls at once, so that they commit together.
      const answers = await Promise.all(
        [...Map.groupBy(jobs, (job) => job.tenant)].map(([tenant, own]) => client(tenant).enqueueMany(own.map(({ type, payload }) => ({ type, payload })))),
      );
      const refused = answers.flat().find((answer) => !answer.ok);
      if (refused) throw new Error(`${refused.code}: ${refused.message}`);
    },
    async consume({ types, concurrency: asked, onJob }) {
      const handlers = Object.fromEntries(types.map((type) => [type, (payload) => onJob(payload)]));
      const worker = startWorker(queue(), handlers, { concurrency: concurrency ?? asked, prefetch, leaseMs: LEASE_MS });
      worker.done.catch(console.error);
      return { stop: () => worker.stop({ graceMs: 2000 }) };
    },
    async unfinished() {
      const { total, byStatus } = await queue().admin().stats();
      return total - byStatus.completed - byStatus.dead_letter - byStatus.cancelled;
    },
    async teardown() {
      await queue().close();
    },
  };
}

function sqlite(given) {
  const folder = process.env.BENCH_DATA;
  if (!folder) throw new Error('set BENCH_DATA to the folder for the database files');
  const file = join(folder, `${given.name}.db`);
  let queue;
  return {
    ...adapter({ ...given, queue: () => queue }),
    family: 'sqlite',
    file,
    async setup({ fresh }) {
      if (fresh) for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
      queue = await openQueue(file, { synchronous: 'FULL', onError: console.error });
    },
    // Counts the log beside the file: through the public API it can not be folded into it.
    async bytes() {
      return [file, `${file}-wal`].reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
    },
  };
}

/** The three logins that \`prismq setup\` makes, so that row security, signing and column rights are what a real gateway has. */
function postgres(given) {
  const host = process.env.BENCH_PGHOST ?? '127.0.0.1';
  const port = process.env.BENCH_PGPORT ?? '54329';
  const user = process.env.BENCH_PGUSER ?? 'postgres';
  const database = `bench_${given.name.replaceAll('-', '_')}`;
  const urlOf = (name) =>
    host.startsWith('/') ? `postgres://${user}@localhost:${port}/${name}?host=${encodeURIComponent(host)}` : `postgres://${user}@${host}:${port}/${name}`;
  const ask = async (name, sql) => {
    const one = new pg.Client({ connectionString: urlOf(name) });
    await one.connect();
    try {
      return await one.query({ text: sql, rowMode: 'array' });
    } finally {
      await one.end();
    }
  };
  const logins = join(process.env.BENCH_DATA ?? tmpdir(), `${database}.env`);
  let queue;
  return {
    ...adapter({ ...given, queue: () => queue }),
    family: 'postgres',
    async setup({ fresh }) {
      if (fresh) {
        await ask('postgres', `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
        await ask('postgres', `CREATE DATABASE ${database}`);
        rmSync(logins, { force: true });
        writeFileSync(logins, (await setupPostgres(urlOf(database), { dedicated: true })).lines, { mode: 0o600 });
      }
      queue = await openQueue(parseEnvLines(readFileSync(logins, 'utf8')), { onError: console.error });
    },
    async analyze() {
      await ask(database, 'VACUUM ANALYZE');
    },
    async bytes() {
      return Number((await ask(database, 'SELECT pg_database_size(current_database())')).rows[0][0]);
    },
    async teardown({ drop } = {}) {
      await queue.close();
      if (drop) await ask('postgres', `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    },
  };
}

export const CONTESTANTS = {
  'prismq-sqlite': async () => sqlite({ name: 'prismq-sqlite', prefetch: 500 }),
  'prismq-sqlite-1': async () => sqlite({ name: 'prismq-sqlite-1', prefetch: 0, concurrency: 1 }),
  'prismq-postgres': async () => postgres({ name: 'prismq-postgres', prefetch: 500 }),
  'prismq-postgres-1': async () => postgres({ name: 'prismq-postgres-1', prefetch: 0, concurrency: 1 }),
  // No prefetch, and as many at once as graphile-default runs.
  'prismq-postgres-24': async () => postgres({ name: 'prismq-postgres-24', prefetch: 0, concurrency: 24 }),
};
export const CONCURRENCY = { 'prismq-sqlite': 10, 'prismq-sqlite-1': 1, 'prismq-postgres': 10, 'prismq-postgres-1': 1, 'prismq-postgres-24': 24 };
/** The part of the bench's --n each drains: enough to last about 2 seconds. */
export const SHARE = { 'prismq-sqlite': 1, 'prismq-sqlite-1': 0.15, 'prismq-postgres': 1, 'prismq-postgres-1': 0.05, 'prismq-postgres-24': 0.2 };
