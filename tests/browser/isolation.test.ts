// Client A never sees B: not on the page, not on the wire. And what clients put in stays text.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { NewKey } from '../../src/service/handles.ts';
import { ACME, BETA, NO_BROWSER, PLATFORM, startRig, untilLive, untilShown } from './rig.ts';
import type { Rig, Watched } from './rig.ts';

const MARK = 'zebra7421';
/** In a category, which has letters and digits only. */
const TYPE = `Beta.${MARK}`;

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  'javascript:alert(3)',
  '</pre><iframe srcdoc="<script>alert(4)</script>">',
  '{{constructor.constructor("alert(5)")()}}',
  '\u202Eevil\u0007\u001b[31m',
  '<svg/onload=alert(6)>',
  'a'.repeat(5000),
];

describe('isolation in the dashboard', { skip: NO_BROWSER }, () => {
  let rig: Rig;
  let betaTask: string;
  let hostileTask: string;
  before(async () => {
    rig = await startRig();
    const beta = rig.queue.client('beta');
    betaTask = (await beta.enqueue(TYPE, { secret: MARK }, { metadata: { note: MARK } })).taskId;
    await rig.queue.client('acme').enqueue('Acme.Work', { own: 'tortoise' });
    const worker = rig.queue.worker(`worker-${MARK}`, [{ clientId: 'beta', pattern: '*' }]);
    await worker.register();
    const hostile = { list: HOSTILE, [HOSTILE[0] as string]: HOSTILE[1] };
    hostileTask = (
      await rig.queue
        .client('acme')
        .enqueue('Acme.Hostile', hostile, { maxAttempts: 1, metadata: { note: '<b onclick=alert(7)>x</b>' }, createdBy: '<i>me</i>' })
    ).taskId;
    const [task = assert.fail('no task')] = await rig.queue.worker('w1').claim({ types: ['Acme.Hostile'] });
    await rig.queue.worker('w1').fail(task, new Error(HOSTILE.join('\n')));
  });
  after(() => rig[Symbol.asyncDispose]());

  /** Every page of the role, and the task of B by its id; then a task of B while it looks. All that was seen. */
  async function seenBy(key: NewKey): Promise<{ readonly text: string; readonly wire: string; readonly watched: Watched }> {
    const watched = await rig.as(key);
    const { page, wire } = watched;
    let text = '';
    await untilLive(page);
    await rig.queue.client('beta').enqueue(TYPE, { secret: MARK });
    for (const link of await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').all()) {
      const name = await link.innerText();
      await link.click();
      await untilShown(page, name);
      text += await page.content();
    }
    await page.goto(`${rig.url}/#/tasks/${betaTask}`);
    await page.getByText('There is no such task').or(page.locator('[data-event]').first()).waitFor();
    text += await page.content();
    return { text, wire: wire.join('\n'), watched };
  }

  for (const key of [ACME, { role: 'admin', clientId: 'acme' }] as const satisfies readonly NewKey[]) {
    it(`the ${key.role} of A finds nothing of B on any page or answer`, async () => {
      const { text, wire, watched } = await seenBy(key);
      assert.ok(text.includes('Acme.Work') && wire.includes('Acme.Work'), 'its own is seen: the looking works');
      assert.ok(text.includes('There is no such task'), 'the task of B answers as one that is not');
      assert.ok(!text.replaceAll(betaTask, '').includes(MARK), 'nothing on a page');
      assert.ok(!wire.includes(MARK), 'nothing on the wire');
      watched.assertClean();
      await watched.page.context().close();
    });
  }

  it('B itself sees it, so that the looking is known to find', async () => {
    const { text, wire, watched } = await seenBy(BETA);
    assert.ok(text.includes(MARK) && wire.includes(`"secret":"${MARK}"`));
    watched.assertClean();
    await watched.page.context().close();
  });

  it('an admin of the platform sees that there are tasks of B, and no payload of any', async () => {
    const { text, wire, watched } = await seenBy(PLATFORM);
    assert.ok(text.includes(TYPE));
    assert.ok(!wire.includes('"secret"') && !wire.includes('tortoise'));
    watched.assertClean();
    await watched.page.context().close();
  });

  it('what is hostile is shown as the text that it is', async () => {
    const { page, assertClean } = await rig.as(ACME);
    await page.goto(`${rig.url}/#/tasks/${hostileTask}`);
    const shown = await page.getByLabel('Payload').innerText();
    assert.ok(shown.includes('onerror=alert(1)'), shown.slice(0, 300));
    for (const [path, name] of [
      ['/tasks', 'Tasks'],
      ['/dead-letters', 'Dead letters'],
      ['/events', 'Live events'],
      ['/', 'Overview'],
    ] as const) {
      await page.goto(`${rig.url}/#${path}`);
      await untilShown(page, name);
      assert.equal(await page.locator('img:not([alt=""]), iframe, svg[onload], b[onclick], main script').count(), 0, path);
    }
    assertClean();
    await page.context().close();
  });
});
