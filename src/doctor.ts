// Looks at a store from outside: wires the checks of the two engines.
import type { CheckResult } from './store/checks.ts';
import type { PostgresLogins } from './store/postgres/store.ts';
import { checkSqlite } from './store/sqlite/checks.ts';

export type { CheckResult, CheckState } from './store/checks.ts';

/** `file` is a path. */
export async function checkStore(place: { readonly file: string } | { readonly database: string | PostgresLogins }): Promise<readonly CheckResult[]> {
  if ('file' in place) return checkSqlite(place.file, Date.now);
  return (await import('./store/postgres/checks.ts')).checkPostgres({ connect: place.database, wallMs: Date.now });
}
