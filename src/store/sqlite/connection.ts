// Opens a SQLite connection the way the queue needs it, and asserts every setting: a setting that did not take is refused,
// not hoped for.
import { closeSync, existsSync, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { QueueError } from '../../domain/errors.ts';
import { asQueueError } from './errors.ts';

export interface ConnectionOptions {
  /** A path, or `:memory:`. */
  readonly file: string;
  readonly readOnly: boolean;
  /** `NORMAL` may lose the last commits at a power cut (never at a crash of the process). */
  readonly synchronous: 'FULL' | 'NORMAL';
  readonly now: () => number;
}

/** SQLite's own wait for a lock; longer waits are asynchronous, so that the event loop goes on. */
const BUSY_TIMEOUT_MS = 50;

/** [pragma, value to set, value that must be read back]; null sets nothing and only asserts. */
const SETTINGS: readonly (readonly [string, string | null, string | number])[] = [
  ['trusted_schema', 'OFF', 0],
  ['recursive_triggers', 'ON', 1],
  ['cell_size_check', 'ON', 1],
  ['foreign_keys', 'ON', 1],
  ['temp_store', 'MEMORY', 2],
  ['cache_size', '-65536', -65536],
  ['mmap_size', '0', 0],
];

/** Magic numbers of file systems whose locks SQLite can not rest on. */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x73757245, 'Coda'],
  [0x0bd00bd0, 'Lustre'],
  [0x00c36400, 'Ceph'],
]);

export function openConnection(options: ConnectionOptions): DatabaseSync {
  const memory = options.file === ':memory:';
  if (!memory) refuseNetwork(options.file);
  let db: DatabaseSync | undefined;
  try {
    if (!memory && !options.readOnly) makePrivate(options.file);
    db = new DatabaseSync(options.file, { readOnly: options.readOnly, timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true, allowExtension: false });
    db.function('now_ms', { deterministic: false }, () => options.now());
    if (!options.readOnly && !memory) useWal(db);
    for (const [pragma, value, wanted] of [...SETTINGS, ['synchronous', options.synchronous, options.synchronous === 'FULL' ? 2 : 1] as const]) {
      if (value !== null) db.exec(`PRAGMA ${pragma} = ${value}`);
      const read = Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? { [pragma]: wanted })[0];
      if (read !== wanted && !(memory && pragma === 'mmap_size'))
        throw new QueueError('store_refused', `PRAGMA ${pragma} is ${String(read)} instead of ${String(wanted)}`);
    }
    return db;
  } catch (error) {
    db?.close();
    throw asQueueError(error);
  }
}

/** A new file is for its owner alone; SQLite gives its -wal and -shm the same mode. */
function makePrivate(file: string): void {
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
}

function useWal(db: DatabaseSync): void {
  db.exec('PRAGMA journal_size_limit = 67108864');
  // Four times the default: pages that every batch writes are copied back to the file less often.
  db.exec('PRAGMA wal_autocheckpoint = 4000');
  const mode = db.prepare('PRAGMA journal_mode').get() as { journal_mode: string };
  if (mode.journal_mode === 'wal') return;
  const set = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
  if (set.journal_mode !== 'wal')
    throw new QueueError('store_refused', 'the file system does not carry write-ahead logging: keep the database on a local disk');
}

function refuseNetwork(file: string): void {
  let type: number;
  try {
    type = statfsSync(dirname(file)).type;
  } catch {
    throw new QueueError('store_unavailable', `the folder of ${file} does not exist or can not be read: make it first`);
  }
  const kind = NETWORK.get(type >>> 0);
  if (kind !== undefined)
    throw new QueueError('store_refused', `${file} is on a network file system (${kind}), whose locks are not safe: keep the database on a local disk`);
}
