// Two queues on one database, given to one test after the other with everything emptied between: opening and warming connections
// costs more than most tests.
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
  let made: Promise<{ readonly queue: Queue; readonly other: Queue; readonly owner: pg.Client }> | undefined;
  const make = async (): Promise<{ readonly queue: Queue; readonly other: Queue; readonly owner: pg.Client }> => {
    const url = await server.database();
    const owner = new pg.Client({ connectionString: url });
    await owner.connect();
    // One maker of ids for both: those of two processes are in no order within a millisecond, and the clock stands still.
    const { next } = createIds({ nowMs: () => clock.now, random: (bytes) => void randomFillSync(bytes) });
    const open = (): Promise<Queue> => openQueue(url, withClock(clock, { newId: next, ...over }));
    return { queue: await open(), other: await open(), owner };
  };
  return {
    async open(t, options) {
      if (options !== undefined) return separate(server, t, { ...over, ...options });
      const { queue, other, owner } = await (made ??= make());
      await owner.query(EMPTY);
      // Never back: ids would go on from where they were.
      clock.now += 1000;
      return { queue, other, clock };
    },
    async close() {
      const pair = await made;
      if (pair === undefined) return;
      await pair.queue.close();
      await pair.other.close();
      await pair.owner.end();
    },
  };
}

async function separate(server: Server, t: TestContext, options: OpenOptions): Promise<Opened> {
  const clock = { now: START };
  const url = await server.database();
  const { next } = createIds({ nowMs: () => clock.now, random: (bytes) => void randomFillSync(bytes) });
  const queue = await openQueue(url, withClock(clock, { newId: next, ...options }));
  const other = await openQueue(url, withClock(clock, { newId: next, ...options }));
  t.after(async () => {
    await queue.close();
    await other.close();
  });
  return { queue, other, clock };
}
