// Behind PgBouncer in transaction mode: nothing is prepared, contexts are for any backend, LISTEN goes to the server itself.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openQueue } from '../../src/index.ts';
import type { PostgresLogins } from '../../src/index.ts';
import { envLines, parseEnvLines, setupPostgresUrl } from '../../src/postgres.ts';
import { binaries, runner, startServer } from './server.ts';
import type { Server } from './server.ts';

const BOUNCER = '/usr/sbin/pgbouncer';

describe('behind PgBouncer', { skip: binaries().length === 0 || !existsSync(BOUNCER) }, () => {
  let server: Server;
  let folder: string;
  let child: ReturnType<typeof spawn>;
  let logins: PostgresLogins;
  let direct: PostgresLogins;
  before(async () => {
    server = (await startServer()) as Server;
    const url = await server.database({ bare: true });
    direct = parseEnvLines(envLines(await setupPostgresUrl(url, { randomHex: (n) => randomBytes(n).toString('hex'), dedicated: false }))) as PostgresLogins;
    folder = mkdtempSync(join(tmpdir(), 'prismq-bouncer-'));
    chmodSync(folder, 0o777);
    const urls = [direct.clientUrl, direct.workerUrl, direct.adminUrl].map((one) => new URL(one));
    writeFileSync(join(folder, 'users'), urls.map(({ username, password }) => `"${username}" "${password}"\n`).join(''));
    const settings = {
      listen_addr: '',
      unix_socket_dir: folder,
      listen_port: '6432',
      auth_type: 'trust',
      auth_file: join(folder, 'users'),
      pool_mode: 'transaction',
      // Fewer backends than connections: they are shared for sure.
      default_pool_size: '2',
      ignore_startup_parameters: 'extra_float_digits',
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
    writeFileSync(join(folder, 'ini'), `[databases]\n* = host=${new URL(url).searchParams.get('host')}\n[pgbouncer]\n${lines.join('\n')}\n`);
    child = spawn(BOUNCER, [join(folder, 'ini')], { ...runner(), stdio: ['ignore', 'ignore', 'pipe'] });
    await new Promise<void>((resolve, reject) => {
      child.stderr?.setEncoding('utf8').on('data', (text: string) => text.includes('process up') && resolve());
      child.once('exit', (code) => reject(new Error(`pgbouncer ended with ${code}`)));
    });
    const through = (one: string): string => one.replace(/host=[^&]*/, `host=${encodeURIComponent(folder)}`).replace('@localhost/', '@localhost:6432/');
    logins = { ...direct, clientUrl: through(direct.clientUrl), workerUrl: through(direct.workerUrl), adminUrl: through(direct.adminUrl) };
  });
  after(() => {
    child?.kill('SIGINT');
    server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('the whole queue works for many tenants at once, each with its own', async () => {
    await using queue = await openQueue(logins, { pooled: true, listenUrl: direct.clientUrl, janitorMs: 0, connections: 6 });
    const ids = Array.from({ length: 8 }, (_, i) => `t${i}`);
    await Promise.all(ids.map((id) => Promise.all(Array.from({ length: 25 }, (_, n) => queue.client(id).enqueue('Pooled.Job', { id, n })))));
    const lists = await Promise.all(ids.map((id) => queue.client(id).list({ limit: 100 })));
    for (const [i, list] of lists.entries()) assert.deepEqual([list.items.length, new Set(list.items.map((task) => task.clientId))], [25, new Set([ids[i]])]);
    const worker = queue.worker('w');
    const tasks = await worker.claim({ max: 200 });
    assert.equal(tasks.length, 200);
    const answers = await worker.settle(tasks.map(({ clientId, taskId, leaseId }) => ({ clientId, taskId, leaseId, op: 'complete' })));
    assert.ok(answers.every((answer) => answer.ok));
    const audit = await queue.auditSummary();
    assert.deepEqual([audit.completed, audit.lost, audit.incompleteLogs], [200, 0, 0]);
  });

  it('a notification reaches a waiting worker by the direct connection, and without one it polls', async () => {
    await using queue = await openQueue(logins, { pooled: true, listenUrl: direct.clientUrl, janitorMs: 0 });
    await using other = await openQueue(logins, { pooled: true, listenUrl: direct.clientUrl, janitorMs: 0 });
    await using deaf = await openQueue(logins, { pooled: true, listenUrl: null, janitorMs: 0 });
    await other.client('warm').enqueue('Other.Job');
    for (const waiting of [queue, deaf]) {
      const claiming = waiting.worker('w').claim({ types: ['Wake.*'], waitMs: 20_000 });
      await other.client('t0').enqueue('Wake.Job');
      const [task] = await claiming;
      assert.equal(task?.type, 'Wake.Job');
    }
  });

  it('one URL for everything is refused: its roles are of the session', async () => {
    await assert.rejects(openQueue(direct.adminUrl, { pooled: true }), { code: 'invalid_input' });
  });
});
