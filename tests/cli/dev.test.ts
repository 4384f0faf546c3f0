// `prismq dev`, the first thing that a newcomer runs: it ends by itself where nobody sits at a terminal, and goes on where
// somebody does.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { after, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect } from '../../src/client/connect.ts';
import { run } from '../../src/cli/program.ts';
import { QueueError } from '../../src/domain/errors.ts';
import { openQueue } from '../../src/index.ts';
import { memoryIo, outside, passedOn, temporaryFolder } from './rig.ts';

interface DevAnswer {
  readonly url: string;
  readonly completed: number;
  readonly left: number;
  readonly foreign_task_answer: string;
  readonly audit: { readonly enqueued: number; readonly completed: number; readonly lost: number; readonly unexplained_duplicates: number };
  readonly keys: { readonly admin: string; readonly worker: string; readonly clients: Readonly<Record<string, string>> };
}

const FILES: Readonly<Record<string, string>> = {
  'README.md': '# Hello\n\nworld\n',
  'src/a.ts': 'export const a = 1;\n',
  'src/b.ts': '',
  'docs/guide.md': 'one two three',
};
function folder(): string {
  const base = temporaryFolder();
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(base, path)), { recursive: true });
    writeFileSync(join(base, path), text);
  }
  return base;
}

/** Keys of the file that would still open. */
async function openKeys(base: string): Promise<number> {
  await using queue = await openQueue(join(base, 'prismq.db'), { janitorMs: 0 });
  return (await queue.admin().keys.list()).filter(({ revokedAtUtc }) => revokedAtUtc === null).length;
}

it('works the files over HTTP, shows a table, keys and what to try, and ends by itself without a terminal', async () => {
  const base = folder();
  const { code, out, err } = await outside(['dev'], { base });
  assert.equal(code, 0, err);
  assert.match(err, /PrismQ dev: a server at http:\/\/127\.0\.0\.1:\d+ on .*prismq\.db; 4 files .* each a task over HTTP/);
  assert.match(out, /CLIENT +FILES +COMPLETED[^]*src +2 +2 +0[^]*root +1 +1 +0/);
  assert.match(out, /4 completed in [^\n]*tasks per second/);
  assert.match(out, /asked for a task of \w+ and got not_found/);
  assert.match(out, /every change of 4 tasks[^\n]*0 lost, 0 started twice/);
  const [, key] = /KEY=(prismq_client_\w+)/.exec(out) ?? assert.fail(out);
  assert.match(out, /curl -s http:\/\/127\.0\.0\.1:\d+\/queue\/enqueue -H "authorization: Bearer \$KEY"/);
  assert.match(out, /worker +prismq_worker_\w+\n +admin +prismq_admin_\w+/);
  assert.equal(await openKeys(base), 0);
  await using queue = await openQueue(join(base, 'prismq.db'), { janitorMs: 0 });
  await assert.rejects(queue.principalOf(key ?? ''), (error) => error instanceof QueueError && error.code === 'unauthenticated');
  assert.deepEqual([await queue.admin().grants.list(), await queue.admin().workers.list()], [[], []]);
});

it('may be run again, in JSON, and takes another port where the usual one is taken, but not where one was named', async () => {
  const base = folder();
  // Fails where somebody has it already, which does as well.
  const usual = createServer()
    .listen(7800, '127.0.0.1')
    .on('error', () => undefined);
  const named = createServer().listen(0, '127.0.0.1');
  after(() => [usual, named].map((server) => server.close()));
  await new Promise((resolve) => named.once('listening', resolve));
  const first = JSON.parse((await outside(['dev', '--json'], { base })).out) as DevAnswer;
  assert.notEqual(new URL(first.url).port, '7800');
  assert.deepEqual([first.completed, first.left, first.foreign_task_answer], [4, 0, 'not_found']);
  assert.deepEqual(Object.keys(first.keys.clients).toSorted(), ['docs', 'root', 'src']);
  const again = JSON.parse((await outside(['dev', 'src', '--json'], { base })).out) as DevAnswer;
  assert.deepEqual([again.completed, again.audit.enqueued, again.audit.completed, again.audit.lost, again.audit.unexplained_duplicates], [2, 6, 6, 0, 0]);
  const { port } = named.address() as AddressInfo;
  const { code, err } = await outside(['dev', '--port', String(port)], { base });
  assert.deepEqual([code, new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use`).test(err)], [7, true], err);
});

it('goes on at a terminal: its keys open, its worker works, and Ctrl+C ends them', async () => {
  const base = folder();
  const io = memoryIo({ base });
  const goesOn = Promise.withResolvers<void>();
  const write = (text: string): void => {
    io.said.err += text;
    if (/until Ctrl\+C/.test(text)) goesOn.resolve();
  };
  const done = run(['dev'], { ...io, err: { write }, isInteractive: true });
  await Promise.race([goesOn.promise, done]);
  const [, key = ''] = /KEY=(\w+)/.exec(io.said.out) ?? assert.fail(io.said.err);
  const [, url = ''] = /a server at (\S+)/.exec(io.said.err) ?? [];
  const client = connect({ url, key }).client();
  const hello = await client.enqueue('Demo.Hello', { name: 'Ada' });
  assert.deepEqual(await hello.result({ timeoutMs: 10_000 }), { greeting: 'Hello, Ada!' });
  const file = await client.enqueue<{ readonly lines: number }>('Demo.Files.Markdown', { folder: '/elsewhere', path: 'README.md' });
  assert.equal((await file.result({ timeoutMs: 10_000 })).lines, 3);
  for (const path of ['../secret', '/etc/hostname', '']) {
    const beyond = await client.enqueue('Demo.Files.Other', { folder: '/etc', path });
    const { status, errorMessage } = await client.wait(beyond.taskId, { timeoutMs: 10_000 });
    assert.deepEqual([status, errorMessage], ['dead_letter', 'the path is not in the folder of the demo'], path);
  }
  process.emit('SIGINT');
  assert.equal(await done, 0);
  assert.equal(await openKeys(base), 0);
});

const PYTHON = spawnSync('sh', ['-c', 'command -v python3']).status === 0;
if (!PYTHON) process.stderr.write('\n*** NOT RUN: python3, which makes the terminal of a test, is not installed on this machine ***\n');
const TERMINAL = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
said = b''
while True:
    try:
        part = os.read(fd, 65536)
    except OSError:
        break
    if not part:
        break
    if b'until Ctrl+C' in said + part and b'until Ctrl+C' not in said:
        os.write(fd, b'\\x03')
    said += part
sys.stdout.write(said.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

for (const [env, goesOn] of [
  [{}, true],
  [{ CI: 'true' }, false],
] as const)
  it(`at a real terminal it ${goesOn ? 'goes on until Ctrl+C' : 'ends by itself all the same where CI says so'}`, {
    skip: PYTHON ? false : 'no python3',
  }, async () => {
    const base = folder();
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const child = spawn('python3', ['-c', TERMINAL, process.execPath, '--conditions=prismq-source', main, 'dev'], {
      cwd: base,
      env: { ...passedOn(), HOME: base, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    after(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.deepEqual([code, said.includes('4 completed'), said.includes('until Ctrl+C')], [0, true, goesOn], said);
  });
