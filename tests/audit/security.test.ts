// The security events on SQLite.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openQueue } from '../../src/index.ts';
import { securitySuite } from './security.ts';

securitySuite(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-audit-'));
  const file = join(folder, 'queue.db');
  const queue = await openQueue(file, { janitorMs: 0, synchronous: 'NORMAL', createClients: false, masterKey: '5'.repeat(64) });
  return {
    queue,
    async breakAudit() {
      const db = new DatabaseSync(file);
      db.exec(`CREATE TRIGGER broken BEFORE INSERT ON security_events BEGIN SELECT RAISE(ABORT, 'the audit is full'); END`);
      db.close();
    },
    async close() {
      await queue.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});
