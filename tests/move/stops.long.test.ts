// A move that is stopped, disturbed or cheated: it goes on where it was, nobody writes meanwhile, and what differs is found.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, test } from 'node:test';
import type { TestContext } from 'node:test';
import { mover } from '../../src/index.ts';
import type { MoveReport, MoveStep, Queue } from '../../src/index.ts';
import { inside, outside } from '../cli/rig.ts';
import { startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';
import { differences, folderOf, moveAll, quiet } from './rig.ts';
import { fill, portrait, workerIn } from './world.ts';

const server = (await startServer()) as Server;
const skip = server === null;
after(() => server?.stop());

/** Enough that a move takes several batches of tasks and of log rows. */
async function stocked(t: TestContext, url: string, tasks = 1500): Promise<Queue> {
  const queue = await quiet(t, url);
  await fill(queue);
  for (let i = 0; i < tasks; i += 500)
    await queue
      .client(`c${i % 3}`)
      .enqueueMany(Array.from({ length: 500 }, (_, n) => ({ type: 'Mail.Bulk', payload: { text: 'x'.repeat(50), n }, metadata: { n: String(n % 7) } })));
  await queue.system().seal();
  return queue;
}

const HALTING = fileURLToPath(new URL('./halting.ts', import.meta.url));

/** Kills a move with SIGKILL at a step; false when it ended without coming there. */
async function killedAt(from: string, to: string, step: string, note?: string): Promise<boolean> {
  const child = spawn(process.execPath, ['--conditions=prismq-source', HALTING, from, to, step, ...(note === undefined ? [] : [note])]);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const here = new Promise<boolean>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => resolve(text === 'here\n'));
    child.once('exit', () => resolve(false));
  });
  const isHere = await here;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
  assert.ok(isHere || said === '', said);
  return isHere;
}

const STOPS = [
  ['hold'],
  ['load', 'lanes'],
  ['load', 'workers'],
  ['load', 'tasks'],
  ['load', 'tasks'],
  ['load', 'ready'],
  ['load', 'task_messages'],
  ['load', 'audit_seals'],
  ['load', 'task_events'],
  ['load', 'audit_passed'],
  ['close'],
  ['open'],
] as const;

for (const back of [false, true])
  test(`killed at every step on the way ${back ? 'to a file' : 'to PostgreSQL'}, it goes on and ends whole`, { skip }, async (t) => {
    const folder = folderOf(t);
    const source = back ? await server.database({ realClock: true }) : join(folder, 'a.db');
    const target = back ? join(folder, 'b.db') : await server.database({ bare: true });
    const old = await stocked(t, source);
    const before = await portrait(old);
    for (const [step, note] of STOPS) {
      assert.equal(await killedAt(source, target, step, note), true, `${step} ${note ?? ''}`);
      await assert.rejects(old.client('acme').enqueue('Mail.Send'), { code: step === 'open' ? 'store_moved' : 'store_moving' });
      if (back) assert.equal(existsSync(target), false, 'the file has its name when it is whole');
      else if (step !== 'hold')
        await assert.rejects(
          quiet(t, target).then((early) => early.client('acme').enqueue('Mail.Send')),
          { code: 'store_moving', message: /being moved here from/ },
        );
    }
    const argv = ['migrate-store', '--from', source, '--to', target, '--json'];
    const { code, out, err } = await outside(argv, { base: folder });
    assert.equal(code, 0, `${out}${err}`);
    const report = JSON.parse(out) as { readonly equal: boolean; readonly resumed: boolean; readonly restore_epoch: number };
    assert.deepEqual([report.equal, report.resumed, report.restore_epoch], [true, true, 1], 'the epoch is raised once');
    const queue = await quiet(t, target);
    assert.deepEqual(await portrait(queue), before);
    await queue.client('acme').enqueue('Mail.Send');
    const again = await outside(argv, { base: folder });
    assert.equal(again.code, 0, 'asked again, it tells how it ended');
    assert.deepEqual({ ...JSON.parse(again.out), resumed: true }, { ...JSON.parse(out), resumed: true });
  });

/** A move that waits at a step until it is told to go on. */
async function halted(from: string, to: string, at: (step: MoveStep) => boolean): Promise<{ readonly report: Promise<MoveReport>; goOn(): void }> {
  const here = Promise.withResolvers<void>();
  const on = Promise.withResolvers<void>();
  const moving = await mover();
  const report = moving.move(
    { from, to },
    {
      leases: 'carry',
      async told(step) {
        if (!at(step)) return;
        here.resolve();
        await on.promise;
      },
    },
  );
  await Promise.race([here.promise, report.then(() => Promise.reject(new Error('it ended without a halt')))]);
  return { report, goOn: on.resolve };
}

for (const engine of ['a file', 'PostgreSQL'] as const)
  test(`while ${engine} is moved it is read as before, and every writer is refused with what to do`, { skip }, async (t) => {
    const folder = folderOf(t);
    const source = engine === 'a file' ? join(folder, 'a.db') : await server.database({ realClock: true });
    const target = engine === 'a file' ? await server.database({ bare: true }) : join(folder, 'b.db');
    const queue = await stocked(t, source, 0);
    const before = await portrait(queue);
    const { report, goOn } = await halted(source, target, ({ step, note }) => step === 'load' && note === 'tasks');
    const admin = queue.admin();
    const late = await quiet(t, source);
    const attempts: readonly (() => Promise<unknown>)[] = [
      () => queue.client('acme').enqueue('Mail.Send'),
      () => queue.client('nobody').enqueue('Mail.Send'),
      () => queue.client('acme').enqueueMany([{ type: 'Mail.Send' }, { type: 'Mail.New' }], { atomic: true }),
      () => workerIn(queue).claim({ max: 1 }),
      () => workerIn(queue).beat('ready'),
      () => workerIn(queue).register({ capabilities: {} }),
      () => admin.clients.create('later'),
      () => admin.clients.suspend('acme'),
      () => admin.keys.create({ role: 'client', clientId: 'acme' }),
      () => admin.grants.create('w2', { clientId: 'acme', pattern: '*' }),
      () => admin.categories.set({ pattern: 'New.*', priority: 1 }),
      () => admin.categories.mode('registered'),
      () => late.client('acme').enqueue('Mail.Send'),
    ];
    for (const [i, attempt] of attempts.entries())
      await assert.rejects(attempt(), (error: { code: string; message: string }) => {
        assert.equal(error.code, 'store_moving', `${i}: ${error.message}`);
        assert.match(error.message, /being moved to .*read and not written; try again/);
        assert.doesNotMatch(error.message, /:[^@/]*secret/);
        return true;
      });
    assert.deepEqual(await portrait(queue), before, 'it is read as before');
    assert.deepEqual(await portrait(late), before, 'also by who comes now');
    goOn();
    assert.equal((await report).equal, true, JSON.stringify(differences(await report)));
    await assert.rejects(queue.client('acme').enqueue('Mail.Send'), { code: 'store_moved' });
  });

const CHEATS = [
  [
    'a payload',
    `UPDATE tasks SET payload = '{"text":"forged"}' WHERE payload LIKE '{"text%' AND rowid = (SELECT min(rowid) FROM tasks WHERE payload LIKE '{"text%')`,
    'tasks',
    'changed',
  ],
  ['a task that is gone from its place', 'DELETE FROM delayed WHERE rowid = (SELECT min(rowid) FROM delayed)', 'delayed', 'missing'],
  ['a grant that was put in', `INSERT INTO worker_grants VALUES ('g9', 'w9', 'acme', '*', '{}', 0, 0)`, 'worker_grants', 'added'],
  ['the role of a key', `UPDATE api_keys SET scopes = NULL WHERE scopes IS NOT NULL`, 'api_keys', 'changed'],
  ['a row of the audit', `DROP TRIGGER task_events_no_update; UPDATE task_events SET actor = 'nobody' WHERE log_id = 5`, 'task_events', 'changed'],
] as const;

for (const [what, sql, table, why] of CHEATS)
  test(`${what} that was tampered with in the target is found, and nothing is opened`, { skip }, async (t) => {
    const folder = folderOf(t);
    const source = await server.database({ realClock: true });
    const target = join(folder, 'b.db');
    const old = await stocked(t, source, 0);
    const { report, goOn } = await halted(source, target, ({ step, note }) => step === 'load' && note === 'audit_passed');
    const db = new DatabaseSync(`${target}.moving`);
    db.exec(sql);
    db.close();
    goOn();
    const found = await report;
    assert.equal(found.equal, false);
    const wrong = found.tables.filter(({ differing }) => differing > 0);
    assert.deepEqual(
      wrong.map(({ name, examples }) => [name, examples[0]?.why]),
      [[table, why]],
    );
    assert.equal(found.audit.faults.length, table === 'task_events' ? 1 : 0);
    assert.equal(existsSync(target), false);
    // Asked again it says so again, with an exit code; undone, the source works and the move can be made anew.
    const argv = ['migrate-store', '--from', source, '--to', target];
    const again = await inside(argv, { base: folder });
    assert.equal(again.code, 1);
    assert.match(again.out, new RegExp(`${table}: ${why}`));
    assert.match(again.out, /The two differ.*--undo/);
    assert.equal((await inside([...argv, '--undo'], { base: folder })).code, 0);
    assert.equal(existsSync(`${target}.moving`), false);
    await old.client('acme').enqueue('Mail.Send');
    assert.equal((await moveAll(source, target)).equal, true);
  });

test('a move to PostgreSQL that is undone leaves the database empty and the file at work', { skip }, async (t) => {
  const folder = folderOf(t);
  const [source, target] = [join(folder, 'a.db'), await server.database({ bare: true })];
  const old = await stocked(t, source, 500);
  const before = await portrait(old);
  assert.equal(await killedAt(source, target, 'load', 'task_events'), true);
  await (await mover()).undo({ from: source, to: target });
  assert.deepEqual(await portrait(old), before);
  await old.client('acme').enqueue('Mail.Send');
  await assert.rejects((await mover()).undo({ from: source, to: target }), { code: 'store_refused', message: /is in no move/ });
  const plan = await (await mover()).plan({ from: source, to: target });
  assert.deepEqual(plan.obstacles, []);
  assert.equal((await moveAll(source, target)).equal, true);
  await assert.rejects((await mover()).undo({ from: source, to: target }), { code: 'store_refused', message: /works there/ });
});

test('running tasks are waited for: claims stop, their ends are taken, and then it moves', { skip }, async (t) => {
  const folder = folderOf(t);
  const [source, target] = [join(folder, 'a.db'), join(folder, 'b.db')];
  const queue = await quiet(t, source);
  const world = await fill(queue);
  const worker = workerIn(queue);
  let asked = 0;
  const report = await moveAll(source, target, {
    leases: 'drain',
    drainMs: 60_000,
    async told({ step }) {
      if (step !== 'drain' || asked++ > 0) return;
      await assert.rejects(worker.claim(), { code: 'store_moving', message: /about to move/ });
      await queue.client('acme').enqueue('Mail.Meanwhile');
      for (const lease of world.held) await worker.complete(lease);
    },
  });
  assert.ok(asked > 0);
  assert.deepEqual([report.equal, report.leases], [true, 0]);
  const { byStatus } = await (await quiet(t, target)).admin().stats();
  assert.deepEqual([byStatus.leased, byStatus.completed], [0, 1 + world.held.length]);
});

test('what stands in the way is said, and a dry run changes nothing', { skip }, async (t) => {
  const folder = folderOf(t);
  const base = { base: folder };
  const source = join(folder, 'a.db');
  const queue = await stocked(t, source, 0);
  const target = await server.database({ bare: true });
  const dry = await inside(['migrate-store', '--from', 'a.db', '--to', target, '--dry-run', '--json'], base);
  assert.equal(dry.code, 0, dry.out);
  const plan = JSON.parse(dry.out) as { tables: { name: string; rows: number }[]; obstacles: string[]; leases: number };
  assert.deepEqual([plan.obstacles, plan.leases], [[], 4]);
  assert.ok(plan.tables.some(({ name, rows }) => name === 'tasks' && rows > 10));
  assert.deepEqual(await server.query(target, `SELECT to_regclass('prismq.meta')`), [[null]]);
  await queue.client('acme').enqueue('Mail.Send');
  // Taken places, wrong ones, and none.
  const full = await server.database({ realClock: true });
  await (await quiet(t, full)).client('acme').enqueue('Mail.Send');
  const refusals = [
    [['--from', 'a.db', '--to', full], 7, /has a queue already/],
    [['--from', full, '--to', 'a.db'], 7, /there is a file/],
    [['--from', 'b.db', '--to', target], 7, /no queue at/],
    [['--from', 'a.db', '--to', 'a.db'], 2, /the same/],
    [['--from', 'a.db', '--to', 'https://queue.example'], 2, /not a server/],
    [['--from', 'a.db'], 2, /--to/],
    [['--from', 'a.db', '--to', target, '--leases', 'drop'], 2, /neither drain nor carry/],
    [['--from', target, '--to', 'c.db'], 7, /no queue at/],
  ] as const;
  for (const [argv, code, message] of refusals) {
    const said = await inside(['migrate-store', ...argv], base);
    assert.match(said.err, message, argv.join(' '));
    assert.equal(said.code, code, argv.join(' '));
  }
  await queue.client('acme').enqueue('Mail.Send');
});

test('a login that row security binds is refused: it would move what it sees, and say that this is all', { skip }, async (t) => {
  const folder = folderOf(t);
  const url = await server.database({ realClock: true });
  await server.query(url, `CREATE ROLE mover_${process.pid} LOGIN PASSWORD 'secret'; GRANT prismq_client, prismq_admin, prismq_worker TO mover_${process.pid}`);
  const bound = server.urlOf(new URL(url).pathname.slice(1), `mover_${process.pid}`, 'secret');
  const { code, err } = await inside(['migrate-store', '--from', bound, '--to', join(folder, 'b.db')], { base: folder });
  assert.equal(code, 7);
  assert.match(err, /needs the URL of a superuser/);
  assert.doesNotMatch(err, /secret/);
});
