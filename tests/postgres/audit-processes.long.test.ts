// Real processes on PostgreSQL that write, seal and anchor the audit at once and are killed: what comes out is whole, transactions that
// end in another order than they began included.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { soak } from '../../scripts/audit-soak/run.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

describe('the audit of killed processes on PostgreSQL', { skip: binaries().length === 0 }, () => {
  it('is whole against its anchors', { timeout: 300_000 }, async (t) => {
    const server = (await startServer()) as Server;
    t.after(() => server.stop());
    const folder = mkdtempSync(join(tmpdir(), 'prismq-soak-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const report = await soak({ db: await server.database({ realClock: true }), folder, rows: 12_000, members: 3, clients: 3, killEvery: 3000 });
    assert.deepEqual([report.verdict.faults, report.anchors.faults], [[], []]);
    assert.ok(report.kills >= 4 && report.verdict.rows >= 12_000, `${report.kills} kills, ${report.verdict.rows} rows`);
    assert.equal(report.verdict.unsealed, 0);
  });
});
