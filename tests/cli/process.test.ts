// The command line as a process: exit codes, streams, the folder of npm, signals.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { json, outside, start, temporaryFolder } from './rig.ts';
import type { Surroundings } from './rig.ts';

interface Task {
  readonly status: string;
  readonly result?: unknown;
  readonly logs: readonly { readonly event: string }[];
}
const taskOf = (id: string, there: Surroundings): Promise<Task> => json<Task>(['task', id, '--payload'], there);
const enqueue = async (there: Surroundings, ...argv: readonly string[]): Promise<string> => (await json<{ id: string }>(['enqueue', ...argv], there)).id;

it('a session from the first task to its result', async () => {
  const there = { base: temporaryFolder() };
  writeFileSync(
    join(there.base, 'handlers.ts'),
    `export const handlers: object = { 'Mail.*': async (input: { to: string }, ctx: { attempt: number }) => {\n  if (input.to === 'nobody') throw new Error('no such\\u001b[31m mailbox');\n  return \`mailed \${input.to}\`;\n} };\n`,
  );
  const first = await outside(['enqueue', 'Mail.Send', '-', '--client', 'acme'], { ...there, stdin: '{"to":"ada"}' });
  assert.deepEqual([first.code, /^[0-9a-f-]{36}\n$/.test(first.out)], [0, true], first.err);
  const bad = await enqueue(there, 'Mail.Send', '{"to":"nobody"}', '--client', 'globex', '--max-attempts', '1');
  const worked = await outside(['worker', '--handlers', './handlers.ts', '--drain', '--json'], there);
  assert.equal(worked.code, 0, worked.err);
  const { completed, failed, worker_id } = JSON.parse(worked.out) as { completed: number; failed: number; worker_id: string };
  assert.deepEqual([completed, failed, typeof worker_id], [1, 1, 'string']);
  assert.match(worked.err, /failed: Mail\.Send \S+ of globex, attempt 1, now dead_letter: Error: no such\\x1b\[31m mailbox/);
  const done = await taskOf(first.out.trim(), there);
  assert.deepEqual([done.status, done.result, done.logs.map((entry) => entry.event)], ['completed', 'mailed ada', ['enqueue', 'claim', 'complete']]);
  assert.equal((await taskOf(bad, there)).status, 'dead_letter');
  const table = await outside(['tasks', '--status', 'dead_letter'], there);
  assert.match(table.out, /globex +Mail\.Send +dead_letter/);
  assert.ok(!table.out.includes('\x1b'), 'no colours where nobody looks at a terminal');
});

it('errors end with the code of the table, on the right stream, without a stack', async () => {
  const there = { base: temporaryFolder() };
  const [usage, absent, version] = await Promise.all([outside(['tsks'], there), outside(['tasks', '--json'], there), outside(['--version'], there)]);
  assert.deepEqual([usage.code, usage.out], [2, '']);
  assert.match(usage.err, /^error \[invalid_input\]: unknown command 'tsks' \(Did you mean tasks\?\)\n$/);
  assert.deepEqual([absent.code, absent.err], [7, '']);
  assert.equal((JSON.parse(absent.out) as { error: { code: string } }).error.code, 'store_unavailable');
  assert.deepEqual([version.code, /^\d+\.\d+\.\d+\n$/.test(version.out)], [0, true]);
});

it('paths and the queue are those of the folder in which npm was called', async () => {
  const base = temporaryFolder();
  mkdirSync(join(base, 'sub'));
  const { code } = await outside(['enqueue', 'A.B'], { base, env: { INIT_CWD: join(base, 'sub') } });
  assert.equal(code, 0);
  assert.deepEqual([existsSync(join(base, 'sub', 'prismq.db')), existsSync(join(base, 'prismq.db'))], [true, false]);
  const named = await outside(['stats', '--json'], { base, env: { PRISMQ_DB: 'sub/prismq.db' } });
  assert.equal((JSON.parse(named.out) as { total: number }).total, 1);
});

it('a reader that goes away early is no failure', async () => {
  const there = { base: temporaryFolder() };
  for (let i = 0; i < 3; i++) await enqueue(there, 'A.B');
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const { stderr } = spawnSync('sh', ['-c', `"${process.execPath}" --conditions=prismq-source "${main}" tasks --json | head -c 1`], {
    cwd: there.base,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  assert.equal(stderr, '');
});

describe('a worker that is told to stop', () => {
  const waiting = `import { appendFileSync } from 'node:fs';
export const handlers = { 'Slow.Task': (input, ctx) => new Promise((resolve) => {
  process.stderr.write('started\\n');
  if (!input.deaf) { const timer = setTimeout(resolve, input.ms); ctx.signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }); }
  else setInterval(() => undefined, 1000);
}) };\n`;
  const prepared = (): Surroundings => {
    const base = temporaryFolder();
    writeFileSync(join(base, 'slow.mjs'), waiting);
    return { base };
  };

  it('finishes what runs, leaves in good order and says what it did', async () => {
    const there = prepared();
    const id = await enqueue(there, 'Slow.Task', '{"ms":400}');
    const worker = start(['worker', '--handlers', 'slow.mjs', '--json'], there);
    await worker.hasSaid('started');
    worker.child.kill('SIGTERM');
    const { code, out, err } = await worker.ended;
    assert.equal(code, 0, err);
    assert.equal((JSON.parse(out) as { completed: number }).completed, 1);
    assert.equal((await taskOf(id, there)).status, 'completed');
    assert.deepEqual(await json(['workers'], there), { items: [] });
  });

  it('ends at once when it is told a second time, and the task is not lost', async () => {
    const there = prepared();
    const id = await enqueue(there, 'Slow.Task', '{"deaf":true}');
    const worker = start(['worker', '--handlers', 'slow.mjs'], there);
    await worker.hasSaid('started');
    worker.child.kill('SIGINT');
    await worker.hasSaid('once more to stop at once');
    worker.child.kill('SIGINT');
    assert.equal((await worker.ended).code, 130);
    assert.equal((await taskOf(id, there)).status, 'leased');
  });
});

it('a list that is watched is shown again until it is interrupted', async () => {
  const there = { base: temporaryFolder() };
  const id = await enqueue(there, 'A.B');
  const watching = start(['tasks', '--watch', '--json'], there);
  const seen = Promise.withResolvers<void>();
  let out = '';
  watching.child.stdout?.on('data', (text: string) => {
    out += text;
    if (out.split('\n').length > 2) seen.resolve();
  });
  await seen.promise;
  watching.child.kill('SIGINT');
  assert.equal((await watching.ended).code, 0);
  for (const line of out.trimEnd().split('\n')) assert.ok(line.includes(id) && JSON.parse(line));
});
