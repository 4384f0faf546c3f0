// `npm run replay:postgres -- LCG.swf.gz`: a workload through two server processes on one PostgreSQL, worked by four worker processes
// over HTTP, and what the audit says of it. The PostgreSQL is of its own, as a disk keeps it. Exit 1 when anything was lost.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { argv, env, execPath, exit, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { createMapping } from '../../src/cli/replay/mapping.ts';
import { feed } from '../../src/cli/replay/run.ts';
import { inspect } from '../../src/cli/replay/swf.ts';
import { openQueue } from '../../src/index.ts';
import { startServer } from '../postgres/server.ts';

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: { servers: { type: 'string', default: '2' }, workers: { type: 'string', default: '4' }, limit: { type: 'string' } },
});
const file = resolve(env['INIT_CWD'] ?? '.', positionals[0] ?? '../shared/data/LCG.swf.gz');
const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : Number(values.limit);
const LOOK_MS = 1000;

const database = await startServer(undefined, 'fsync = on\nsynchronous_commit = on\nfull_page_writes = on\nshared_buffers = 256MB\n');
if (database === null) exit(1);
const url = await database.database({ bare: true });
const queue = await openQueue(url, { janitorMs: 0, connections: 4 });
const children: ChildProcess[] = [];

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const WORKER = fileURLToPath(new URL('./replay-worker.ts', import.meta.url));

/** A process of ours, when it has said what is waited for. */
function start(args: readonly string[], said: RegExp, key = ''): Promise<string> {
  const child = spawn(execPath, ['--conditions=prismq-source', ...args], { env: { ...env, PRISMQ_KEY: key }, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return new Promise((done, fail) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = said.exec(line);
      if (match !== null) done(match[1] ?? '');
    });
    child.once('exit', (code) => fail(new Error(`${args[0] ?? ''} ended: ${code}`)));
  });
}

try {
  const workload = await inspect(file);
  const total = Math.min(workload.jobs, limit);
  const servers = await Promise.all(
    Array.from({ length: Number(values.servers) }, () => start([MAIN, 'serve', '--url', url, '--port', '0'], /\burl(?:":"|=)(https?:\/\/[^"\s]+)/)),
  );
  const mapping = createMapping(workload.sites, Number.POSITIVE_INFINITY);
  const regions = new Set([...workload.sites.keys()].map((partition) => mapping.site(partition).region).filter((region) => region !== null));
  for (let i = 0; i < Number(values.workers); i++) {
    const { key } = await queue.admin().keys.create({ role: 'worker', name: `replay-${i}`, grants: [{ clientId: '*', pattern: '*' }] });
    await start([WORKER, servers[i % servers.length] as string, [...regions].join(',')], /ready/, key);
  }
  stdout.write(`${servers.length} servers, ${values.workers} workers, ${total} tasks, ${regions.size} regions\n`);
  const started = performance.now();
  let enqueued = 0;
  await feed(queue, { file, limit, speed: Number.POSITIVE_INFINITY, item: mapping.item, signal: new AbortController().signal, fed: (n) => (enqueued = n) });
  stdout.write(`${enqueued} enqueued after ${Math.round((performance.now() - started) / 1000)} s\n`);
  for (let left = total; left > 0; ) {
    const { byStatus } = await queue.admin().stats();
    left = total - byStatus.completed - byStatus.dead_letter - byStatus.cancelled;
    if (stderr.isTTY) stderr.write(`\r${total - left} of ${total} ended `);
    if (left > 0) await new Promise((done) => setTimeout(done, LOOK_MS));
  }
  const seconds = (performance.now() - started) / 1000;
  const report = await queue.auditSummary();
  await queue.system().seal();
  const verdict = await queue.admin().audit.verify();
  stdout.write(
    `${JSON.stringify({ ...report, seconds: Math.round(seconds), tasks_per_second: Math.round(total / seconds), audit_rows: verdict.rows, audit_faults: verdict.faults.length })}\n`,
  );
  const good =
    report.completed === total && report.lost === 0 && report.unexplainedDuplicates === 0 && report.incompleteLogs === 0 && verdict.faults.length === 0;
  await end(good ? 0 : 1);
} catch (error) {
  stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  await end(1);
}

async function end(code: number): Promise<never> {
  for (const child of children.toReversed()) {
    child.removeAllListeners('exit');
    const gone = new Promise((done) => child.once('exit', done));
    if (child.exitCode === null && child.kill('SIGTERM')) await gone;
  }
  await queue.close();
  database?.stop();
  exit(code);
}
