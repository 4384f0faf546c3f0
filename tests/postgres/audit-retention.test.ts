// The retention of the audit and its anchors on PostgreSQL: the suite of SQLite, and what not even the superuser does by accident.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions } from '../../src/index.ts';
import { retentionSuite } from '../audit/retention.ts';
import { DAY, openRig } from '../audit/rig.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

describe('the retention of the audit on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server;
  before(async () => {
    server = (await startServer()) as Server;
  });
  after(() => server?.stop());
  const opened: { url: string } = { url: '' };
  const open = async (options: OpenOptions) => {
    opened.url = await server.database();
    return openQueue(opened.url, { ...options, listenUrl: null });
  };
  retentionSuite(open);

  it('the same work has the same hashes on both engines', async () => {
    const headsOf = async (make: typeof open) => {
      let made = 0;
      const clock = { now: 1_800_000_000_000 };
      const newId = (): string => `01890000-0000-7000-8000-${(++made).toString(16).padStart(12, '0')}`;
      const queue = await make({ janitorMs: 0, now: () => clock.now, newId });
      for (const id of ['acme', 'globex']) {
        const client = queue.client(id);
        for (let n = 0; n < 4; n++) {
          clock.now += 5;
          const { taskId } = await client.enqueue('Mail.Send', { n });
          if (n % 2 === 0) await client.cancel(taskId, 'no longer');
          if (n === 2) await client.requeue(taskId);
        }
        await queue.admin().clients.weight(id, 3);
      }
      await queue.system().seal();
      const heads = await queue.admin().audit.heads();
      await queue.close();
      return heads;
    };
    const ours = await headsOf(open);
    assert.equal(ours.length, 4);
    assert.deepEqual(ours, await headsOf((options) => openQueue(':memory:', options)));
  });

  it('of an edge whose tasks are gone nothing is left, and of a run of numbers only what has rows', async () => {
    const rig = await openRig(open, { auditRetentionMs: DAY });
    const client = rig.queue.client('acme');
    const parent = (await client.enqueue('Mail.Send', 'parent')).taskId;
    const child = (await client.enqueue('Mail.Send', 'child', { dependsOn: [{ taskId: parent, policy: 'ignore' }] })).taskId;
    for (const taskId of [parent, child]) await client.cancel(taskId);
    for (const taskId of [parent, child]) await rig.queue.as({ role: 'admin', clientId: 'acme' }).purge(taskId);
    const counted = async (sql: string): Promise<number> => Number((await server.query(opened.url, `SELECT count(*)::text AS n FROM ${sql}`))[0]?.[0]);
    for (let step = 0; step < 3; step++) {
      assert.equal(await counted('prismq.task_dependencies'), 1, 'the control: as long as their audit is kept');
      await client.enqueueMany(Array.from({ length: 70 }, () => ({ type: 'Mail.Send' })));
      await rig.work();
      await rig.anchor();
      rig.clock.now += 2 * DAY;
    }
    await rig.cut();
    assert.equal(await counted('prismq.task_dependencies'), 0);
    assert.ok((await counted('prismq.task_events')) > 0);
    const left = `prismq.audit_places p WHERE p.chain = 'tasks' AND NOT EXISTS (SELECT FROM prismq.task_events e WHERE e.client_id = p.client_id AND e.task_id = p.task_id AND e.seq = p.seq)`;
    assert.ok((await counted(left)) < 64, 'at most a part of one run');
    assert.deepEqual((await rig.verify()).faults, []);
    await rig.queue.close();
  });

  it('the audit stays append-only for everybody else, the superuser included', async () => {
    const rig = await openRig(open, { auditRetentionMs: DAY });
    for (let step = 0; step < 3; step++) {
      await rig.work();
      await rig.anchor();
      rig.clock.now += 2 * DAY;
    }
    assert.ok((await rig.cut()).cuts > 0);
    const owner = new pg.Client({ connectionString: opened.url });
    await owner.connect();
    for (const sql of [
      `DELETE FROM prismq.task_events WHERE client_id = 'acme'`,
      'DELETE FROM prismq.security_events',
      'DELETE FROM prismq.audit_seals',
      'DELETE FROM prismq.audit_numbers',
      'UPDATE prismq.audit_cuts SET seq = seq + 1',
      'DELETE FROM prismq.audit_cuts',
      `UPDATE prismq.audit_anchors SET hash = 'x'`,
      'DELETE FROM prismq.audit_anchors',
      'TRUNCATE prismq.audit_cuts',
    ])
      await assert.rejects(owner.query(sql), /append-only/, sql);
    await owner.end();
    await rig.queue.close();
  });

  for (const [name, harm] of [
    ['a row that was changed', `UPDATE prismq.task_events SET actor = 'somebody' WHERE client_id = 'acme'`],
    [
      'an end that was cut off',
      `DELETE FROM prismq.audit_seals WHERE client_id = 'acme' AND chain = 'tasks'; DELETE FROM prismq.task_events WHERE client_id = 'acme'`,
    ],
    [
      'a cut where no anchor was',
      `INSERT INTO prismq.audit_cuts SELECT client_id, chain, seq, hash, last_id, 1 FROM prismq.audit_seals WHERE client_id = 'acme' AND chain = 'tasks' ORDER BY seq DESC LIMIT 1`,
    ],
  ] as const)
    it(`${name} by the superuser is found with the anchors`, async () => {
      const rig = await openRig(open, {});
      for (let step = 0; step < 2; step++) {
        await rig.work();
        if (step === 0) await rig.anchor();
      }
      assert.deepEqual((await rig.verify()).faults, [], 'the control');
      const owner = new pg.Client({ connectionString: opened.url });
      await owner.connect();
      await owner.query(`SET session_replication_role = replica; ${harm}`);
      await owner.end();
      const { faults } = await rig.verify();
      assert.ok(
        faults.some(({ clientId, chain }) => clientId === 'acme' && chain === 'tasks'),
        JSON.stringify(faults),
      );
      await rig.queue.close();
    });

  it('a chain that the superuser made anew holds by itself, and not against the anchors', async () => {
    const rig = await openRig(open, {});
    for (let step = 0; step < 2; step++) {
      await rig.work();
      await rig.anchor();
    }
    const owner = new pg.Client({ connectionString: opened.url });
    await owner.connect();
    await owner.query(
      `SET session_replication_role = replica; UPDATE prismq.task_events SET actor = 'somebody' WHERE client_id = 'acme' AND seq = 1; DELETE FROM prismq.audit_seals; UPDATE prismq.audit_passed SET sealed_id = 0`,
    );
    await owner.end();
    await rig.queue.system().seal();
    assert.deepEqual((await rig.queue.admin().audit.verify()).faults, []);
    assert.ok((await rig.verify()).faults.length > 0);
    await rig.queue.close();
  });
});
