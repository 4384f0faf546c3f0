// The workers in Python and shell do real work of a real server: outcomes, failures, renewal of leases, a stop in good order.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { serve } from '../client/served.ts';
import type { Served } from '../client/served.ts';
import { EXAMPLES, run, temporaryFolder, without } from './rig.ts';
import type { Process } from './rig.ts';

let served: Served;
before(async () => {
  served = await serve({ janitorMs: 50 });
});
after(() => served[Symbol.asyncDispose]());

interface Kind {
  readonly name: string;
  readonly clientId: string;
  readonly needs: readonly string[];
  readonly start: (env: Readonly<Record<string, string>>) => Process;
  readonly types: { readonly count: string; readonly slow: string; readonly bad: string };
  readonly payloads: { readonly count: unknown; readonly bad: unknown };
  readonly counted: unknown;
  readonly refused: RegExp;
}

const shell = (path?: string): Kind['start'] => {
  return (env) => run('sh', [join(EXAMPLES, 'worker.sh')], env, path);
};

const saidBy = (command: string, ...args: readonly string[]): string => spawnSync(command, args, { encoding: 'utf8' }).stdout.trim();

/** Only what the worker needs, and no jq. */
function pathWithoutJq(): string {
  const bin = join(temporaryFolder(), 'bin');
  mkdirSync(bin);
  for (const command of ['curl', 'sh', 'cat', 'mktemp', 'rm', 'sleep', 'head', 'awk', 'wc'])
    symlinkSync(saidBy('sh', '-c', `command -v ${command}`), join(bin, command));
  // What is called python3 may be a script that looks for the real one.
  symlinkSync(saidBy('python3', '-c', 'import sys; print(sys.executable)'), join(bin, 'python3'));
  return bin;
}

const SHELL: Omit<Kind, 'name' | 'clientId' | 'needs' | 'start'> = {
  types: { count: 'Shell.Lines', slow: 'Shell.Slow', bad: 'Shell.Fail' },
  payloads: { count: { text: 'one\ntwo "quoted"\n' }, bad: {} },
  counted: { lines: 3 },
  refused: /told to fail/,
};

const KINDS: readonly Kind[] = [
  {
    name: 'worker.py',
    clientId: 'python',
    needs: ['python3'],
    start: (env) => run('python3', [join(EXAMPLES, 'worker.py')], env),
    types: { count: 'Text.Count', slow: 'Text.Slow', bad: 'Text.Count' },
    payloads: { count: { text: 'three short words' }, bad: { text: 7 } },
    counted: { words: 3, letters: 17 },
    refused: /payload\.text is not a text/,
  },
  { name: 'worker.sh with jq', clientId: 'jq', needs: ['curl', 'jq'], start: shell(), ...SHELL },
  { name: 'worker.sh with python3', clientId: 'shell', needs: ['curl', 'python3'], start: (env) => shell(pathWithoutJq())(env), ...SHELL },
];

let names = 0;
const key = (clientId: string, pattern: string): Promise<string> => served.key({ role: 'worker', name: `w-${(names += 1)}`, grants: [{ clientId, pattern }] });
const envOf = async (clientId: string, pattern: string, more: Readonly<Record<string, string>> = {}): Promise<Record<string, string>> => ({
  PRISMQ_URL: served.url,
  PRISMQ_KEY: await key(clientId, pattern),
  ...more,
});

describe('workers without Node', { concurrency: true }, () => {
  for (const kind of KINDS) describe(kind.name, { concurrency: 1, skip: without(...kind.needs) }, () => works(kind));
});

function works({ clientId, start, types, payloads, counted, refused }: Kind): void {
  it('waits for tasks, completes and fails them, and stops in good order', async () => {
    const client = served.queue.client(clientId);
    const worker = start(await envOf(clientId, types.count.replace(/\.\w+$/, '.*')));
    await worker.hasSaid(/works at http/);
    const good = await client.enqueue(types.count, payloads.count);
    assert.deepEqual(await good.result({ timeoutMs: 20_000 }), counted);
    const bad = await client.enqueue(types.bad, payloads.bad, { maxAttempts: 1 });
    const { status, errorMessage } = await client.wait(bad.taskId, { timeoutMs: 20_000 });
    assert.deepEqual([status, refused.test(errorMessage ?? '')], ['dead_letter', true], errorMessage ?? '');
    worker.kill('SIGTERM');
    const { code, out, err } = await worker.ended;
    assert.deepEqual([code, out.endsWith('2 done\n')], [0, true], out + err);
  });

  it('holds a task for longer than its lease, and finishes it when it is told to stop', async () => {
    const client = served.queue.client(clientId);
    const worker = start(await envOf(clientId, types.slow, { PRISMQ_WORKER_LEASE_MS: '3000' }));
    const slow = await client.enqueue(types.slow, { seconds: 4.5 });
    await worker.hasSaid(/attempt 1\n/);
    worker.kill('SIGTERM');
    const { code, out, err } = await worker.ended;
    assert.equal(code, 0, out + err);
    const logs = (await client.logs(slow.taskId)).items.map(({ event }) => event);
    assert.deepEqual(logs, ['enqueue', 'claim', 'complete'], out + err);
  });

  it('says that its key is refused', async () => {
    const { code, err } = await start({ PRISMQ_URL: served.url, PRISMQ_KEY: await served.key({ role: 'client', clientId: 'acme' }) }).ended;
    assert.equal(code, 1);
    assert.notEqual(err, '');
  });
}
