// Named statements on one walled connection: prepared once a class, and run with the rights of the class that their file
// names. SQLite prepares again by itself after a schema change, so the class is set around every run, not only the first.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { QueueError } from '../../domain/errors.ts';
import type { NamedStatement } from '../sql-files.ts';
import { compileParams } from '../sql-files.ts';
import type { StatementClass } from './rights.ts';
import type { Wall } from './wall.ts';

export type Params = Readonly<Record<string, SQLInputValue>>;
export type Row = readonly SQLInputValue[];

interface Prepared {
  readonly statement: StatementSync;
  readonly params: readonly string[];
  readonly cls: StatementClass;
  /** As it was written, before the names of this connection. */
  readonly sql: string;
  /** It writes what transactions remember: see `remembered`. */
  readonly forgets: boolean;
}

/** The tables whose rows a transaction may know from the one before. */
const REMEMBERED = /\b(?:INTO|UPDATE|FROM)\s+main\.(?:meta|clients|lanes)\b/;
/** So many values are remembered at most. */
const MEMORY = 10_000;

/** Rows that one run of a multi-row INSERT takes: more is slower again, since each run binds them all. */
const ROWS_A_RUN = 16;

export class Statements {
  readonly #db: DatabaseSync;
  readonly #wall: Wall;
  readonly #named: ReadonlyMap<string, NamedStatement>;
  readonly #prepared = new Map<string, Prepared>();
  readonly #memory = new Map<string, SQLInputValue>();
  #version: StatementSync | undefined;
  #dataVersion: SQLInputValue | undefined;

  constructor(db: DatabaseSync, wall: Wall, named: ReadonlyMap<string, NamedStatement>) {
    this.#db = db;
    this.#wall = wall;
    this.#named = named;
  }

  /** Runs a statement that answers no rows; the number of changed rows. */
  run(name: string, params: Params = {}): number {
    const prepared = this.#find(name);
    if (prepared.forgets) this.#memory.clear();
    return Number(this.#as(prepared, () => prepared.statement.run(...values(prepared, params))).changes);
  }

  /** Runs one INSERT; the new rowid. */
  insert(name: string, params: Row): number {
    const prepared = this.#find(name);
    if (prepared.forgets) this.#memory.clear();
    return Number(this.#as(prepared, () => prepared.statement.run(...params)).lastInsertRowid);
  }

  /** Runs one INSERT … VALUES for many rows, some at a time; the rowid of the last. Its parameters are ?1, ?2 … in the order of the columns. */
  insertMany(name: string, rows: readonly Row[]): number {
    const several = rows.length < ROWS_A_RUN ? null : this.#several(name);
    let last = 0;
    let i = 0;
    if (several !== null)
      for (; i + ROWS_A_RUN <= rows.length; i += ROWS_A_RUN)
        last = Number(this.#as(several, () => several.statement.run(...rows.slice(i, i + ROWS_A_RUN).flat())).lastInsertRowid);
    for (; i < rows.length; i++) last = this.insert(name, rows[i] as Row);
    return last;
  }

  /** At the start of each transaction: what other connections may have changed is not remembered. */
  recall(): void {
    const before = this.#wall.current;
    this.#wall.current = 'owner';
    try {
      if (this.#version === undefined) (this.#version = this.#db.prepare('PRAGMA data_version')).setReturnArrays(true);
      const version = (this.#version.get() as unknown as Row)[0];
      if (version !== this.#dataVersion) this.#memory.clear();
      this.#dataVersion = version;
    } finally {
      this.#wall.current = before;
    }
  }

  /** After a rollback: nothing that was read inside it holds. */
  forget(): void {
    this.#memory.clear();
  }

  /** The first value of a row that hardly ever changes, inside a transaction only. Where there is no row, `absent` is remembered, if given. */
  remembered(name: string, params: Params, key: string, absent?: SQLInputValue): SQLInputValue | undefined {
    const known = this.#memory.get(key);
    if (known !== undefined) return known;
    const value = this.row(name, params)?.[0] ?? absent;
    if (this.#memory.size >= MEMORY) this.#memory.clear();
    if (value !== undefined) this.#memory.set(key, value);
    return value;
  }

  #several(name: string): Prepared {
    const variant = `${name} x${ROWS_A_RUN}`;
    const known = this.#prepared.get(variant);
    if (known !== undefined) return known;
    const { cls, sql } = this.#find(name);
    const match = /^(.*\sVALUES\s*)(\([^()]*\))\s*$/s.exec(sql);
    if (match === null) throw new Error(`${name} is no INSERT of one row`);
    const [, head, row] = match as unknown as [string, string, string];
    return this.#prepare(variant, cls, head + Array.from({ length: ROWS_A_RUN }, () => row.replace(/\?\d+/g, '?')).join(', '), []);
  }

  /** A named statement whose `{order}` is one of the closed list of orders; answers its name. */
  ordered(name: string, order: string): string {
    const variant = `${name}|${order}`;
    if (this.#prepared.has(variant)) return variant;
    const named = this.#named.get(name);
    if (named === undefined) throw new Error(`no statement is named ${name}`);
    this.#prepare(variant, named.cls as StatementClass, named.sql.replace('{order}', order), named.params);
    return variant;
  }

  rows(name: string, params: Params = {}): Row[] {
    const prepared = this.#find(name);
    return this.#as(prepared, () => prepared.statement.all(...values(prepared, params))) as unknown as Row[];
  }

  row(name: string, params: Params = {}): Row | undefined {
    const prepared = this.#find(name);
    return this.#as(prepared, () => prepared.statement.get(...values(prepared, params))) as unknown as Row | undefined;
  }

  /** A statement composed from constants (the filters of a list), with the rights of a class. */
  composed(cls: StatementClass, sql: string, params: Params): Row[] {
    const key = `${cls}\n${sql}`;
    let prepared = this.#prepared.get(key);
    if (prepared === undefined) {
      const compiled = compileParams(sql);
      prepared = this.#prepare(key, cls, compiled.sql, compiled.params);
    }
    const found = prepared;
    return this.#as(found, () => found.statement.all(...values(found, params))) as unknown as Row[];
  }

  #find(name: string): Prepared {
    const known = this.#prepared.get(name);
    if (known !== undefined) return known;
    const named = this.#named.get(name);
    if (named === undefined) throw new Error(`no statement is named ${name}`);
    return this.#prepare(name, named.cls as StatementClass, named.sql, named.params);
  }

  #prepare(key: string, cls: StatementClass, sql: string, params: readonly string[]): Prepared {
    // The authorizer does not see EXPLAIN, and a plan tells of tables that the class may not read.
    const bare = sql.replace(/\/\*.*?\*\/|--[^\n]*/gs, ' ');
    // A CTE that took the name of a policy would be given its secret name, and its trust, with it.
    if (/\b(walled|shown|staged)\s*\.\s*\w+\s*(\([^)]*\)\s*)?as\b[\s\w]*\(/i.test(bare))
      throw new QueueError('forbidden', 'a statement can not define what the wall defines');
    if (/^[\s;]*explain\b/i.test(bare)) throw new QueueError('forbidden', 'EXPLAIN is not for class statements');
    const before = this.#wall.current;
    this.#wall.current = cls;
    try {
      const statement = this.#db.prepare(plannedOnce(this.#wall.name(sql)));
      statement.setReturnArrays(true);
      const prepared = { statement, params, cls, sql, forgets: REMEMBERED.test(sql) };
      this.#prepared.set(key, prepared);
      return prepared;
    } finally {
      this.#wall.current = before;
    }
  }

  #as<T>(prepared: Prepared, action: () => T): T {
    const before = this.#wall.current;
    this.#wall.current = prepared.cls;
    try {
      return action();
    } finally {
      this.#wall.current = before;
    }
  }
}

/** SQLite looks at a bare parameter of LIMIT when it plans, and so plans anew whenever one is bound: an expression it leaves alone. */
const plannedOnce = (sql: string): string => sql.replace(/\b(LIMIT|OFFSET) (\?\d*)(?!\d|\s*\+)/g, '$1 ($2 + 0)');

function values(prepared: Prepared, params: Params): SQLInputValue[] {
  return prepared.params.map((name) => {
    const value = params[name];
    if (value === undefined) throw new Error(`the statement wants :${name}`);
    return value;
  });
}
