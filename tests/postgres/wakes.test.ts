// Whom a commit wakes on PostgreSQL.
import { randomBytes } from 'node:crypto';
import { after, before, describe } from 'node:test';
import { DEFAULT_BACKOFF } from '../../src/domain/retry.ts';
import { openPostgresStore } from '../../src/postgres.ts';
import { wakes } from '../store/wakes.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

describe('on a server', { skip: binaries().length === 0 }, () => {
  let server: Server;
  before(async () => {
    server = (await startServer()) as Server;
  });
  after(() => server?.stop());

  wakes('PostgreSQL', 200, async () =>
    openPostgresStore({
      connect: await server.database({ realClock: true }),
      migrate: false,
      now: Date.now,
      wallMs: Date.now,
      replacedClock: false,
      random: Math.random,
      randomHex: (bytes) => randomBytes(bytes).toString('hex'),
      strategies: [],
      defaultBackoff: DEFAULT_BACKOFF,
      busyTimeoutMs: 1000,
      lanesPerClient: 100,
      connections: 4,
      pooled: false,
      // Who begins to listen looks once: that is another matter.
      listenUrl: null,
      onError: () => undefined,
      warn: () => undefined,
    }),
  );
});
