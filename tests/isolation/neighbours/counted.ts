// A queue on SQLite whose walled views count the rows that pass them.
import { createHash } from 'node:crypto';
import { DEFAULT_BACKOFF } from '../../../src/domain/retry.ts';
import type { Queue } from '../../../src/service/handles.ts';
import { createQueue } from '../../../src/service/queue.ts';
import { FUNCTIONS } from '../../../src/store/sqlite/functions.ts';
import { loadStatements } from '../../../src/store/sql-files.ts';
import { openConnection } from '../../../src/store/sqlite/connection.ts';
import { loadMigrations, migrate } from '../../../src/store/sqlite/migrate.ts';
import { storeOn } from '../../../src/store/sqlite/store.ts';
import { redefined } from '../sqlite/harms.ts';

const SQL = new URL('../../../sql/sqlite/', import.meta.url);
const START = 1_800_000_000_000;

export interface Counted {
  readonly queue: Queue;
  /** How many rows passed since it was asked last. */
  rows(): number;
}

export function openCounted(): Counted {
  let rows = 0;
  let made = 0;
  const now = (): number => START;
  const connection = { file: ':memory:', readOnly: false, synchronous: 'NORMAL', now } as const;
  const db = openConnection(connection);
  migrate(db, loadMigrations(new URL('migrations/', SQL)), START, false);
  FUNCTIONS.add('passes');
  db.function('passes', { deterministic: false }, () => {
    rows += 1;
    return 1;
  });
  redefined(db, (sql) => sql.replace(/^(CREATE TEMP VIEW w_\w+ AS SELECT \* FROM main\.\w+ WHERE )(.*)$/s, '$1passes() AND ($2)'));
  const randomHex = (bytes: number): string => (++made).toString(16).padStart(bytes * 2, '0');
  const store = storeOn(db, {
    ...connection,
    migrate: true,
    random: () => 0.5,
    randomHex,
    strategies: [],
    defaultBackoff: DEFAULT_BACKOFF,
    busyTimeoutMs: 1000,
    lanesPerClient: 400,
    statements: loadStatements(SQL),
  });
  const queue = createQueue(
    {
      store,
      newId: () => `01890000-0000-7000-8000-${(++made).toString(16).padStart(12, '0')}`,
      digest: (text) => createHash('sha256').update(text).digest('hex'),
      randomHex,
      limits: { payloadBytes: 10_000, payloadDepth: 32 },
      retentionMs: 1000,
      auditRetentionMs: null,
      strategies: [],
      createClients: true,
    },
    { url: ':memory:', renewal: () => null, onClose: () => undefined },
  );
  return {
    queue,
    rows() {
      const passed = rows;
      rows = 0;
      return passed;
    },
  };
}
