// The retention of the audit, on whichever engine the queue is: only what was anchored goes, the cut is on record, and the chain holds from there on.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OpenOptions, Queue } from '../../src/index.ts';
import { CLIENTS, DAY, openRig } from './rig.ts';
import type { Rig } from './rig.ts';

export function retentionSuite(open: (options: OpenOptions) => Promise<Queue>): void {
  const rigged =
    (options: OpenOptions, use: (rig: Rig) => Promise<void>): (() => Promise<void>) =>
    async () => {
      const rig = await openRig(open, options);
      try {
        await use(rig);
      } finally {
        await rig.queue.close();
      }
    };
  const rowsOf = async (rig: Rig): Promise<number> => (await rig.verify()).rows;
  /** Days of work, each anchored. */
  const days = async (rig: Rig, count: number): Promise<void> => {
    for (let day = 0; day < count; day++) {
      await rig.work();
      await rig.anchor();
      rig.clock.now += DAY;
    }
  };

  describe('the retention of the audit', () => {
    it(
      'takes what is older than its time, and the chain verifies from the cut on, with the anchors and without',
      rigged({ auditRetentionMs: 3 * DAY }, async (rig) => {
        await days(rig, 6);
        const before = await rowsOf(rig);
        const { rows, cuts } = await rig.cut();
        assert.ok(rows > 20 && cuts >= 3, `${rows} rows, ${cuts} cuts`);
        const verdict = await rig.verify();
        assert.deepEqual([verdict.faults, verdict.notes], [[], []]);
        // What is left, and the records of the cuts.
        assert.equal(verdict.rows, before - rows + cuts);
        assert.equal(verdict.cuts, cuts);
        assert.deepEqual((await rig.queue.admin().audit.verify()).faults, []);
        const { items } = await rig.queue.admin().audit.trail({ chain: 'security', action: 'audit.cut' });
        assert.deepEqual(
          new Set(items.map(({ actor, clientId, object }) => `${actor} ${clientId} ${object}`)),
          new Set(['system acme tasks', 'system globex tasks', 'system acme security', 'system null security']),
        );
      }),
    );
    it(
      'takes nothing that no anchor has, nothing young, and never the last seal of a chain',
      rigged({ auditRetentionMs: DAY }, async (rig) => {
        await rig.work();
        rig.clock.now += 30 * DAY;
        assert.deepEqual(await rig.cut(), { rows: 0, cuts: 0 }, 'no anchor');
        await rig.anchor();
        assert.deepEqual(await rig.cut(), { rows: 0, cuts: 0 }, 'anchored, and the last seal');
        await rig.work();
        const { cuts } = await rig.cut();
        assert.ok(cuts >= 3, 'the control: the same when it is not the last');
        await rig.work();
        await rig.anchor();
        rig.clock.now += DAY / 2;
        await rig.work();
        assert.deepEqual((await rig.cut()).cuts, 0, 'young');
        assert.deepEqual((await rig.verify()).faults, []);
      }),
    );
    it(
      'is of each client: one is kept for ever, one for two days, the others as the program says; and only a known client has one',
      rigged({ auditRetentionMs: 30 * DAY }, async (rig) => {
        await days(rig, 5);
        const { audit } = rig.queue.admin();
        await audit.retain('acme', 2 * DAY);
        await audit.retain('globex', null);
        await assert.rejects(audit.retain('nobody', DAY), { code: 'not_found' });
        await assert.rejects(audit.retain('acme', DAY - 1), { code: 'invalid_input' });
        assert.deepEqual(await audit.retention(), [
          { clientId: 'acme', keepMs: 2 * DAY },
          { clientId: 'globex', keepMs: null },
        ]);
        const own = rig.queue.as({ role: 'admin', clientId: 'acme' });
        assert.deepEqual(await own.audit.retention(), [{ clientId: 'acme', keepMs: 2 * DAY }]);
        await assert.rejects(own.audit.retain('acme', null), { code: 'forbidden' });
        const of = async (clientId: string): Promise<number> => (await audit.verify({ clientId })).rows;
        const before = { acme: await of('acme'), globex: await of('globex') };
        await rig.cut();
        assert.ok((await of('acme')) < before.acme / 2 + 10);
        assert.equal(await of('globex'), before.globex);
        assert.deepEqual((await rig.verify()).faults, []);
        const { items } = await audit.trail({ action: 'audit.retain' });
        assert.deepEqual(
          items
            .map(({ clientId, details, outcome }) => [clientId, details, outcome])
            .toReversed()
            .filter(([, , outcome]) => outcome === 'done'),
          [
            ['acme', { keep_ms: 2 * DAY }, 'done'],
            ['globex', { keep_ms: null }, 'done'],
          ],
        );
      }),
    );
    it(
      'takes the tombstones of tasks whose rows are all gone, and no other',
      rigged({ auditRetentionMs: 5 * DAY }, async (rig) => {
        const client = rig.queue.client('acme');
        const gone = (await client.enqueue('Mail.Send', 'gone')).taskId;
        await client.cancel(gone);
        const kept = (await client.enqueue('Mail.Send', 'kept')).taskId;
        await client.cancel(kept);
        rig.clock.now += DAY;
        await rig.queue.as({ role: 'admin', clientId: 'acme' }).purge(gone);
        await days(rig, 2);
        rig.clock.now += 2 * DAY;
        await rig.queue.as({ role: 'admin', clientId: 'acme' }).purge(kept);
        await days(rig, 3);
        const logsOf = async (id: string): Promise<string[]> => (await rig.queue.as({ role: 'auditor' }).logs(id)).items.map(({ event }) => event);
        assert.deepEqual(await logsOf(gone), ['enqueue', 'cancel', 'purge']);
        await rig.cut();
        await assert.rejects(logsOf(gone), { code: 'not_found' });
        assert.deepEqual(await logsOf(kept), ['purge']);
        assert.deepEqual((await rig.verify()).faults, []);
        // What is left of the audit does not count as broken tasks.
        assert.equal((await rig.queue.auditSummary()).incompleteLogs, 0);
      }),
    );
    it(
      'takes who waited for whom with the tombstones of either, and nothing of tasks that stay',
      rigged({ auditRetentionMs: 5 * DAY }, async (rig) => {
        const client = rig.queue.client('acme');
        const admin = rig.queue.as({ role: 'admin', clientId: 'acme' });
        const parent = (await client.enqueue('Mail.Send', 'parent')).taskId;
        const child = (await client.enqueue('Mail.Send', 'child', { dependsOn: [{ taskId: parent, policy: 'ignore' }] })).taskId;
        await client.cancel(parent);
        await client.cancel(child);
        const above = (await client.enqueue('Mail.Send', 'above')).taskId;
        const below = (await client.enqueue('Mail.Send', 'below', { dependsOn: [{ taskId: above, policy: 'ignore' }] })).taskId;
        await client.cancel(above);
        await client.cancel(below);
        rig.clock.now += DAY;
        for (const taskId of [parent, child, above]) await admin.purge(taskId);
        await days(rig, 2);
        rig.clock.now += 2 * DAY;
        await days(rig, 3);
        const parentsOf = async (taskId: string): Promise<number> => (await client.dependencies(taskId)).items.length;
        assert.equal(await parentsOf(below), 1);
        await rig.cut();
        await assert.rejects(client.dependencies(child), { code: 'not_found' });
        assert.equal(await parentsOf(below), 0);
        // Whatever numbers new tasks are given, they wait for nobody.
        const fresh = await client.enqueueMany(Array.from({ length: 5 }, () => ({ type: 'Mail.Send' })));
        for (const answer of fresh) assert.equal(await parentsOf(answer.ok ? answer.taskId : ''), 0);
        assert.deepEqual((await rig.verify()).faults, []);
      }),
    );
    it(
      'goes on for years: cut after cut, never more than one a day for a chain, and whole after each',
      rigged({ auditRetentionMs: 2 * DAY }, async (rig) => {
        let rows = 0;
        for (let day = 0; day < 8; day++) {
          await rig.work();
          await rig.anchor();
          rig.clock.now += DAY / 2;
          await rig.cut();
          await rig.work();
          await rig.anchor();
          rig.clock.now += DAY / 2;
          await rig.cut();
          const verdict = await rig.verify();
          assert.deepEqual(verdict.faults, [], `day ${day}`);
          rows = verdict.rows;
        }
        assert.ok(rows < 250, `${rows} rows are left`);
        const { items } = await rig.queue.admin().audit.trail({ clientId: 'acme', action: 'audit.cut', object: 'tasks', limit: 100 });
        assert.ok(items.length >= 2 && items.length <= 8);
        assert.equal(CLIENTS.length, 2);
      }),
    );
    it(
      'two processes that cut at once take everything once',
      rigged({ auditRetentionMs: DAY }, async (rig) => {
        await days(rig, 4);
        const before = await rowsOf(rig);
        const steps = await Promise.all(Array.from({ length: 6 }, () => rig.queue.system().cutAudit()));
        const rows = steps.reduce((sum, step) => sum + step.rows, 0);
        const cuts = steps.reduce((sum, step) => sum + step.cuts, 0);
        const verdict = await rig.verify();
        assert.deepEqual(verdict.faults, []);
        assert.equal(verdict.rows, before - rows + cuts);
      }),
    );
  });
}
