// A queue whose audit was cut by retention is moved, there and back: the chains begin behind their cuts, hold, and are cut again.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openQueue } from '../../src/index.ts';
import { DAY, openRig } from '../audit/rig.ts';
import { startServer } from '../postgres/server.ts';
import { differences, folderOf, moveAll, quiet } from './rig.ts';

const server = await startServer();
after(() => server?.stop());

test('an audit that was cut is moved to PostgreSQL and back: chains, cuts and what is left of runs', { skip: server === null }, async (t) => {
  if (server === null) return;
  const folder = folderOf(t);
  const [file, back] = [join(folder, 'a.db'), join(folder, 'b.db')];
  const url = await server.database({ bare: true });
  const rig = await openRig((given) => openQueue(file, { synchronous: 'NORMAL', ...given }), { auditRetentionMs: 2 * DAY });
  for (let day = 0; day < 6; day++) {
    await rig.work();
    await rig.anchor();
    rig.clock.now += DAY;
  }
  assert.ok((await rig.cut()).cuts > 0, 'the control: something was cut');
  await rig.queue.system().seal();
  const of = async (queue: typeof rig.queue): Promise<unknown> => {
    const { audit } = queue.admin();
    const { faults, rows, sealed } = await audit.verify();
    return { faults, rows, sealed, heads: (await audit.heads()).map(({ clientId, chain, seq, hash }) => [clientId, chain, seq, hash].join()).toSorted() };
  };
  const before = (await of(rig.queue)) as { readonly faults: unknown };
  assert.deepEqual(before.faults, []);
  await rig.queue.close();

  const there = await moveAll(file, url);
  assert.deepEqual([differences(there), there.equal], [{ tables: [], clients: [], faults: [] }, true]);
  const queue = await quiet(t, url);
  assert.deepEqual(await of(queue), before);
  // It goes on: new rows follow the last number, and the numbers of runs that were loaded row by row are read with them.
  await queue.client('acme').enqueueMany(Array.from({ length: 70 }, () => ({ type: 'Mail.Send' })));
  await queue.system().seal();
  assert.deepEqual((await queue.admin().audit.verify()).faults, []);
  const after = (await of(queue)) as { readonly faults: unknown };
  await queue.close();

  const home = await moveAll(url, back);
  assert.deepEqual([differences(home), home.equal], [{ tables: [], clients: [], faults: [] }, true]);
  assert.deepEqual(await of(await quiet(t, back)), after);
});
