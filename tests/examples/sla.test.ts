// The example of due times as its readers run it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { EXAMPLES, run } from './rig.ts';

it('reports are printed in the order of their due times, whoever came first, and the forecast says what comes', async () => {
  const example = run(process.execPath, ['--conditions=prismq-source', join(EXAMPLES, 'due-times.ts')], { REPORTS: '6', RUN_MS: '30', DUE_MS: '600000' });
  await example.hasSaid(/printed report 1\n(?:.*\n)*printed report 2\n(?:.*\n)*printed report 6\n/);
  await example.hasSaid(/forecast of report 6: \d before it, will miss its due time: no/);
  await example.hasSaid(/done: 6 in time, 0 late/);
  assert.equal((await example.ended).code, 0);
});

it('what can not be done in time is told before and after', async () => {
  const example = run(process.execPath, ['--conditions=prismq-source', join(EXAMPLES, 'due-times.ts')], { REPORTS: '6', RUN_MS: '200', DUE_MS: '1' });
  await example.hasSaid(/breach: report \d/);
  await example.hasSaid(/done: 0 in time, 6 late/);
  assert.equal((await example.ended).code, 0);
});

it('a client that is too fast is refused, and gets it all done', async () => {
  const example = run(process.execPath, ['--conditions=prismq-source', join(EXAMPLES, 'quota.ts')], { TASKS: '60' });
  await example.hasSaid(/may have 20 tasks and 10000 bytes of payload unfinished/);
  await example.hasSaid(/done: 60 of 60, after refusals/);
  assert.equal((await example.ended).code, 0);
});
