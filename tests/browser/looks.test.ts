// For whom and on what: no serious barrier by axe in light and dark, wide and narrow; the main job by keyboard alone.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { PAGES } from '../../dashboard/src/pages.ts';
import { en } from '../../dashboard/src/text/en.ts';
import { ACME, NO_BROWSER, PLATFORM, startRig, untilLive, untilShown } from './rig.ts';
import type { Rig } from './rig.ts';

const DEAD = 'a dead task';
const VIEWS: readonly (readonly [path: string, title: string])[] = [...PAGES.map(({ path, word }) => [path, en.pages[word]] as const), [DEAD, 'Mail.Dead']];
const PHONE = { width: 390, height: 800 } as const;

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** `colours`: only what another theme can change. */
async function barriersOf(page: Page, where: string, colours = false): Promise<readonly string[]> {
  const axe = new AxeBuilder({ page });
  const { violations } = await (colours ? axe.withRules(['color-contrast']) : axe.withTags(TAGS)).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${where}: ${id} at ${nodes
          .map(({ html }) => html.slice(0, 160))
          .slice(0, 3)
          .join(' | ')}`,
    );
}

describe('the dashboard for everybody', { skip: NO_BROWSER }, () => {
  let rig: Rig;
  let deadTask: string;
  before(async () => {
    rig = await startRig();
    const acme = rig.queue.client('acme');
    await acme.enqueueMany(Array.from({ length: 40 }, (_, i) => ({ type: i % 2 === 0 ? 'Mail.Send' : 'Grid.Uk.Balance', payload: { i } })));
    deadTask = (await acme.enqueue('Mail.Dead', { a: [1, { b: null }] }, { maxAttempts: 1 })).taskId;
    const worker = rig.queue.worker('w1');
    await worker.register();
    const [dead = assert.fail('no task')] = await worker.claim({ types: ['Mail.Dead'] });
    await worker.fail(dead, new Error('no such address'));
    for (const task of await worker.claim({ types: ['Mail.Send'], max: 5 })) await worker.complete(task, { ok: true });
    await rig.queue.admin().categories.set({ pattern: 'Mail.*', priority: 50 });
  });
  after(() => rig[Symbol.asyncDispose]());

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has no serious barrier on any page, ${colorScheme}`, async () => {
      const { page, assertClean } = await rig.open({ colorScheme });
      const isDark = colorScheme === 'dark';
      const found = [...(await barriersOf(page, 'sign-in', isDark))];
      await page.goto(`${rig.url}/#key=${await rig.key(PLATFORM)}`);
      for (const [path, name] of VIEWS) {
        // The colours are the same few everywhere.
        if (path === '/inbox' || (isDark && !['Overview', 'Tasks', 'Mail.Dead', 'Keys', 'Dead letters'].includes(name))) continue;
        await page.goto(`${rig.url}/#${path === DEAD ? `/tasks/${deadTask}` : path}`);
        await untilShown(page, name);
        found.push(...(await barriersOf(page, path, isDark)));
      }
      assert.deepEqual(found, []);
      assertClean();
      await page.context().close();
    });
  }

  it('fits a phone: no page is wider than it, and no serious barrier', async () => {
    const { page, assertClean } = await rig.as(ACME, { viewport: PHONE, hasTouch: true });
    const found: string[] = [];
    for (const [path, name] of VIEWS.filter(([, title]) => ['Overview', 'Tasks', 'Mail.Dead', 'Dead letters', 'Categories', 'Live events'].includes(title))) {
      await page.goto(`${rig.url}/#${path === DEAD ? `/tasks/${deadTask}` : path}`);
      await untilShown(page, name);
      const width = await page.evaluate<number>("Math.max(document.documentElement.scrollWidth, document.querySelector('main').scrollWidth)");
      if (width > PHONE.width) found.push(`${path} is ${width} wide`);
      found.push(...(await barriersOf(page, path)));
    }
    assert.deepEqual(found, []);
    assertClean();
    await page.context().close();
  });

  it('has no serious barrier in its windows', async () => {
    const { page, assertClean } = await rig.as(PLATFORM);
    const found: string[] = [];
    const look = async (where: string): Promise<void> => {
      await page.getByRole('dialog').waitFor();
      found.push(...(await barriersOf(page, where)));
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    };
    await page.keyboard.press('Control+k');
    await look('palette');
    await page.keyboard.press('?');
    await look('shortcuts');
    for (const [path, name] of [
      ['/tasks', 'Enqueue a task'],
      ['/keys', 'New key'],
      ['/grants', 'New grant'],
      ['/clients', 'New client'],
      ['/categories', 'Register a category'],
    ] as const) {
      await page.goto(`${rig.url}/#${path}`);
      await page.getByRole('button', { name }).click();
      await look(path);
    }
    assert.deepEqual(found, []);
    assertClean();
    await page.context().close();
  });

  it('does the main job by keyboard alone: in, to the tasks, choose, cancel, look', async () => {
    const { page, assertClean } = await rig.open();
    await page.locator('input:focus').waitFor();
    await page.keyboard.insertText(await rig.key(ACME));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await untilLive(page);
    await page.keyboard.press('g');
    await page.keyboard.press('t');
    await page.getByRole('heading', { level: 1, name: 'Tasks' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.insertText('Grid.*');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Mail.Send' }).first().waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Grid.Uk.Balance' }).first().waitFor();
    await page.keyboard.press('Tab');
    for (const key of ['j', 'x', 'j', 'x']) await page.keyboard.press(key);
    await page.getByRole('toolbar').getByText('2 chosen').waitFor();
    await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel (2)' }).press('Enter');
    await page.getByText('2 tasks cancelled.').waitFor();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('j');
    await page.keyboard.press('o');
    await page.locator('[data-event="enqueue"]').waitFor();
    await page.keyboard.press('Control+k');
    await page.locator('[role="combobox"]:focus').waitFor();
    await page.keyboard.insertText('dead');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
    assertClean();
    await page.context().close();
  });
});
