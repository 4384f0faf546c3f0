// How the tests give a command: inside this process with streams of their own, or as a real process.
import { Readable } from 'node:stream';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after } from 'node:test';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/program.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder that goes when the tests of this file have ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-cli-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Surroundings {
  readonly base: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
}

/** An Io that keeps what is written; a terminal when it has columns. */
export function memoryIo({ base, stdin = '', env = {}, columns }: Surroundings): Io & { readonly said: { out: string; err: string } } {
  const said = { out: '', err: '' };
  const terminal = columns === undefined ? {} : { isTTY: true, columns };
  return {
    said,
    out: { write: (text) => (said.out += text), ...terminal },
    err: { write: (text) => (said.err += text), ...terminal },
    env,
    base,
    program: 'prismq',
    now: Date.now,
    stdin: async () => stdin,
    stdinStream: () => Readable.from([Buffer.from(stdin)]),
    paint: (_, text) => text,
  };
}

export async function inside(argv: readonly string[], surroundings: Surroundings): Promise<Said> {
  const io = memoryIo(surroundings);
  const code = await run(argv, io);
  return { code, ...io.said };
}

/** The document that a command answered; fails when it did not succeed. */
export async function json<T>(argv: readonly string[], surroundings: Surroundings): Promise<T> {
  const { code, out, err } = await inside([...argv, '--json'], surroundings);
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${out}${err}`);
  return JSON.parse(out) as T;
}

export interface Started {
  readonly child: ChildProcess;
  /** Resolves when the error stream has had this. */
  readonly hasSaid: (text: string) => Promise<void>;
  readonly ended: Promise<Said & { readonly signal: NodeJS.Signals | null }>;
}

/** What of the surroundings of the tests reaches a process that they start: the path, and where what was compiled once is kept. */
export const passedOn = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] });

/** A real process. */
export function start(argv: readonly string[], { base, stdin = '', env = {} }: Surroundings): Started {
  const child = spawn(process.execPath, ['--conditions=prismq-source', MAIN, ...argv], { cwd: base, env: { ...passedOn(), HOME: base, ...env } });
  const said = { out: '', err: '' };
  let look: () => void = () => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
    look();
  });
  child.stdin.on('error', () => undefined).end(stdin);
  const ended = new Promise<Said & { readonly signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code: code ?? -1, signal, ...said })),
  );
  const hasSaid = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      look = () => said.err.includes(text) && resolve();
      look();
      void ended.then(() => reject(new Error(`it ended without saying ${JSON.stringify(text)}: ${said.out}${said.err}`)));
    });
  return { child, hasSaid, ended };
}

export const outside = (argv: readonly string[], surroundings: Surroundings): Started['ended'] => start(argv, surroundings).ended;
