// `prismq/postgres`: the PostgreSQL engine by itself, and its schema, for programs that wire their own service.
import { loadDriver } from './store/postgres/driver.ts';
import { migratePostgres, printSql, withClient } from './store/postgres/migrate.ts';
import type { PostgresMigration } from './store/postgres/migrate.ts';
import { DEDICATED, bindSqlRole, setupPostgres } from './store/postgres/setup.ts';
import type { SetupOptions, SetupResult } from './store/postgres/setup.ts';

export { openPostgresStore } from './store/postgres/store.ts';
export { envLines, parseEnvLines } from './store/postgres/setup.ts';
export type { PostgresLogins, PostgresOptions } from './store/postgres/store.ts';
export type { Store, StoreOptions, StoreScope } from './store/store.ts';

/** Brings the schema of the database up to date by a superuser's URL; with `dryRun` only tells what would run. */
export async function migratePostgresUrl(url: string, dryRun: boolean): Promise<PostgresMigration> {
  return withClient(await loadDriver(), url, (client) => migratePostgres(client, { dryRun }));
}

/** Roles, schema, one login a class and the signing key, by a superuser's URL. */
export async function setupPostgresUrl(url: string, options: SetupOptions): Promise<SetupResult> {
  return withClient(await loadDriver(), url, (client) => setupPostgres(client, url, options));
}

/** The SQL of the schema, for administrators who run it themselves. */
export const postgresSql = (dedicated: boolean): string => (dedicated ? `${printSql()}\n${DEDICATED};\n` : printSql());

/** Lets a role of the database enqueue for one client from plain SQL, or no longer; by a superuser's URL. */
export async function bindSqlRoleUrl(url: string, role: string, clientId: string, bound = true): Promise<void> {
  await withClient(await loadDriver(), url, (client) => bindSqlRole(client, role, clientId, bound));
}
