// How a refusal reaches the user: one sentence with its stable code, what to do next, an exit code. Never a stack.
import { ERRORS, QueueError, causesOf } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';
import { settingFrom } from '../server/config.ts';
import type { Io } from './io.ts';
import { oneLine } from './text.ts';

/** What each exit code says. The codes of errors are those of the table of errors. */
export const EXITS = {
  0: 'done',
  1: 'something went wrong, or a check found something',
  2: 'the input was refused',
  3: 'not found',
  4: 'not allowed',
  5: 'in conflict with the state',
  6: 'over a limit',
  7: 'the database, the server or its address can not be used now, or the wait ended',
  78: 'a server refused its settings',
  130: 'interrupted',
} as const satisfies Readonly<Record<number, string>>;
export type Exit = keyof typeof EXITS;

/** What to do next, where the message does not say it. */
type Advice = Readonly<Partial<Record<ErrorCode, string>>>;
const ADVICE: Advice = {
  not_found: 'check the id, and --db: each file is a queue of its own',
  invalid_transition: '`PROGRAM task ID` shows where it is and what may happen to it',
  store_corrupt: 'name a queue file with --db',
  internal: 'this is a fault of ours: please report it with the command that you gave and what it says with --debug',
};
/** The same, at a server. */
const ADVICE_AT_SERVER: Advice = {
  ...ADVICE,
  not_found: 'check the id, and whose key it is: what is of another client is not there for it',
  unauthenticated: 'check the key in PRISMQ_KEY or in the file that --key-file names',
  store_corrupt: 'this is for who runs the server',
  internal: 'this is a fault of the server: its log has it under the request id',
};

/** Prints the error and answers the exit code. What is behind it is shown only to who asks with `--debug`. */
export function reportFailure(io: Io, error: unknown, isJson: boolean, isDebug = false): number {
  const failure = asFailure(error);
  const { code, details } = failure;
  const message = oneLine(failure.message);
  if (isJson) io.out.write(`${JSON.stringify({ error: { code, message, details } })}\n`);
  else {
    io.err.write(`${io.paint(['red', 'bold'], `error [${code}]`)}: ${message}\n`);
    // Who answered over HTTP gave the request an id.
    const advice = ('requestId' in details ? ADVICE_AT_SERVER : ADVICE)[code]?.replaceAll('PROGRAM', io.program);
    if (advice !== undefined) io.err.write(`${io.paint('dim', advice)}\n`);
  }
  if (isDebug) for (const line of stacksOf(error)) io.err.write(`${io.paint('dim', oneLine(line))}\n`);
  return ERRORS[code].exit;
}

const stacksOf = (error: unknown): readonly string[] =>
  causesOf(error).flatMap((one, i) => `${i === 0 ? '' : 'caused by '}${one instanceof Error ? (one.stack ?? one.message) : String(one)}`.split('\n'));

/** `--debug` anywhere on the command line, or the environment. */
export const wantsDebug = (argv: readonly string[], { env }: Io): boolean => argv.includes('--debug') || settingFrom(env, 'debug') !== undefined;

function asFailure(error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new QueueError('internal', message === '' ? 'something went wrong' : (message.split('\n')[0] as string));
}

export const wrongInput = (field: string, message: string): QueueError =>
  new QueueError('invalid_input', `${field}: ${message}`, { fields: [{ field, message }] });
