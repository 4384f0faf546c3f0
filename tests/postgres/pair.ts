// Two queues on one database, given to one test after the other with everything emptied between: making a database, opening and
// warming connections cost more than most tests. A test with options of its own gets two more queues on the same database.
import { randomFillSync } from 'node:crypto';
import type { TestContext } from 'node:test';
import { createIds } from '../../src/domain/ids.ts';
import pg from 'pg';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions, Queue } from '../../src/index.ts';
import type { Opened } from '../store/conformance/rig.ts';
import type { Server } from './server.ts';

const START = 1_800_000_000_000;

/** Triggers and keys aside, as the superuser may. Settings stay, so that what processes remember of them stays true. */
export const EMPTY = `SET session_replication_role = replica;
DO $$ DECLARE t text; BEGIN
  FOR t IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'prismq'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('meta', 'schema_migrations', 'signing_keys', 'audit_passed') LOOP
    EXECUTE format('DELETE FROM prismq.%I', t);
  END LOOP;
  UPDATE prismq.audit_passed SET sealed_id = 0, numbered_id = 0, next_xact = pg_current_xact_id()::text::bigint, running = '{}';
  UPDATE prismq.meta SET value = 'open' WHERE key = 'category_mode';
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'categories_version';
END $$`;

export interface Pair {
  open(t: TestContext, options?: OpenOptions): Promise<Opened>;
  close(): Promise<void>;
}

export function withClock(clock: { readonly now: number }, options: OpenOptions = {}): OpenOptions {
  return { now: () => clock.now, random: () => 0.5, janitorMs: 0, listenUrl: null, connections: 2, ...options };
}

/** `over` are options of every queue. */
export function pairOf(server: Server, over: OpenOptions = {}): Pair {
  const clock = { now: START };
  // One maker of ids for all: those of two processes are in no order within a millisecond, and the clock stands still.
  const { next } = createIds({ nowMs: () => clock.now, random: (bytes) => void randomFillSync(bytes) });
  let place: Promise<{ readonly url: string; readonly owner: pg.Client }> | undefined;
  let made: Promise<readonly [Queue, Queue]> | undefined;
  const found = async (): Promise<{ readonly url: string; readonly owner: pg.Client }> => {
    const url = await server.database();
    const owner = new pg.Client({ connectionString: url });
    await owner.connect();
    return { url, owner };
  };
  const two = async (url: string, options: OpenOptions): Promise<readonly [Queue, Queue]> => {
    const open = (): Promise<Queue> => openQueue(url, withClock(clock, { newId: next, ...over, ...options }));
    return [await open(), await open()];
  };
  return {
    async open(t, options) {
      const { url, owner } = await (place ??= found());
      await owner.query(EMPTY);
      // Never back: ids would go on from where they were.
      clock.now += 1000;
      const [queue, other] = await (options === undefined ? (made ??= two(url, {})) : two(url, options));
      if (options !== undefined) t.after(async () => void (await Promise.all([queue.close(), other.close()])));
      return { queue, other, clock };
    },
    async close() {
      for (const queue of (await made) ?? []) await queue.close();
      await (await place)?.owner.end();
    },
  };
}
