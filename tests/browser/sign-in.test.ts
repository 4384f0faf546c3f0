// Who comes in, as whom, and what is kept of the key.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PAGES } from '../../dashboard/src/pages.ts';
import { operationsOf } from '../../src/domain/access.ts';
import type { Column } from '../../src/domain/access.ts';
import type { NewKey } from '../../src/service/handles.ts';
import { ACME, NO_BROWSER, PLATFORM, WORKER, goTo, signIn, startRig, untilShown } from './rig.ts';
import type { Rig } from './rig.ts';

const ROLES: readonly (readonly [Column, NewKey])[] = [
  ['client', ACME],
  ['worker', WORKER],
  ['client_admin', { role: 'admin', clientId: 'acme' }],
  ['platform_admin', PLATFORM],
  ['auditor', { role: 'auditor' }],
];

const pagesOf = (column: Column, scopes?: readonly string[]): readonly string[] => {
  const may = operationsOf(column, scopes);
  return PAGES.filter(({ needs }) => may.includes(needs)).map(({ path }) => path);
};

describe('signing in', { skip: NO_BROWSER }, () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  after(() => rig[Symbol.asyncDispose]());

  for (const [column, key] of ROLES) {
    it(`as ${column} shows the pages that the access table gives, and each of them answers`, async () => {
      const { page, assertClean } = await rig.as(key);
      const refused: string[] = [];
      page.on('response', (response) => {
        if (response.status() >= 400) refused.push(`${response.status()} ${response.url()}`);
      });
      const links = await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').all();
      const paths = await Promise.all(links.map(async (link) => (await link.getAttribute('href'))?.replace(/^.*#/, '')));
      assert.deepEqual(paths, pagesOf(column));
      for (const link of links) {
        const name = await link.innerText();
        await link.click();
        await untilShown(page, name);
        assert.equal(await page.getByRole('alert').filter({ hasText: /./ }).count(), 0, name);
      }
      assert.deepEqual(refused, []);
      assertClean();
      await page.context().close();
    });
  }

  it('with a key of scopes shows no more than those give', async () => {
    const { page, assertClean } = await rig.as({ role: 'admin', scopes: ['task.*'] });
    const links = await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').all();
    const paths = await Promise.all(links.map(async (link) => (await link.getAttribute('href'))?.replace(/^.*#/, '')));
    assert.deepEqual(paths, pagesOf('platform_admin', ['task.*']));
    await page.goto(`${rig.url}/#/keys`);
    await page.getByText('This page is not for your key').waitFor();
    assertClean();
    await page.context().close();
  });

  it('with a wrong key is refused in words, and nothing of it is kept', async () => {
    const { page } = await rig.open();
    await page.getByLabel('API key').fill('prismq_client_nothing');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'opens nothing' }).waitFor();
    assert.equal(await page.evaluate('JSON.stringify({ ...sessionStorage, ...localStorage })'), '{}');
    await page.context().close();
  });

  it('lasts over a reload and not beyond signing out; the key is in no address and in no lasting store', async () => {
    const key = await rig.key(ACME);
    const { page, assertClean } = await rig.open();
    await signIn(page, key);
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    assert.ok(!page.url().includes('prismq_'));
    assert.ok(!(await page.evaluate<string>('JSON.stringify({ ...localStorage })')).includes('prismq_'));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    assertClean();
    await page.context().close();
  });

  it('by a link takes the key out of the address at once', async () => {
    const key = await rig.key(ACME);
    const { page, assertClean } = await rig.open();
    await page.goto(`${rig.url}/#key=${key}`);
    await page.getByRole('navigation', { name: 'Pages' }).waitFor();
    assert.ok(!page.url().includes(key), page.url());
    assertClean();
    await page.context().close();
  });

  it('with the one-time secret of a new server makes the key of its first admin, shows it once, and goes in with it', async () => {
    await using fresh = await startRig();
    const secret = (await fresh.queue.system().openBootstrap())?.secret ?? assert.fail('there is an admin');
    const { page, assertClean } = await fresh.open();
    await page.getByLabel('API key').fill(secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    const shown = (await page.locator('[data-made-key]').innerText()).trim();
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await page.locator('[data-actor="admin"]').waitFor();
    assert.equal((await fresh.queue.principalOf(shown)).role, 'admin');
    assertClean();
    await page.context().close();
  });

  it('ends when the key is revoked: the page asks for another', async () => {
    const admin = rig.queue.admin();
    const made = await admin.keys.create(ACME);
    const { page } = await rig.open();
    await signIn(page, made.key);
    await admin.keys.revoke(made.keyId);
    await goTo(page, 'Tasks');
    await page.getByLabel('API key').waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    await page.context().close();
  });
});
