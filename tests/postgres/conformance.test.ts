// The conformance suite on real PostgreSQL: two queues on one database of its own server.
import { after, before, describe } from 'node:test';
import { conformance } from '../store/conformance/suite.ts';
import { pairOf } from './pair.ts';
import type { Pair } from './pair.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

describe('conformance on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server | null = null;
  let pair: Pair;
  before(async () => {
    server = await startServer();
    pair = pairOf(server as Server);
  });
  after(async () => {
    await pair?.close();
    server?.stop();
  });

  conformance({ name: 'postgres', capabilities: { connections: 2 }, open: (t, options) => pair.open(t, options) });
});
