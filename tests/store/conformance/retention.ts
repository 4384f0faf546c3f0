// Conformance: what is left of a task that ended, how long, and after that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskState } from '../../../src/domain/lifecycle.ts';
import { freshClient, only, settle } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

const KEEP_MS = 60_000;

const END = {
  completed: async ({ other }) => other.worker('w').complete(only(await other.worker('w').claim()), 'a secret result'),
  dead_letter: async ({ other }) => other.worker('w').fail(only(await other.worker('w').claim()), 'a secret error', { retry: false }),
  cancelled: async ({ client }, taskId) => client.cancel(taskId, 'of no use'),
} as const satisfies Partial<Record<TaskState, (setting: Setting, taskId: string) => Promise<unknown>>>;

export function retentionSuite(suite: Conformance): void {
  for (const state of Object.keys(END) as (keyof typeof END)[])
    test(`${suite.name}: a ${state} task is kept as long as it is said, then nothing is left but its audit`, async (t) => {
      const setting = await settle(suite, t, { retentionMs: KEEP_MS });
      const { client, other, queue, clock, id } = setting;
      const { taskId } = await client.enqueue('T.X', 'a secret payload', { metadata: { a: 'a secret label' }, idempotencyKey: 'a secret key' });
      await END[state](setting, taskId);
      clock.now += KEEP_MS;
      assert.equal((await other.system().tick()).purged, 0, 'not at the bound');
      assert.equal((await client.get(taskId)).payload, 'a secret payload');
      clock.now += 1;
      assert.equal((await other.system().tick()).purged, 1);
      assert.equal((await other.system().tick()).purged, 0);
      for (const call of [
        () => client.get(taskId),
        () => client.logs(taskId),
        () => client.cancel(taskId),
        () => client.requeue(taskId),
        () => client.amend(taskId, { payload: 1 }),
        () => queue.admin().purge(taskId),
      ])
        await assert.rejects(call, { code: 'not_found' });
      assert.deepEqual([(await client.list()).items, (await client.list({ status: state })).items, (await client.stats()).total], [[], [], 0]);
      const { items } = await queue.as({ role: 'auditor', clientId: id }).logs(taskId);
      assert.deepEqual([items.at(-1)?.event, items.at(-1)?.fromStatus, items.at(-1)?.actor], ['purge', state, 'system']);
      assert.doesNotMatch(JSON.stringify(items), /secret/);
    });

  test(`${suite.name}: what did not end is kept, and what was requeued counts anew`, async (t) => {
    const { client, other, clock } = await settle(suite, t, { retentionMs: KEEP_MS });
    const waiting = await client.enqueue('T.Waits', null, { delayMs: 10 * KEEP_MS });
    const again = await client.enqueue('T.Again');
    await client.cancel(again.taskId);
    clock.now += KEEP_MS;
    await client.requeue(again.taskId);
    await client.cancel(again.taskId);
    clock.now += KEEP_MS;
    assert.equal((await other.system().tick()).purged, 0);
    clock.now += 1;
    assert.equal((await other.system().tick()).purged, 1);
    assert.deepEqual(
      (await client.list()).items.map(({ taskId }) => taskId),
      [waiting.taskId],
    );
  });

  test(`${suite.name}: the janitor purges in steps, of every client`, async (t) => {
    const { client, other, clock } = await settle(suite, t, { retentionMs: KEEP_MS });
    const second = other.client(freshClient());
    for (const handle of [client, second]) {
      const made = await handle.enqueueMany(Array.from({ length: 400 }, () => ({ type: 'T.X' })));
      await Promise.all(made.map(async (answer) => (answer.ok ? handle.cancel(answer.taskId) : assert.fail(answer.message))));
    }
    clock.now += KEEP_MS + 1;
    const steps: number[] = [];
    for (let purged = -1; purged !== 0; steps.push(purged)) purged = (await other.system().tick()).purged;
    assert.equal(
      steps.reduce((sum, purged) => sum + purged, 0),
      800,
    );
    assert.ok(steps.length > 2, 'more than one step');
    for (const handle of [client, second]) assert.equal((await handle.stats()).total, 0);
  });

  test(`${suite.name}: an admin purges at once what ended, and nothing else`, async (t) => {
    const { client, queue, id } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X', 'a secret payload');
    const admin = queue.as({ role: 'admin', clientId: id });
    await assert.rejects(admin.purge(taskId), { code: 'invalid_transition' });
    await client.cancel(taskId);
    await assert.rejects(queue.as({ role: 'admin', clientId: 'another' }).purge(taskId), { code: 'not_found' });
    await admin.purge(taskId);
    await assert.rejects(client.get(taskId), { code: 'not_found' });
    const [event] = (await admin.securityEvents()).items;
    assert.deepEqual([event?.action, event?.object, event?.actor], ['task.purge', taskId, `admin:${id}`]);
    assert.equal((await queue.auditSummary()).cancelled, 1, 'the audit still knows how it ended');
  });
}
