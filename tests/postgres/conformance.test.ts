// The conformance suite on real PostgreSQL: two queues on one fresh database.
import { after, before, describe } from 'node:test';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions, Queue } from '../../src/index.ts';
import { conformance } from '../store/conformance/suite.ts';
import { startServer } from './server.ts';
import type { Server } from './server.ts';

const START = 1_800_000_000_000;

describe('PostgreSQL', () => {
  let server: Server;
  before(async () => {
    server = (await startServer()) as Server;
  });
  after(() => server?.stop());

  conformance({
    name: 'postgres',
    capabilities: { connections: 2 },
    async open(t, options) {
      const clock = { now: START };
      const url = await server.database();
      const open = (): Promise<Queue> => openQueue(url, withClock(clock, options));
      const queue = await open();
      const other = await open();
      t.after(async () => {
        await queue.close();
        await other.close();
      });
      return { queue, other, clock };
    },
  });
});

function withClock(clock: { readonly now: number }, options: OpenOptions = {}): OpenOptions {
  return { now: () => clock.now, random: () => 0.5, janitorMs: 0, listenUrl: null, connections: 2, ...options };
}
