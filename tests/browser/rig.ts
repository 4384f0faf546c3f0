// A real browser before a real server on a real file. Each page is watched: what it says on the console, what its policy refused,
// and whether it asked anybody but its server.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { createApp } from '../../src/http/app.ts';
import { listen } from '../../src/http/node.ts';
import { openQueue } from '../../src/index.ts';
import { openDashboard } from '../../src/server/dashboard.ts';
import type { NewKey, Queue } from '../../src/service/handles.ts';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome-stable', '/usr/bin/google-chrome', '/opt/google/chrome/chrome'];
const executablePath = [process.env['PRISMQ_BROWSER'], ...PLACES].find((place) => place !== undefined && existsSync(place));

/** For `describe`: the reason why there is nothing to test with, or false. */
export const NO_BROWSER: string | false = executablePath === undefined ? 'no Chromium is at hand: install it (Debian: apt-get install chromium)' : false;
if (NO_BROWSER !== false) console.error(`\n!!! THE BROWSER TESTS ARE SKIPPED: ${NO_BROWSER}\n`);

export interface Watched {
  readonly page: Page;
  /** Bodies of what the server answered, texts of requests: all that went over the wire. */
  readonly wire: string[];
  /** Asserts that nothing was said on the console, refused by the policy, or asked elsewhere. */
  assertClean(): void;
}

export interface Rig extends AsyncDisposable {
  readonly queue: Queue;
  readonly url: string;
  key(key: NewKey): Promise<string>;
  open(options?: BrowserContextOptions): Promise<Watched>;
  /** Opens a page and signs in with a fresh key. */
  as(key: NewKey, options?: BrowserContextOptions): Promise<Watched>;
}

export const ACME: NewKey = { role: 'client', clientId: 'acme' };
export const BETA: NewKey = { role: 'client', clientId: 'beta' };
export const PLATFORM: NewKey = { role: 'admin' };
export const WORKER: NewKey = { role: 'worker', name: 'mailer', grants: [{ clientId: 'acme', pattern: '*' }] };

const WAIT_MS = 10_000;

export async function startRig(): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-browser-'));
  const queue = await openQueue(join(folder, 'queue.db'));
  for (const clientId of ['acme', 'beta']) await queue.admin().clients.create(clientId);
  const dashboard = await openDashboard();
  assert.ok(dashboard !== null, 'the dashboard is built');
  const server = await listen(await createApp({ queue, dashboard }), { host: '127.0.0.1', port: 0 });
  // As root a sandbox can not be had.
  const browser = await chromium.launch({ executablePath: executablePath as string, args: ['--no-sandbox', '--disable-gpu'] });
  const key = async (asked: NewKey): Promise<string> => (await queue.admin().keys.create(asked)).key;
  const open = (options: BrowserContextOptions = {}): Promise<Watched> => openPage(browser, server.url, options);
  return {
    queue,
    url: server.url,
    key,
    open,
    async as(asked, options) {
      const watched = await open(options);
      await signIn(watched.page, await key(asked));
      return watched;
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await server.close(0);
      await queue.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openPage(browser: Browser, url: string, options: BrowserContextOptions): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', locale: 'en-GB', ...options });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const said: string[] = [];
  const wire: string[] = [];
  page.on('console', (message) => {
    // The browser says so of every refusal; whether one was due is for the test to say.
    if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource'))
      said.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => said.push(`uncaught: ${error.message}`));
  page.on('dialog', (dialog) => {
    said.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) said.push(`asked elsewhere: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.url().includes('/queue/') && !response.url().includes('/queue/events'))
      void response.text().then(
        (text) => wire.push(text),
        () => undefined,
      );
  });
  await page.exposeFunction('toldOfViolation', (what: string) => void said.push(`policy: ${what}`));
  await page.addInitScript(
    "document.addEventListener('securitypolicyviolation', (event) => toldOfViolation(`${event.effectiveDirective} ${event.blockedURI}`))",
  );
  await page.goto(`${url}/`);
  return { page, wire, assertClean: () => assert.deepEqual(said, []) };
}

export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
}

export const goTo = (page: Page, name: string): Promise<void> =>
  page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true }).click();
export const rowOf = (page: Page, taskId: string) => page.locator(`[data-task="${taskId}"]`);

/** Waits until the page of this name is there with what it reads. There is always a stream open: the network is never idle. */
export async function untilShown(page: Page, title: string): Promise<void> {
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
  await page.getByLabel('Loading').first().waitFor({ state: 'detached' });
}

/** Waits until the page's stream is open: what happens from then on is seen. */
export const untilLive = (page: Page): Promise<void> => page.locator('[data-live="live"]').waitFor();
