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
  readonly url: string;
  readonly owner: pg.Client;
}

export function takeOver(): void {
  let made: Promise<Shared> | undefined;
  // The clock of whoever has the queue now.
  let now: () => number = () => 1_800_000_000_000;
  const clock = {
    get now() {
      return now();
    },
  };
  const queues = new Map<OpenOptions['masterKey'], Promise<Queue>>();
  const queueWith = (url: string, masterKey: OpenOptions['masterKey']): Promise<Queue> => {
    const open = queues.get(masterKey) ?? openQueue(url, withClock(clock, masterKey === undefined ? {} : { masterKey }));
    queues.set(masterKey, open);
    return open;
  };
  const make = async (): Promise<Shared> => {
    const server = (await startServer()) as Server;
    const url = await server.database();
    const owner = new pg.Client({ connectionString: url });
    await owner.connect();
    return { server, url, owner };
  };
  opener.open = async (options: OpenOptions) => {
    const { url, owner } = await (made ??= make());
    const queue = await queueWith(url, options.masterKey);
    await owner.query(EMPTY);
    now = options.now ?? Date.now;
    const kept = async (): Promise<void> => undefined;
    return { ...queue, close: kept, [Symbol.asyncDispose]: kept };
  };
  after(async () => {
    const shared = await made;
    for (const queue of queues.values()) await (await queue).close();
    await shared?.owner.end();
    shared?.server.stop();
  });
}
