// A long list: few rows are drawn, all can be reached, and nothing under the reader's eyes moves while tasks stream in.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { ACME, NO_BROWSER, startRig, untilLive } from './rig.ts';
import type { Rig } from './rig.ts';

const ALL = 1200;
const ROW_PX = 46;
const PAGE_ROWS = 100;
/** What the browser itself counts as a jump. */
const SHIFTS = `globalThis.shifts = []; new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value }) => value))).observe({ type: 'layout-shift' })`;

describe('a long list', { skip: NO_BROWSER }, () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig();
    for (let from = 0; from < ALL; from += 400)
      await rig.queue.client('acme').enqueueMany(Array.from({ length: 400 }, (_, i) => ({ type: `Long.N${from + i}` })));
  });
  after(() => rig[Symbol.asyncDispose]());

  const enqueue = (type: string, count: number) => rig.queue.client('acme').enqueueMany(Array.from({ length: count }, () => ({ type })));
  const placesOf = (page: Page) =>
    page
      .locator('[data-task]')
      .evaluateAll((rows) => Object.fromEntries(rows.map((row) => [row.getAttribute('data-task') as string, Math.round(row.getBoundingClientRect().top)])));

  it('draws some dozens of rows and reaches the last', async () => {
    const { page, assertClean } = await rig.as(ACME);
    await page.goto(`${rig.url}/#/tasks`);
    await page.getByRole('link', { name: `Long.N${ALL - 1}`, exact: true }).waitFor();
    const table = page.getByRole('table', { name: 'Tasks' });
    const list = page.getByRole('rowgroup', { name: 'The tasks, newest first' });
    const last = page.getByRole('link', { name: 'Long.N0', exact: true });
    for (let pages = 0; pages < 20 && !(await last.isVisible()); pages++) {
      await list.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
      assert.ok((await page.locator('[data-task]').count()) < 80, 'few rows are drawn');
      // Longer by a page, or at the end.
      while (
        (await table.getAttribute('aria-rowcount')) === '-1' &&
        (await list.evaluate((element) => element.scrollHeight)) <= ROW_PX * PAGE_ROWS * (pages + 1)
      )
        await page.waitForTimeout(20);
    }
    await list.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
    await last.waitFor();
    assertClean();
    await page.context().close();
  });

  it('holds still under the pointer while tasks stream in, says how many wait, and shows them when asked', async () => {
    const { page, assertClean } = await rig.as(ACME);
    await page.goto(`${rig.url}/#/tasks`);
    await untilLive(page);
    await page.locator('[data-task]').nth(5).hover();
    const before = await placesOf(page);
    await page.evaluate(SHIFTS);
    for (let i = 0; i < 5; i++) {
      await enqueue('New.One', 12);
      await page.getByRole('button', { name: `${12 * (i + 1)} new tasks` }).waitFor();
    }
    assert.deepEqual(await placesOf(page), before);
    assert.deepEqual(await page.evaluate('shifts'), []);
    await page.getByRole('button', { name: '60 new tasks' }).click();
    await page.getByRole('link', { name: 'New.One' }).first().waitFor();
    assertClean();
    await page.context().close();
  });

  it('lets tasks in at the top by itself while nobody points at it', async () => {
    const { page, assertClean } = await rig.as(ACME);
    await page.goto(`${rig.url}/#/tasks`);
    await untilLive(page);
    await page.locator('[data-task]').first().waitFor();
    await page.mouse.move(5, 5);
    await enqueue('At.Top', 1);
    await page.getByRole('link', { name: 'At.Top' }).waitFor();
    assert.match(await page.locator('[data-task]').first().innerText(), /At\.Top/);
    assertClean();
    await page.context().close();
  });

  it('stays where it was scrolled to', async () => {
    const { page, assertClean } = await rig.as(ACME);
    await page.goto(`${rig.url}/#/tasks`);
    await untilLive(page);
    const list = page.getByRole('rowgroup', { name: 'The tasks, newest first' });
    await page.locator('[data-task]').first().waitFor();
    await list.evaluate((element) => element.scrollTo({ top: 1500 }));
    await page.locator('[data-task]').nth(20).waitFor();
    await page.mouse.move(5, 5);
    const top = () => list.evaluate((element) => element.scrollTop);
    assert.equal(await top(), 1500);
    const before = await placesOf(page);
    await enqueue('Far.Above', 30);
    await page.getByRole('button', { name: '30 new tasks' }).waitFor();
    assert.equal(await top(), 1500);
    assert.deepEqual(await placesOf(page), before);
    assertClean();
    await page.context().close();
  });
});
