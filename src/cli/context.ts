// What every command is given: the file of the queue, how to answer, and a queue that is closed again.
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { QueueError } from '../domain/errors.ts';
import { openQueue } from '../index.ts';
import type { OpenOptions, PostgresLogins } from '../index.ts';
import type { AdminHandle, Queue } from '../service/handles.ts';
import { CONFIG, settingFrom } from '../server/config.ts';
import { wrongInput } from './failure.ts';
import type { Io } from './io.ts';
import type { JsonRow } from './rows.ts';

export interface Context {
  readonly io: Io;
  readonly isJson: boolean;
  /** As `--db` said; undefined leaves it to the environment and the default. */
  readonly dbFlag: string | undefined;
}

/** The file of the queue: the flag, the environment, what else is at hand, the default. */
export function dbOf({ io, dbFlag }: Context, fallback: string = CONFIG.db.default): string {
  const given = dbFlag ?? (settingFrom(io.env, 'db') as string | undefined) ?? fallback;
  if (given === '') throw wrongInput('--db', 'give the path of a file');
  return given === ':memory:' || /^[a-z]{2,}:/.test(given) ? given : resolve(io.base, given);
}

/** The queue of a command: what a flag or PRISMQ_DB names, else the logins of the environment, else the default file. */
export function storeOf(context: Context, fallback?: string): string | PostgresLogins {
  const { io, dbFlag } = context;
  const logins = ['clientUrl', 'workerUrl', 'adminUrl', 'signingKey'] as const;
  const [clientUrl, workerUrl, adminUrl, signingKey] = logins.map((name) => settingFrom(io.env, name) as string | undefined);
  if (dbFlag !== undefined || fallback !== undefined || clientUrl === undefined || settingFrom(io.env, 'db') !== undefined) return dbOf(context, fallback);
  if (workerUrl === undefined || adminUrl === undefined || signingKey === undefined)
    throw wrongInput(
      CONFIG.clientUrl.env,
      `is set, and one of ${CONFIG.workerUrl.env}, ${CONFIG.adminUrl.env}, ${CONFIG.signingKey.env} is not: source all of what \`setup\` wrote`,
    );
  return { clientUrl, workerUrl, adminUrl, signingKey };
}

/** The flag to say it again in a hint; '' for the default. A URL has a password and is not said again. */
export const dbHint = ({ io }: Context, db: string): string =>
  /^postgres(ql)?:/.test(db)
    ? ' --url URL'
    : db === resolve(io.base, CONFIG.db.default)
      ? ''
      : ` --db ${/[^\w./@:-]/.test(db) ? `'${db.replaceAll("'", `'\\''`)}'` : db}`;

/** Opens the queue for one command. Only what adds something makes a file that is not there. */
export async function withQueue<T>(
  context: Context,
  mode: 'make' | 'there',
  use: (queue: Queue) => Promise<T>,
  options: OpenOptions = { janitorMs: 0 },
): Promise<T> {
  const store = storeOf(context);
  if (mode === 'there' && typeof store === 'string') requireFile(context, store);
  const queue = await openQueue(store, options);
  try {
    return await use(queue);
  } finally {
    await queue.close();
  }
}

export function requireFile({ io }: Context, db: string): void {
  if (db === ':memory:' || /^[a-z]{2,}:/.test(db)) return;
  if (!existsSync(db))
    throw new QueueError(
      'store_unavailable',
      `there is no queue at ${db}: name one with --db, or make one with \`${io.program} demo\` or \`${io.program} enqueue\``,
    );
  if (statSync(db).isDirectory()) throw new QueueError('store_unavailable', `${db} is a folder: name the file of a queue with --db`);
}

/** The operator of one client when it is named, else of the platform. A name that nobody has is told from an empty list. */
export async function adminOf(queue: Queue, clientId: string | undefined): Promise<AdminHandle> {
  if (clientId === undefined) return queue.admin();
  await requireClient(queue, clientId);
  return queue.as({ role: 'admin', clientId });
}

export async function requireClient(queue: Queue, clientId: string): Promise<void> {
  const known = (await queue.admin().clients.list()).map((client) => client.clientId);
  if (known.includes(clientId)) return;
  const some = known.slice(0, 10).join(', ');
  throw new QueueError('unknown_client', `there is no client ${clientId}${known.length === 0 ? '' : `: there are ${some}${known.length > 10 ? ', …' : ''}`}`);
}

/** One document for programs, or text for people, on the output stream. */
export function answer({ io, isJson }: Context, json: JsonRow, text: () => string): void {
  io.out.write(`${isJson ? JSON.stringify(json) : text()}\n`);
}

/** A word to people beside the data. */
export function note({ io, isJson }: Context, text: string): void {
  if (!isJson) io.err.write(`${text}\n`);
}
