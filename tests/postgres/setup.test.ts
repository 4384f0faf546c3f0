// `prismq setup` and the logins that it makes: written once, used by every command, refused when they are not safe.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openQueue } from '../../src/index.ts';
import type { PostgresLogins } from '../../src/index.ts';
import { parseEnvLines } from '../../src/postgres.ts';
import { passedOn } from '../cli/rig.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname;

describe('setup', { skip: binaries().length === 0 }, () => {
  let server: Server;
  let folder: string;
  let url: string;
  let file: string;
  let logins: PostgresLogins;
  const run = (args: readonly string[], env: Record<string, string> = {}): string =>
    execFileSync(process.execPath, ['--conditions=prismq-source', '--no-warnings', '--', CLI, ...args], {
      encoding: 'utf8',
      cwd: folder,
      env: { ...passedOn(), ...env },
    });

  before(async () => {
    server = (await startServer()) as Server;
    folder = mkdtempSync(join(tmpdir(), 'prismq-setup-'));
    url = await server.database({ bare: true });
    file = join(folder, 'prismq.env');
    run(['setup', '--url', url, '--env-file', file]);
    logins = parseEnvLines(readFileSync(file, 'utf8')) as PostgresLogins;
  });
  after(() => {
    server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('writes lines that sh can source, for the owner alone, and again the same', () => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const before = readFileSync(file, 'utf8');
    const sourced = execFileSync('sh', ['-c', `. ${file}; printf %s "$PRISMQ_CLIENT_URL"`], { encoding: 'utf8' });
    assert.equal(sourced, logins.clientUrl);
    run(['setup', '--url', url, '--env-file', file]);
    assert.equal(readFileSync(file, 'utf8'), before);
  });

  it('makes logins by which the whole queue works', async () => {
    await using queue = await openQueue(logins, { janitorMs: 0 });
    const task = await queue.client('acme').enqueue('Mail.Send', { to: 'a' });
    const worker = queue.worker('w');
    const [claimed] = await worker.claim();
    assert.equal(claimed?.taskId, task.taskId);
    await worker.complete(claimed as NonNullable<typeof claimed>, { sent: true });
    assert.equal((await queue.client('acme').get(task.taskId)).status, 'completed');
    assert.equal((await queue.admin().stats()).total, 1);
    assert.deepEqual(await queue.system().tick(), { expired: 0, promoted: 0, buried: 0, lapsed: 0, purged: 0 });
  });

  it('gives every command its queue by the environment', () => {
    const env = {
      PRISMQ_CLIENT_URL: logins.clientUrl,
      PRISMQ_WORKER_URL: logins.workerUrl,
      PRISMQ_ADMIN_URL: logins.adminUrl,
      PRISMQ_SIGNING_KEY: logins.signingKey,
    };
    run(['enqueue', 'Cli.Job', '{"n":1}', '--client', 'shell'], env);
    const { items } = JSON.parse(run(['tasks', '--json', '--client', 'shell'], env)) as { items: { type: string }[] };
    assert.deepEqual(
      items.map((task) => task.type),
      ['Cli.Job'],
    );
    assert.throws(() => run(['tasks'], { PRISMQ_CLIENT_URL: logins.clientUrl }), /PRISMQ_WORKER_URL/);
  });

  it('prints the SQL that it would run', () => {
    const sql = run(['setup', '--print-sql']);
    assert.match(sql, /CREATE SCHEMA prismq/);
    assert.doesNotMatch(sql, /pg_stat_activity/);
    assert.match(run(['setup', '--print-sql', '--dedicated-database']), /pg_stat_activity/);
  });

  it('is refused with the reason for a login that row security does not bind', async () => {
    for (const [wrong, reason] of [
      [{ ...logins, clientUrl: url }, /superuser/],
      [{ ...logins, clientUrl: logins.workerUrl }, /prismq_worker/],
    ] as const)
      await assert.rejects(openQueue(wrong, { janitorMs: 0 }), { code: 'store_refused', message: reason });
    const otherKey = { ...logins, signingKey: `k00000000:${'0'.repeat(64)}` };
    await assert.rejects(openQueue(otherKey, { janitorMs: 0 }), { code: 'forbidden' });
  });

  it('refuses a login with a second class, a table without forced row security and a function for PUBLIC', async () => {
    const role = new URL(logins.clientUrl).username;
    for (const [harm, repair, reason] of [
      [`GRANT prismq_admin TO ${role}`, `REVOKE prismq_admin FROM ${role}`, /prismq_admin/],
      [`ALTER ROLE ${role} BYPASSRLS`, `ALTER ROLE ${role} NOBYPASSRLS`, /BYPASSRLS/],
      [`GRANT prismq_engine TO ${role}`, `REVOKE prismq_engine FROM ${role}`, /prismq_engine/],
      ['ALTER TABLE prismq.tasks NO FORCE ROW LEVEL SECURITY', 'ALTER TABLE prismq.tasks FORCE ROW LEVEL SECURITY', /prismq\.tasks/],
      ['GRANT EXECUTE ON FUNCTION prismq.context() TO PUBLIC', 'REVOKE EXECUTE ON FUNCTION prismq.context() FROM PUBLIC', /prismq\.context/],
      ['ALTER VIEW prismq.task_queue SET (security_invoker = false)', 'ALTER VIEW prismq.task_queue SET (security_invoker = true)', /task_queue/],
    ] as const) {
      await server.query(url, harm);
      await assert.rejects(openQueue(logins, { janitorMs: 0 }), { code: 'store_refused', message: reason });
      await server.query(url, repair);
    }
    await (await openQueue(logins, { janitorMs: 0 })).close();
  });
});
