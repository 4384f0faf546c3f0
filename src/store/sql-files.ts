// Reads `sql/<engine>/*.sql` into named statements. A statement starts at a line `-- name: claim_pick (engine)`: its name and
// the class whose rights it runs with. Parameters are written `:name` and compiled to positions once.
import { readdirSync, readFileSync } from 'node:fs';

export interface NamedStatement {
  readonly name: string;
  readonly cls: string;
  /** SQL with `?1`, `?2` … in place of the names. */
  readonly sql: string;
  readonly params: readonly string[];
  readonly file: string;
}

const HEADER = /^-- name: (\w+) \((\w+)\)$/;

export function loadStatements(folder: URL): ReadonlyMap<string, NamedStatement> {
  const found = new Map<string, NamedStatement>();
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()) {
    for (const statement of parseStatements(readFileSync(new URL(file, folder), 'utf8'), file)) {
      if (found.has(statement.name)) throw new Error(`two statements are named ${statement.name}`);
      found.set(statement.name, statement);
    }
  }
  return found;
}

export function parseStatements(text: string, file: string): NamedStatement[] {
  const statements: NamedStatement[] = [];
  let header: RegExpExecArray | null = null;
  let lines: string[] = [];
  const flush = (): void => {
    if (header !== null)
      statements.push({ name: header[1] as string, cls: header[2] as string, file, ...compileParams(lines.join('\n').trim().replace(/;$/, '')) });
  };
  for (const line of text.split('\n')) {
    const next = HEADER.exec(line);
    if (next !== null) {
      flush();
      header = next;
      lines = [];
    } else if (!line.startsWith('--')) lines.push(line);
  }
  flush();
  return statements;
}

/** `:name` → `?N`; strings are left alone. */
export function compileParams(sql: string): { readonly sql: string; readonly params: readonly string[] } {
  const params: string[] = [];
  const compiled = sql.replace(/'[^']*'|:([a-z_]\w*)/g, (whole: string, name: string | undefined) => {
    if (name === undefined) return whole;
    if (!params.includes(name)) params.push(name);
    return `?${params.indexOf(name) + 1}`;
  });
  return { sql: compiled, params };
}
