// The work of the dashboard: a task appears, runs, ends and is looked at; tasks are cancelled, requeued, given a priority; a long
// list stays where it is.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { STATES, allowedEvents } from '../../src/domain/lifecycle.ts';
import type { TaskState } from '../../src/domain/lifecycle.ts';
import type { ClientHandle, WorkerHandle } from '../../src/service/handles.ts';
import { ACME, NO_BROWSER, PLATFORM, goTo, rowOf, startRig, untilLive } from './rig.ts';
import type { Rig } from './rig.ts';

const BUTTONS = { cancel: 'Cancel', requeue: 'Requeue', reprioritise: 'Reprioritise', amend: 'Amend', purge: 'Empty' } as const;

describe('tasks in the dashboard', { skip: NO_BROWSER }, () => {
  let rig: Rig;
  let acme: ClientHandle;
  let worker: WorkerHandle;
  before(async () => {
    rig = await startRig();
    acme = rig.queue.client('acme');
    worker = rig.queue.worker('w1');
    await worker.register();
  });
  after(() => rig[Symbol.asyncDispose]());

  const claim = async (type: string) => {
    const [task] = await worker.claim({ types: [type] });
    assert.ok(task !== undefined, `there is a task of ${type}`);
    return task;
  };
  const statusIn = (page: Page, taskId: string, state: TaskState) => rowOf(page, taskId).locator(`[data-status="${state}"]`).waitFor();

  it('one that is enqueued in the page appears by itself, runs, ends, and its timeline says so', async () => {
    const { page, assertClean } = await rig.as(ACME);
    await untilLive(page);
    await goTo(page, 'Tasks');
    await page.getByRole('button', { name: 'Enqueue a task' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Category').fill('Live.One');
    await dialog.getByLabel('Payload').fill('{"n": 12345678901234567890, "to": "ö"}');
    await dialog.getByRole('button', { name: 'Enqueue a task' }).click();
    await page.getByText('is enqueued').waitFor();
    const [{ taskId } = assert.fail('no task')] = (await acme.list({ type: 'Live.One' })).items;
    await statusIn(page, taskId, 'queued');
    const task = await claim('Live.One');
    await statusIn(page, taskId, 'leased');
    await rowOf(page, taskId).getByRole('link').click();
    await page.getByText('It runs on w1').waitFor();
    await worker.complete(task, { sent: true });
    await page.locator('[data-event="complete"]').waitFor();
    const events = await page.locator('[data-event]').evaluateAll((items) => items.map((item) => item.getAttribute('data-event')));
    assert.deepEqual(events, ['enqueue', 'claim', 'complete']);
    // Byte for byte: the number is beyond what JavaScript can count.
    assert.match(await page.getByLabel('Payload').innerText(), /"n": 12345678901234567890/);
    assert.match(await page.getByLabel('Result').innerText(), /"sent": true/);
    assertClean();
    await page.context().close();
  });

  it('one is cancelled after a preview, taken back by undo, and both stand in the audit', async () => {
    const { taskId } = await acme.enqueue('Undo.Me', {});
    const { page, assertClean } = await rig.as(ACME);
    await page.goto(`${rig.url}/#/tasks/${taskId}`);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('[data-preview="cancel"]').getByText('1 will change').waitFor();
    await dialog.getByLabel('Reason').fill('ordered twice');
    await dialog.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.locator('[data-event="cancel"]').waitFor();
    assert.equal((await acme.get(taskId)).status, 'cancelled');
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.locator('[data-event="requeue"]').waitFor();
    assert.equal((await acme.get(taskId)).status, 'queued');
    assertClean();
    await page.context().close();
  });

  /** A task in each state that can be had without waiting. */
  async function oneOf(state: TaskState): Promise<string> {
    const type = `State.${state.replaceAll('_', '')}`;
    const { taskId } = await acme.enqueue(type, {}, state === 'failed' ? { maxAttempts: 5 } : { maxAttempts: 1 });
    if (state === 'queued') return taskId;
    if (state === 'cancelled') await acme.cancel(taskId);
    else {
      const task = await claim(type);
      if (state === 'completed') await worker.complete(task);
      if (state === 'dead_letter') await worker.fail(task, new Error('no such address'));
      if (state === 'failed') await worker.fail(task, new Error('later'), { retryInMs: 3_600_000 });
    }
    assert.equal((await acme.get(taskId)).status, state);
    return taskId;
  }

  it('has, in each state, the buttons of the lifecycle that the role may press, and no other', async () => {
    const { page, assertClean } = await rig.as({ role: 'admin', clientId: 'acme' });
    const client = await rig.as(ACME);
    for (const state of STATES.filter((name) => name !== 'blocked')) {
      const taskId = await oneOf(state);
      for (const [tab, withheld] of [
        [page, []],
        [client.page, ['purge']],
      ] as const) {
        await tab.goto(`${rig.url}/#/tasks/${taskId}`);
        await tab.locator('[data-event="enqueue"]').first().waitFor();
        await tab.locator(`h1 ~ p [data-status="${state}"]`).waitFor();
        const shown = await tab.locator('header').getByRole('button').allInnerTexts();
        const wanted = Object.entries(BUTTONS).filter(
          ([event]) => (allowedEvents(state) as readonly string[]).includes(event) && !(withheld as readonly string[]).includes(event),
        );
        assert.deepEqual(
          shown.filter((text) => !text.startsWith('Copy')),
          wanted.map(([, name]) => name),
          state,
        );
      }
    }
    assertClean();
    client.assertClean();
    await page.context().close();
    await client.page.context().close();
  });

  it('many are chosen and cancelled at once; the preview counts what moves and what stays', async () => {
    await acme.enqueueMany(Array.from({ length: 30 }, () => ({ type: 'Bulk.Work' })));
    for (const task of await worker.claim({ types: ['Bulk.Work'], max: 10 })) await worker.complete(task);
    const { page, assertClean } = await rig.as(ACME);
    await page.goto(`${rig.url}/#/tasks?type=Bulk.*`);
    await page.getByText('Completed').nth(1).waitFor();
    await page.getByLabel('Choose all that are loaded').check();
    const bar = page.getByRole('toolbar');
    await bar.getByText('30 chosen').waitFor();
    await bar.getByRole('button', { name: 'Cancel' }).click();
    const preview = page.locator('[data-preview="cancel"]');
    await preview.getByText('20 will change').waitFor();
    await preview.getByText('10 stay as they are').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel (20)' }).click();
    await page.getByText('20 tasks cancelled.').waitFor();
    assert.equal((await acme.list({ type: 'Bulk.Work', status: 'cancelled' })).items.length, 20);
    await page.locator('[data-status="cancelled"]').nth(1).waitFor();
    assertClean();
    await page.context().close();
  });

  it('of another priority: an admin of the platform says why, and it is on record for the client', async () => {
    const { taskId } = await acme.enqueue('Hurry.Up', { secret: 'of acme' });
    const { page, assertClean } = await rig.as(PLATFORM);
    await page.goto(`${rig.url}/#/tasks/${taskId}`);
    await page.getByText('payloads belong to the client').first().waitFor();
    await page.getByRole('button', { name: 'Reprioritise' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Priority').fill('5');
    await dialog.getByLabel('Why').fill('the customer called');
    await dialog.getByRole('button', { name: 'Reprioritise' }).click();
    await page.locator('[data-event="reprioritise"]').waitFor();
    assert.equal((await acme.get(taskId)).priority, 5);
    const { items } = await rig.queue.as({ role: 'admin', clientId: 'acme' }).securityEvents();
    assert.match(JSON.stringify(items), /the customer called/);
    assertClean();
    await page.context().close();
  });

  it('of a client shows its payload to an admin of the platform for a reason, which is on record', async () => {
    const { taskId } = await acme.enqueue('Look.AtMe', { secret: 'tortoise' });
    const { page, wire, assertClean } = await rig.as(PLATFORM);
    await page.goto(`${rig.url}/#/tasks/${taskId}`);
    await page.locator('[data-event="enqueue"]').waitFor();
    assert.ok(!wire.join().includes('tortoise'));
    await page.getByRole('button', { name: 'Show it for a reason' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Why').fill('ticket 4711');
    await dialog.getByRole('button', { name: 'Show it for a reason' }).click();
    await page.getByLabel('Payload').getByText('tortoise').waitFor();
    const { items } = await rig.queue.as({ role: 'admin', clientId: 'acme' }).securityEvents();
    assert.match(JSON.stringify(items), /ticket 4711/);
    assertClean();
    await page.context().close();
  });

  it('are found by their metadata', async () => {
    await acme.enqueue('Meta.One', {}, { metadata: { order: '4711' } });
    await acme.enqueue('Meta.Two', {}, { metadata: { order: '4712' } });
    const { page, assertClean } = await rig.as(ACME);
    await page.goto(`${rig.url}/#/tasks`);
    await page.getByRole('searchbox', { name: 'Metadata' }).fill('order=4711');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Meta.Two' }).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Meta.One' }).waitFor();
    assert.match(page.url(), /meta=order/);
    assertClean();
    await page.context().close();
  });

  it('leave an audit that is searched and verified by who may', async () => {
    await acme.enqueue('Audit.Me', {});
    const { page, assertClean } = await rig.as({ role: 'auditor' });
    await page.goto(`${rig.url}/#/audit`);
    await page.getByRole('button', { name: 'Verify the chains' }).click();
    await page.locator('[data-verdict="holds"]').waitFor();
    await page.getByLabel('Action').fill('client.create');
    await page.keyboard.press('Enter');
    await page.getByRole('cell', { name: 'client.create' }).first().waitFor();
    await page.getByRole('cell', { name: 'enqueue', exact: true }).first().waitFor({ state: 'detached' });
    assertClean();
    await page.context().close();
  });

  it('filters stand in the address: they last over a reload, and the way back leads back', async () => {
    await acme.enqueue('Only.This', {});
    await acme.enqueue('Other.That', {});
    const { page, assertClean } = await rig.as(ACME);
    await page.goto(`${rig.url}/#/tasks`);
    await page.getByRole('combobox', { name: 'Category' }).fill('Only.*');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Only.This' }).waitFor();
    await page.getByRole('link', { name: 'Other.That' }).waitFor({ state: 'detached' });
    await page
      .getByRole('group', { name: 'Status' })
      .getByRole('button', { name: /^Queued/ })
      .click();
    await page.waitForURL(/status=queued/);
    await page.reload();
    await page.getByRole('link', { name: 'Only.This' }).waitFor();
    assert.equal(await page.getByRole('combobox', { name: 'Category' }).inputValue(), 'Only.*');
    await page.getByRole('link', { name: 'Only.This' }).click();
    await page.locator('[data-event="enqueue"]').waitFor();
    await page.goBack();
    await page.getByRole('link', { name: 'Only.This' }).waitFor();
    assert.match(page.url(), /type=Only/);
    assertClean();
    await page.context().close();
  });
});
