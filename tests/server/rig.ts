// Servers as operators start them: the command inside this process until it listens, or a process of its own.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/cli/program.ts';
import { openQueue } from '../../src/index.ts';
import type { MadeKey, NewKey } from '../../src/service/handles.ts';
import { memoryIo, passedOn } from '../cli/rig.ts';
import type { Said } from '../cli/rig.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export type Files = Readonly<Record<string, string>>;

export function temporaryFolder(files: Files = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-server-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  put(folder, files);
  return folder;
}

export function put(folder: string, files: Files): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** Makes keys in the file of a folder, and the clients that they name. */
export async function makeKeys(base: string, keys: readonly NewKey[], { revoked = false } = {}): Promise<readonly MadeKey[]> {
  await using queue = await openQueue(join(base, 'prismq.db'), { janitorMs: 0 });
  const known = new Set((await queue.admin().clients.list()).map(({ clientId }) => clientId));
  const named = keys.flatMap(({ clientId, grants = [] }) => [clientId, ...grants.map((grant) => grant.clientId)]);
  for (const clientId of new Set(named)) if (clientId !== undefined && clientId !== '*' && !known.has(clientId)) await queue.admin().clients.create(clientId);
  const made: MadeKey[] = [];
  for (const key of keys) made.push(await queue.admin().keys.create(key));
  if (revoked) for (const { keyId } of made) await queue.admin().keys.revoke(keyId);
  return made;
}

export interface Attempt extends Said {
  /** Where it listened; null when it never did. */
  readonly url: string | null;
}

/** Gives `serve` inside this process; once it listens it is told to stop. One at a time: it takes this process' signals. */
export async function attempt(argv: readonly string[], { base, env = {} }: { readonly base: string; readonly env?: Files }): Promise<Attempt> {
  const io = memoryIo({ base, env });
  let url: string | null = null;
  const write = (text: string): void => {
    io.said.out += text;
    const listening = /"url":"([^"]+)".*"msg":"listening"/.exec(text)?.[1];
    if (listening === undefined) return;
    url = listening;
    // After the caller has gone on to wait for it.
    setImmediate(() => process.emit('SIGTERM'));
  };
  const code = await run(['serve', ...argv], { ...io, out: { write } });
  return { code, url, ...io.said };
}

export interface ServerProcess {
  readonly url: string;
  /** What it said so far. */
  readonly said: { readonly out: string; readonly err: string };
  /** Resolves when either stream has had this. */
  hasSaid(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** A process of its own, on a port that is free. */
export async function startServer(base: string, argv: readonly string[] = [], env: Files = {}): Promise<ServerProcess> {
  const child = spawn(process.execPath, ['--conditions=prismq-source', MAIN, 'serve', '--port', '0', ...argv], {
    cwd: base,
    env: { ...passedOn(), HOME: base, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  after(() => child.kill('SIGKILL'));
  const said = { out: '', err: '' };
  const looks = new Set<() => void>();
  for (const [stream, name] of [
    [child.stdout, 'out'],
    [child.stderr, 'err'],
  ] as const)
    stream.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
      for (const look of looks) look();
    });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  );
  const hasSaid = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(said.out) ?? pattern.exec(said.err);
        if (match === null) return;
        looks.delete(look);
        resolve(match);
      };
      looks.add(look);
      look();
      void ended.then(() => reject(new Error(`it ended without saying ${String(pattern)}: ${said.out}${said.err}`)));
    });
  const [, url = ''] = await hasSaid(/\burl(?:":"|=)(https?:\/\/[^"\s]+)/);
  return { url, said, hasSaid, kill: (signal) => void child.kill(signal), ended };
}
