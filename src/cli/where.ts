// Where a command works: on the file of a queue, or at a server with a key. A flag wins over the environment, the environment
// over the configuration file of a worker. A key is read from the environment or a file, never from the command line.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { QueueError } from '../domain/errors.ts';
import type { PostgresLogins } from '../index.ts';
import { CONFIG, settingFrom } from '../server/config.ts';
import type { SettingName } from '../server/config.ts';
import { secretFrom } from '../server/settings.ts';
import { wrongInput } from './failure.ts';
import type { Io } from './io.ts';

export interface Place {
  readonly db?: string | undefined;
  readonly url?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** `db` is the path of a file, the URL of a database, or its logins. */
export type Where = { readonly kind: 'file'; readonly db: string | PostgresLogins } | { readonly kind: 'server'; readonly url: string; readonly key: string };

interface Asking {
  readonly io: Io;
  /** As the flags said. */
  readonly flags: Place;
}

/** The master key of sealed payloads, where a command opens the queue itself. */
export function masterKeyAt(io: Io): { readonly masterKey?: string } {
  const masterKey = secretFrom('masterKey', io.env, io.base);
  return masterKey === undefined ? {} : { masterKey };
}

const isServer = (url: string): boolean => /^https?:/i.test(url);
const inEnv = (io: Io, name: SettingName): string | undefined => settingFrom(io.env, name) as string | undefined;

export function whereOf({ io, flags }: Asking, file: Place = {}): Where {
  const env = { db: inEnv(io, 'db'), url: inEnv(io, 'url') };
  if (flags.db !== undefined && flags.url !== undefined) throw wrongInput('--url', 'give --db or --url, not both');
  if (flags.db === undefined && flags.url === undefined && env.db !== undefined && env.url !== undefined)
    throw wrongInput(CONFIG.url.env, `${CONFIG.db.env} is set too: unset one, or give --db or --url`);
  const named = [flags, env, file].find((place) => place.db !== undefined || place.url !== undefined);
  const logins = named === undefined ? loginsIn(io) : null;
  if (logins !== null) return { kind: 'file', db: logins };
  const { db, url } = named ?? {};
  if (url !== undefined && isServer(url)) return { kind: 'server', url, key: keyOf(io, flags, file) };
  if (flags.keyFile !== undefined) throw wrongInput('--key-file', 'a key is for a server: name it with --url');
  return { kind: 'file', db: pathOf(io, url ?? db ?? CONFIG.db.default) };
}

/** The logins that `prismq setup` wrote, where nothing else is named. */
function loginsIn(io: Io): PostgresLogins | null {
  const [clientUrl, workerUrl, adminUrl, signingKey] = (['clientUrl', 'workerUrl', 'adminUrl', 'signingKey'] as const).map((name) => inEnv(io, name));
  if (clientUrl === undefined) return null;
  if (workerUrl === undefined || adminUrl === undefined || signingKey === undefined)
    throw wrongInput(
      CONFIG.clientUrl.env,
      `is set, and one of ${CONFIG.workerUrl.env}, ${CONFIG.adminUrl.env}, ${CONFIG.signingKey.env} is not: source all of what \`setup\` wrote`,
    );
  return { clientUrl, workerUrl, adminUrl, signingKey };
}

/** The server, for what wants no key there; null where it is a file. */
export function serverOf({ io, flags }: Asking): string | null {
  if (flags.db !== undefined) return null;
  const url = flags.url ?? (inEnv(io, 'db') === undefined ? inEnv(io, 'url') : undefined);
  return url !== undefined && isServer(url) ? url : null;
}

/** The file of the queue, for commands that work on nothing else. */
export function dbOf({ io, flags }: Asking, fallback: string = CONFIG.db.default): string {
  if (flags.url !== undefined && isServer(flags.url))
    throw wrongInput('--url', 'this command works on the file of a queue: give it with --db, where the server runs');
  return pathOf(io, flags.db ?? flags.url ?? inEnv(io, 'db') ?? fallback);
}

/** A store as it was named: a path from where the caller stands, or a URL. */
export const placeOf = (io: Io, given: string): string => pathOf(io, given);

function pathOf(io: Io, given: string): string {
  if (given === '') throw wrongInput('--db', 'give the path of a file');
  return isPath(given) ? resolve(io.base, given) : given;
}

function keyOf(io: Io, flags: Place, { keyFile }: Place): string {
  const file = flags.keyFile ?? (inEnv(io, 'key') === undefined ? (inEnv(io, 'keyFile') ?? keyFile) : undefined);
  if (file !== undefined) return keyIn(resolve(io.base, file));
  const key = inEnv(io, 'key');
  if (key !== undefined) return key.trim();
  throw wrongInput(CONFIG.key.env, 'a server wants a key: put it into this variable, or name its file with --key-file');
}

function keyIn(file: string): string {
  try {
    const key = readFileSync(file, 'utf8').trim();
    if (key !== '') return key;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw wrongInput('--key-file', isMissing ? `there is no file ${file}` : `${file} can not be read: ${(error as Error).message}`);
  }
  throw wrongInput('--key-file', `${file} is empty`);
}

/** The flag to say it again in a hint; '' for the default. */
export function hintOf(io: Io, where: Where): string {
  if (where.kind === 'server') return ` --url ${quoted(where.url)}`;
  // A URL of a database has a password and is not said again.
  if (typeof where.db !== 'string') return '';
  if (/^postgres(ql)?:/.test(where.db)) return ' --url URL';
  return where.db === resolve(io.base, CONFIG.db.default) ? '' : ` --db ${quoted(where.db)}`;
}

const quoted = (text: string): string => (/[^\w./@:-]/.test(text) ? `'${text.replaceAll("'", `'\\''`)}'` : text);

const isPath = (db: string): boolean => db !== ':memory:' && !/^[a-z]{2,}:/.test(db);

export const isMissing = (db: string | PostgresLogins): boolean => typeof db === 'string' && isPath(db) && !existsSync(db);

export function requireFile(io: Io, db: string | PostgresLogins): void {
  if (typeof db !== 'string' || !isPath(db)) return;
  if (!existsSync(db))
    throw new QueueError(
      'store_unavailable',
      `there is no queue at ${db}: name one with --db, or make one with \`${io.program} demo\` or \`${io.program} enqueue\``,
    );
  if (statSync(db).isDirectory()) throw new QueueError('store_unavailable', `${db} is a folder: name the file of a queue with --db`);
}
