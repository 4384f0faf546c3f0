// The one file that knows the driver: an optional peer, loaded when a PostgreSQL store is opened and not before.
import type pg from 'pg';
import type { Client, ClientConfig } from 'pg';
import { QueueError } from '../../domain/errors.ts';

export type { Client, ClientConfig, Notification } from 'pg';
export type Driver = typeof pg;

export async function loadDriver(): Promise<Driver> {
  try {
    return ((await import('pg')) as { readonly default?: Driver } & Driver).default as unknown as Driver;
  } catch (error) {
    throw new QueueError('store_unavailable', 'a queue on PostgreSQL needs the package `pg`: npm install pg', {}, error);
  }
}

/** Types that come as text unless told otherwise: every bigint of ours is an instant, a duration or a count below 2^53. */
const NUMERIC_OIDS = new Set([20, 21, 23, 26, 700, 701, 1700]);
const asNumber = (text: string): number => Number(text);
const asBoolean = (text: string): boolean => text === 't';
const asText = (text: string): string => text;

const types = {
  getTypeParser: (oid: number) => (NUMERIC_OIDS.has(oid) ? asNumber : oid === 16 ? asBoolean : asText),
} as unknown as NonNullable<ClientConfig['types']>;

/** A connection that has not been opened yet. */
export function newClient(driver: Driver, config: ClientConfig & { readonly pipeline?: boolean }): Client {
  return new driver.Client({ application_name: 'prismq', keepAlive: true, types, ...config } as ClientConfig);
}
