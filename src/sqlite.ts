// `prismq/sqlite`: the embedded engine by itself, for programs that wire their own service.
export { migrateSqlite, openSqliteStore } from './store/sqlite/store.ts';
export type { SqliteOptions } from './store/sqlite/store.ts';
export type { Store, StoreOptions, StoreScope } from './store/store.ts';
