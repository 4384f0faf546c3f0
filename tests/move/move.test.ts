// A queue is moved between real stores, both ways, with everything in it; work goes on where it stood.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startServer } from '../postgres/server.ts';
import { differences, folderOf, moveAll, quiet } from './rig.ts';
import { ORDER, fill, portrait, workerIn } from './world.ts';

const server = await startServer();
const skip = server === null;
after(() => server?.stop());

const WAYS = [
  ['a file', 'PostgreSQL'],
  ['PostgreSQL', 'a file'],
  ['a file', 'a file'],
  ['PostgreSQL', 'PostgreSQL'],
] as const;

for (const [from, to] of WAYS)
  test(`from ${from} to ${to}: what users, admins and auditors see is the same, and work goes on`, {
    skip: skip && `${from}${to}`.includes('P'),
  }, async (t) => {
    const folder = folderOf(t);
    const place = async (kind: string, name: string, bare: boolean): Promise<string> =>
      kind === 'a file' ? join(folder, name) : ((await server?.database(bare ? { bare: true } : { realClock: true })) as string);
    const source = await place(from, 'a.db', false);
    const target = await place(to, 'b.db', true);
    const old = await quiet(t, source);
    const world = await fill(old);
    const before = await portrait(old);

    const report = await moveAll(source, target);
    assert.deepEqual(differences(report), { tables: [], clients: [], faults: [] });
    assert.equal(report.equal, true);
    assert.equal(report.leases, world.held.length);
    assert.ok(report.audit.sealed > 20, 'sealed rows were checked');
    assert.deepEqual(await portrait(old), before, 'the old place can be read as it was');

    const queue = await quiet(t, target);
    assert.deepEqual(await portrait(queue), before);

    // Leases go on, with the time that they had; fences rise; keys open; idempotency keys are remembered.
    const worker = workerIn(queue);
    const [held] = world.held;
    assert.ok(held !== undefined);
    await worker.complete(held, { late: true });
    assert.equal((await queue.client(held.clientId).get(held.taskId)).status, 'completed');
    const again = await queue.client('acme').enqueue('Mail.Order', { text: 'grüße \u2028 "quoted" \\ \u0001', n: 1e21 }, ORDER);
    assert.deepEqual([again.deduplicated, again.taskId], [true, world.ordered]);
    const client = await queue.authenticate(world.clientKey);
    assert.ok('enqueue' in client);
    const { taskId } = await client.enqueue('Mail.Send', { new: true }, { priority: 1, compatibility: { region: 'eu' } });
    const claimed = await worker.claim({ max: 50, strategy: 'PRIORITY' });
    // Which client comes first is the fair share's; inside one the most urgent is.
    assert.equal(claimed.find(({ clientId }) => clientId === 'acme')?.taskId, taskId, 'the newest is the most urgent');
    assert.ok(claimed.length > 3);
    for (const one of claimed) assert.ok(one.fence > 2 ** 32 && one.fence > Math.max(0, ...world.held.map(({ fence }) => fence)), 'fences rise over the move');
    for (const one of claimed) await worker.complete(one);
    await queue.system().seal();
    assert.deepEqual((await queue.admin().audit.verify({ anchors: await old.admin().audit.heads() })).faults, []);

    await assert.rejects(old.client('acme').enqueue('Mail.Send'), { code: 'store_moved', message: /has moved to/ });
    await assert.rejects(workerIn(old).claim(), { code: 'store_moved' });
    const late = await quiet(t, source);
    await assert.rejects(late.client('acme').enqueue('Mail.Send'), { code: 'store_moved' });
  });
