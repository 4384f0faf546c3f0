// What every part of the SQLite engine works with: the writer connection, its statements, its wall and its clock.
import type { DatabaseSync } from 'node:sqlite';
import { categoryOf } from '../rows.ts';
import type { Categories } from '../rows.ts';
import type { CategoryMode, StoreOptions } from '../store.ts';
import type { Statements } from './statements.ts';
import type { Ready } from '../waiters.ts';
import type { Wall } from './wall.ts';
import type { Writer } from './writer.ts';

export interface Engine {
  readonly db: DatabaseSync;
  readonly wall: Wall;
  readonly st: Statements;
  readonly writer: Writer;
  readonly options: StoreOptions;
  now(): number;
  /** Tells the fair share that a client may have become active. */
  activated(clientId: string): void;
  /** What became ready otherwise than by what its caller asked for, noted while somebody waits. */
  readonly risen: { isHeard(): boolean; ready: Ready[] };
}

/** Runs DDL or a statement of the owner: migrations aside, only for the indexes of strategies. */
export function asOwner<T>(engine: Engine, action: () => T): T {
  const before = engine.wall.current;
  engine.wall.current = 'owner';
  try {
    return action();
  } finally {
    engine.wall.current = before;
  }
}

export const setting = (engine: Engine, key: string): string | null => (engine.st.row('meta_get', { key })?.[0] as string | undefined) ?? null;

export function setSetting(engine: Engine, key: string, value: string): void {
  if (engine.st.run('meta_update', { key, value }) === 0) engine.st.run('meta_insert', { key, value });
}

/** Counts a change that others remember by its number: lanes and sets, categories. Read again in the transaction that uses it. */
export function bump(engine: Engine, key: 'lanes_version' | 'categories_version'): void {
  setSetting(engine, key, String(Number(setting(engine, key) ?? 0) + 1));
}

/** Whether draws are kept: from the first WEIGHTED_RANDOM claim on. Inside a transaction. */
export const draws = (engine: Engine): number => (engine.st.remembered('meta_get', { key: 'draws' }, 'draws', '0') === '1' ? 1 : 0);

/** Inside a transaction: of the registry as it is in it. */
export const categoriesVersion = (engine: Engine): string =>
  engine.st.remembered('meta_get', { key: 'categories_version' }, 'categories_version', UNTOUCHED) as string;
/** Of a registry that nobody has changed. */
const UNTOUCHED = '0';

export interface Registry {
  /** As it is now. */
  read(): Categories;
  /**
   * One that was found empty may be remembered: it refuses nothing and gives no defaults, and the enqueue that names its version finds
   * out in its transaction when it is no longer so. Asking for the version takes a transaction of its own.
   */
  empty(): (Categories & { readonly seen: string }) | null;
}

/** The registry of categories, parsed once a version. */
export function createCategories(engine: Engine): Registry {
  let version: string | undefined;
  let known: Categories = { mode: 'open', rows: [] };
  const read = (): Categories => {
    const current = setting(engine, 'categories_version') ?? UNTOUCHED;
    if (current !== version) {
      const rows = engine.st.rows('category_list').map(categoryOf);
      known = { mode: (setting(engine, 'category_mode') ?? 'open') as CategoryMode, rows };
      version = current;
    }
    return known;
  };
  return { read, empty: () => (version !== undefined && known.mode === 'open' && known.rows.length === 0 ? { ...known, seen: version } : null) };
}
