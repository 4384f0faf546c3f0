// `npm run audit:soak -- --rows 1000000`: processes that write, seal and anchor at once, killed at any moment; then the audit is
// verified against its anchors. Exit code 1 when anything is found: nobody changed a row.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { soak } from './audit-soak/run.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    members: { type: 'string', default: '4' },
    clients: { type: 'string', default: '5' },
    kills: { type: 'string', default: '40' },
    url: { type: 'string' },
  },
});
const [rows, members, clients, kills] = [values.rows, values.members, values.clients, values.kills].map(Number) as [number, number, number, number];
const folder = mkdtempSync(join(tmpdir(), 'prismq-soak-'));
let shown = 0;
try {
  const report = await soak({
    db: values.url ?? join(folder, 'queue.db'),
    folder,
    rows,
    members,
    clients,
    killEvery: Math.ceil(rows / kills),
    onProgress(done) {
      if (done - shown < rows / 20) return;
      shown = done;
      process.stderr.write(`${done} rows\n`);
    },
  });
  const { verdict, anchors, ...rest } = report;
  const { faults, notes, ...counts } = verdict;
  const engine = values.url === undefined ? 'sqlite' : 'postgres';
  console.log(
    JSON.stringify({ engine, ...rest, ...counts, signed: anchors.anchors, torn: anchors.others, missing: anchors.notes, bad: anchors.faults, faults, notes }),
  );
  process.exitCode = faults.length + anchors.faults.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
