// Lets the suites of tests/store/opener.ts run on PostgreSQL: one server a test file, one queue for one test after the other.
import { after } from 'node:test';
import pg from 'pg';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions, Queue } from '../../src/index.ts';
import { opener } from '../store/opener.ts';
import { EMPTY, withClock } from './pair.ts';
import { startServer } from './server.ts';
import type { Server } from './server.ts';

interface Shared {
  readonly server: Server;
  readonly queue: Queue;
  readonly owner: pg.Client;
}

export function takeOver(): void {
  let made: Promise<Shared> | undefined;
  // The clock of whoever has the queue now.
  let now: () => number = () => 1_800_000_000_000;
  const make = async (): Promise<Shared> => {
    const server = (await startServer()) as Server;
    const url = await server.database();
    const owner = new pg.Client({ connectionString: url });
    await owner.connect();
    const queue = await openQueue(
      url,
      withClock(
        {
          get now() {
            return now();
          },
        },
        {},
      ),
    );
    return { server, queue, owner };
  };
  opener.open = async (options: OpenOptions) => {
    const { queue, owner } = await (made ??= make());
    await owner.query(EMPTY);
    now = options.now ?? Date.now;
    const kept = async (): Promise<void> => undefined;
    return { ...queue, close: kept, [Symbol.asyncDispose]: kept };
  };
  after(async () => {
    const shared = await made;
    await shared?.queue.close();
    await shared?.owner.end();
    shared?.server.stop();
  });
}
