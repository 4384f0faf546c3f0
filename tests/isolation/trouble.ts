// `npm run trouble:postgres`: a queue under load while its PostgreSQL is stopped at once and started, while every connection is cut and
// while an old snapshot is held. Reports how long it takes until as much is done again as before, and whether anything was lost.
import { setTimeout as pause } from 'node:timers/promises';
import { exit, stdout } from 'node:process';
import pg from 'pg';
import { QueueError, openQueue, startWorker } from '../../src/index.ts';
import { startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';

const SAMPLE_MS = 250;
/** Of the load before, as a part. */
const BACK = 0.8;
const STEADY_SAMPLES = 12;
const MOST_SAMPLES = 80;
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const CUT = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`;

const held: pg.Client[] = [];
const HARM: Readonly<Record<string, (server: Server, url: string) => Promise<unknown>>> = {
  'the server is stopped at once and started': (server) => server.restart('immediate'),
  'every connection is cut': (server, url) => server.query(url, CUT),
  'an old snapshot is held': async (_, url) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('SELECT count(*) FROM prismq.tasks');
    held.push(client);
  },
};

const server = await startServer(undefined, 'fsync = on\nsynchronous_commit = on\nfull_page_writes = on\n');
if (server === null) exit(1);
let lost = 0;
for (const [name, harm] of Object.entries(HARM)) lost += await under(server, name, harm);
await Promise.all(held.map((client) => client.end()));
server.stop();
exit(lost === 0 ? 0 : 1);

/** Answers how many were acknowledged and are not completed. */
async function under(at: Server, name: string, harm: (server: Server, url: string) => Promise<unknown>): Promise<number> {
  const url = await at.database({ realClock: true });
  const queue = await openQueue(url, { janitorMs: 200 });
  let done = 0;
  const worker = startWorker(
    queue,
    { 'Load.*': () => undefined },
    { leaseMs: 2000, pollMs: 100, concurrency: 50, logger: SILENT, onEvent: ({ type }) => void (done += type === 'ended' ? 1 : 0) },
  );
  const acknowledged = new Set<string>();
  let over = false;
  const producers = Array.from({ length: 8 }, async (_, p) => {
    for (let n = 0; !over; n++)
      for (let isIn = false; !isIn; )
        try {
          acknowledged.add((await queue.client('acme').enqueue('Load.Job', n, { idempotencyKey: `${p}.${n}` })).taskId);
          isIn = true;
        } catch (error) {
          if (!(error instanceof QueueError) || !error.retryable) throw error;
          await pause(20);
        }
  });
  const sample = async (): Promise<number> => {
    const before = done;
    await pause(SAMPLE_MS);
    return done - before;
  };
  while ((await sample()) === 0);
  let steady = 0;
  for (let i = 0; i < STEADY_SAMPLES; i++) steady += (await sample()) / STEADY_SAMPLES;
  const harmed = performance.now();
  await harm(at, url);
  const harmMs = performance.now() - harmed;
  let back: number | null = null;
  for (let i = 0; i < MOST_SAMPLES && back === null; i++) if ((await sample()) >= steady * BACK) back = performance.now() - harmed;
  over = true;
  await Promise.all(producers);
  for (let i = 0; i < 600 && (await queue.client('acme').stats()).byStatus.completed < acknowledged.size; i++) await pause(100);
  await worker.stop({ graceMs: 2000 });
  const audit = await queue.auditSummary();
  const missing = acknowledged.size - audit.completed;
  const report = {
    trouble: name,
    tasks_per_second_before: Math.round((steady * 1000) / SAMPLE_MS),
    // Of that, until the server took connections again.
    trouble_ms: Math.round(harmMs),
    back_after_ms: back === null ? null : Math.round(back),
    acknowledged: acknowledged.size,
    lost: Math.max(0, missing, audit.lost),
    unexplained_duplicates: audit.unexplainedDuplicates,
  };
  stdout.write(`${JSON.stringify(report)}\n`);
  await queue.close();
  return report.lost + report.unexplained_duplicates;
}
