// `prismq/postgres`: the PostgreSQL engine by itself, and its schema, for programs that wire their own service.
import { loadDriver } from './store/postgres/driver.ts';
import { migratePostgres, withClient } from './store/postgres/migrate.ts';
import type { PostgresMigration } from './store/postgres/migrate.ts';

export { openPostgresStore } from './store/postgres/store.ts';
export type { PostgresLogins, PostgresOptions } from './store/postgres/store.ts';
export type { Store, StoreOptions, StoreScope } from './store/store.ts';

/** Brings the schema of the database up to date by a superuser's URL; with `dryRun` only tells what would run. */
export async function migratePostgresUrl(url: string, dryRun: boolean): Promise<PostgresMigration> {
  return withClient(await loadDriver(), url, (client) => migratePostgres(client, { dryRun }));
}
