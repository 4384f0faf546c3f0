// Adapters for a queue bench that compares libraries: `prismq-sqlite` claims up to 500 tasks at once, `prismq-sqlite-1` one at a
// time. Isolation, audit and full durability are on in both. The files lie in the folder BENCH_DATA names.
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openQueue, startWorker } from '../src/index.ts';

const LEASE_MS = 30_000;

function adapter({ name, prefetch, concurrency }) {
  const folder = process.env.BENCH_DATA;
  if (!folder) throw new Error('set BENCH_DATA to the folder for the database files');
  const file = join(folder, `${name}.db`);
  let queue;
  const client = (tenant) => queue.client(`t${tenant}`);
  return {
    name,
    family: 'sqlite',
    file,
    async setup({ fresh }) {
      if (fresh) for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
      queue = await openQueue(file, { synchronous: 'FULL', onError: console.error });
    },
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
      const worker = startWorker(queue, handlers, { concurrency: concurrency ?? asked, prefetch, leaseMs: LEASE_MS });
      worker.done.catch(console.error);
      return { stop: () => worker.stop({ graceMs: 2000 }) };
    },
    async unfinished() {
      const { total, byStatus } = await queue.admin().stats();
      return total - byStatus.completed - byStatus.dead_letter - byStatus.cancelled;
    },
    // Counts the log beside the file: through the public API it can not be folded into it.
    async bytes() {
      return [file, `${file}-wal`].reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
    },
    async teardown() {
      await queue.close();
    },
  };
}

export const CONTESTANTS = {
  'prismq-sqlite': async () => adapter({ name: 'prismq-sqlite', prefetch: 500 }),
  'prismq-sqlite-1': async () => adapter({ name: 'prismq-sqlite-1', prefetch: 0, concurrency: 1 }),
};
export const CONCURRENCY = { 'prismq-sqlite': 10, 'prismq-sqlite-1': 1 };
/** The part of the bench's --n each drains: enough to last about 2 seconds. */
export const SHARE = { 'prismq-sqlite': 1, 'prismq-sqlite-1': 0.15 };
