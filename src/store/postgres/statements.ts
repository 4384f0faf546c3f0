// The named statements that the engine sends, with `$n` in place of names. Each runs as a named prepared statement.
import { loadStatements } from '../sql-files.ts';

export type Params = Readonly<Record<string, unknown>>;

export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly params: readonly string[];
}

const SQL = new URL('../../../sql/postgres/', import.meta.url);

let loaded: ReadonlyMap<string, Statement> | undefined;

export function statements(): ReadonlyMap<string, Statement> {
  loaded ??= new Map(
    [...loadStatements(SQL)].map(([name, { sql, params }]) => [name, { name: `prismq_${name}`, text: sql.replace(/\?(\d+)/g, '$$$1'), params }] as const),
  );
  return loaded;
}

export function statement(name: string): Statement {
  const found = statements().get(name);
  if (found === undefined) throw new Error(`no statement is named ${name}`);
  return found;
}

export function valuesOf({ name, params }: Statement, given: Params): unknown[] {
  return params.map((param) => {
    const value = given[param];
    if (value === undefined) throw new Error(`the statement ${name} wants :${param}`);
    return value;
  });
}
