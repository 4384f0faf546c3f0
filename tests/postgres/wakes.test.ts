// Whom a commit wakes on PostgreSQL.
import { randomBytes } from 'node:crypto';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEFAULT_BACKOFF } from '../../src/domain/retry.ts';
import { openQueue } from '../../src/index.ts';
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

  it('a stream looks when something happened and when it may be told, not all the time', async () => {
    await using queue = await openQueue(await server.database({ realClock: true }), { janitorMs: 0, listenUrl: null });
    const client = queue.client('acme');
    let looks = 0;
    const told = client.events({ after: 0, reached: () => void looks++ })[Symbol.asyncIterator]();
    for (let i = 0; i < 3; i++) {
      const next = told.next();
      const { taskId } = await client.enqueue('A.B');
      assert.equal((await next).value?.taskId, taskId);
    }
    await told.return?.();
    assert.ok(looks <= 20, `${looks} looks for three events`);
  });
});
