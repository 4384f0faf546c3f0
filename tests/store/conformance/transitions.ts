// Conformance: every state that a task can be brought into × every event that is asked for by name, as the lifecycle table says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENTS } from '../../../src/domain/lifecycle.ts';
import type { TaskState } from '../../../src/domain/lifecycle.ts';
import { history, only, settle } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

/** Nothing makes a task wait for a parent by the public interface, so `blocked` has no row here. */
const REACH: Readonly<Record<Exclude<TaskState, 'blocked'>, (setting: Setting, taskId: string) => Promise<unknown>>> = {
  queued: async () => undefined,
  leased: async ({ other }) => only(await other.worker('w').claim()),
  failed: async ({ other }) => other.worker('w').fail(only(await other.worker('w').claim()), 'no', { retryInMs: 60_000 }),
  completed: async ({ other }) => other.worker('w').complete(only(await other.worker('w').claim()), 1),
  dead_letter: async ({ other }) => other.worker('w').fail(only(await other.worker('w').claim()), 'no', { retry: false }),
  cancelled: async ({ client }, taskId) => client.cancel(taskId),
};

const ACTS = {
  cancel: ({ client }, taskId) => client.cancel(taskId),
  requeue: ({ client }, taskId) => client.requeue(taskId),
  reprioritise: ({ client }, taskId) => client.reprioritise(taskId, 7),
  amend: ({ client }, taskId) => client.amend(taskId, { payload: 'new' }),
  purge: ({ queue }, taskId) => queue.admin().purge(taskId),
} as const satisfies Record<string, (setting: Setting, taskId: string) => Promise<unknown>>;

const TO = { cancel: 'cancelled', requeue: 'queued', reprioritise: null, amend: null, purge: null } as const;

export function transitionSuite(suite: Conformance): void {
  for (const state of Object.keys(REACH) as (keyof typeof REACH)[])
    for (const event of Object.keys(ACTS) as (keyof typeof ACTS)[]) {
      const allowed = (EVENTS[event].from as readonly TaskState[]).includes(state);
      test(`${suite.name}: a ${state} task ${allowed ? 'takes' : 'refuses'} ${event}`, async (t) => {
        const setting = await settle(suite, t);
        const { taskId } = await setting.client.enqueue('T.X', 'old');
        await REACH[state](setting, taskId);
        const before = await setting.client.get(taskId);
        assert.equal(before.status, state);
        const events = await history(setting.client, taskId);
        if (allowed) await takes(setting, taskId, event, state, events);
        else {
          await assert.rejects(ACTS[event](setting, taskId), { code: 'invalid_transition' });
          assert.deepEqual(await setting.client.get(taskId), before);
          assert.deepEqual(await history(setting.client, taskId), events);
        }
      });
    }
}

async function takes(setting: Setting, taskId: string, event: keyof typeof ACTS, state: TaskState, events: readonly string[]): Promise<void> {
  await ACTS[event](setting, taskId);
  if (event === 'purge') return assert.rejects(setting.client.get(taskId), { code: 'not_found' });
  const after = await setting.client.get(taskId);
  assert.equal(after.status, TO[event] ?? state);
  if (event === 'reprioritise') assert.equal(after.priority, 7);
  if (event === 'amend') assert.equal(after.payload, 'new');
  assert.deepEqual(await history(setting.client, taskId), [...events, event]);
}
