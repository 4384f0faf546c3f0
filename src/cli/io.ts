// What the command line stands on: streams, environment, clock and folder, so that a whole command can be run inside a test.
import type { Readable } from 'node:stream';
import { styleText } from 'node:util';
import { baseFolder, environment, isAutomated, programName } from '../server/config.ts';
import type { Environment } from '../server/config.ts';

export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export type Style = Parameters<typeof styleText>[0];

export interface Io {
  /** Data. Everything else goes to `err`. */
  readonly out: Sink;
  readonly err: Sink;
  readonly env: Environment;
  /** Where relative paths start. */
  readonly base: string;
  /** How the reader would call this program again. */
  readonly program: string;
  /** Somebody sits at a terminal, and what is started may go on until it is stopped. */
  readonly isInteractive?: boolean;
  readonly now: () => number;
  /** All of standard input. */
  readonly stdin: () => Promise<string>;
  /** The same as it comes. */
  readonly stdinStream: () => Readable;
  readonly paint: (style: Style, text: string) => string;
}

export function processIo(): Io {
  const env = environment();
  // A reader that went away (`… | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    out: process.stdout,
    err: process.stderr,
    env,
    base: baseFolder(env, process.cwd()),
    program: programName(env),
    isInteractive: process.stdin.isTTY && process.stdout.isTTY && !isAutomated(env),
    now: Date.now,
    stdin: readStdin,
    stdinStream: () => process.stdin,
    paint: (style, text) => styleText(style, text, { stream: process.stdout }),
  };
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
