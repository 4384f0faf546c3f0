// The import of a CSV as its readers run it: into a queue of its own and to a server, and a second time without doubles; PRISMQ_IMPORT_ROWS
// (100,000 for the whole) says how many rows, in bounded memory.
import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { it } from 'node:test';
import { serve } from '../http/stand.ts';
import { EXAMPLES, run, temporaryFolder } from './rig.ts';

const ROWS = Number(process.env['PRISMQ_IMPORT_ROWS'] ?? 5000);

async function csv(): Promise<string> {
  const file = join(temporaryFolder(), 'customers.csv');
  const out = createWriteStream(file);
  out.write('id,name,city\n');
  for (let n = 1; n <= ROWS; n++) if (!out.write(`${n},"Novák, ""Jan"" ${n}",Brno\n`)) await once(out, 'drain');
  out.end();
  await once(out, 'finish');
  return file;
}
const example = (args: readonly string[], env: Readonly<Record<string, string>> = {}): ReturnType<typeof run> =>
  run(process.execPath, ['--conditions=prismq-source', join(EXAMPLES, 'csv-import.ts'), ...args], env);

it(`${ROWS} rows of a CSV are imported to a server by one request, and a second import finds them all there`, async (t) => {
  const rig = await serve(t);
  const key = await rig.key({ role: 'client', clientId: 'acme' });
  const file = await csv();
  const first = example([file, rig.url, key]);
  const [, mb = ''] = await first.hasSaid(new RegExp(`imported ${ROWS}, known before 0, refused 0, in [\\d.]+ s, (\\d+) MB`));
  assert.ok(Number(mb) < 300, `${mb} MB`);
  assert.equal((await first.ended).code, 0);
  const [one] = (await rig.queue.client('acme').list({ limit: 1 })).items;
  assert.deepEqual(one?.payload, { id: String(ROWS), name: `Novák, "Jan" ${ROWS}`, city: 'Brno' });
  const second = example([file, rig.url, key]);
  await second.hasSaid(new RegExp(`imported 0, known before ${ROWS}, refused 0`));
  assert.equal((await rig.queue.client('acme').stats()).total, ROWS);
});

it('the same rows go into a queue in the process', async () => {
  const file = await csv();
  const done = example([file], { PRISMQ_DB: join(temporaryFolder(), 'queue.db') });
  await done.hasSaid(new RegExp(`imported ${ROWS}, known before 0, refused 0`));
  assert.equal((await done.ended).code, 0);
});
