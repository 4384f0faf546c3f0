// Examples as their readers run them: processes of their own, against a real server on a real file.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const EXAMPLES = join(ROOT, 'examples');

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-examples-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Process {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the match when standard output has it. */
  hasSaid(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
}

/** Nothing of the surroundings of the tests reaches it but the path, and where what was compiled once is kept. */
export function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>, path = process.env['PATH'] ?? ''): Process {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { PATH: path, NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], HOME: tmpdir(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  const looks = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
    for (const look of looks) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...said }));
  });
  after(() => child.kill('SIGKILL'));
  return {
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    ended,
    hasSaid: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(said.out);
          if (match === null) return;
          looks.delete(look);
          resolve(match);
        };
        looks.add(look);
        look();
        void ended.then(() => reject(new Error(`it ended without saying ${String(pattern)}: ${said.out}${said.err}`)), reject);
      }),
  };
}

export const isThere = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;

/** Why a test is skipped, said loudly; false runs it. */
export function without(...commands: readonly string[]): string | false {
  const missing = commands.filter((command) => !isThere(command));
  if (missing.length === 0) return false;
  const why = `NOT RUN: ${missing.join(' and ')} is not installed on this machine`;
  process.stderr.write(`\n*** ${why} ***\n`);
  return why;
}
