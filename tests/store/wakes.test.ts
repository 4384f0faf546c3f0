// Whom a commit wakes on SQLite.
import { randomBytes } from 'node:crypto';
import { DEFAULT_BACKOFF } from '../../src/domain/retry.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { wakes } from './wakes.ts';

wakes('SQLite', 1000, () =>
  Promise.resolve(
    openSqliteStore({
      file: ':memory:',
      synchronous: 'NORMAL',
      migrate: true,
      now: Date.now,
      random: Math.random,
      randomHex: (bytes) => randomBytes(bytes).toString('hex'),
      strategies: [],
      defaultBackoff: DEFAULT_BACKOFF,
      busyTimeoutMs: 1000,
      lanesPerClient: 100,
    }),
  ),
);
