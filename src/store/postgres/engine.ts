// What every part of the PostgreSQL engine works with: the three pools, the clock, the group commit.
import type { StoreOptions, StoreScope } from '../store.ts';
import { actingOf, classOf } from './acting.ts';
import type { ClassName } from './acting.ts';
import type { Batches } from './batches.ts';
import type { Signer } from './context.ts';
import type { Params } from './statements.ts';
import type { Pool, Row } from './pool.ts';

export interface Engine {
  readonly pools: Readonly<Record<ClassName, Pool>>;
  readonly signer: Signer;
  readonly batches: Batches;
  readonly options: StoreOptions;
  /** The database's clock, as far as this process knows it: for what is shown, never for what is decided. */
  now(): number;
  /** Gives numbers to what the audit got since. */
  number(): Promise<void>;
}

/** A statement in the name of a scope, on the login of its class. */
export const call = (engine: Engine, scope: StoreScope, name: string, params: Params = {}): Promise<Row[]> =>
  engine.pools[classOf(scope)].run(name, actingOf(scope), params);

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const LEASE = /^[0-9a-f]{32}$/;

/** What is no id of ours is absent: it never reaches the database. */
export const isTaskId = (id: string): boolean => UUID.test(id);
export const isLeaseId = (id: string): boolean => LEASE.test(id);
