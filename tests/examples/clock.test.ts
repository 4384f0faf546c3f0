// The examples of schedules and limits as their readers run them: a report that comes by itself, a crawler that a server welcomes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { EXAMPLES, run, temporaryFolder } from './rig.ts';

const node = (example: string, args: readonly string[], env: Readonly<Record<string, string>>): ReturnType<typeof run> =>
  run(process.execPath, ['--conditions=prismq-source', join(EXAMPLES, example), ...args], env);

it('a report is written when its time has come, and again at the next', async () => {
  const folder = temporaryFolder();
  const example = node('nightly-report.ts', [], { PRISMQ_DB: join(folder, 'queue.db'), REPORT_FOLDER: folder, REPORT_CRON: '* * * * * *', REPORT_ZONE: 'UTC' });
  const [, first = ''] = await example.hasSaid(/wrote (\S+\.md)/);
  assert.match(readFileSync(first, 'utf8'), /^# What happened\n\n\d+ tasks/);
  await example.hasSaid(/wrote \S+\.md\n(?:.*\n)*?wrote \S+\.md/);
  example.kill('SIGTERM');
  assert.equal((await example.ended).code, 0);
});

it('a crawler asks a host for one page at a time, and for all of them', async () => {
  const PAGES = 12;
  let open = 0;
  let most = 0;
  const asked: string[] = [];
  const server = createServer((request, response) => {
    most = Math.max(most, ++open);
    asked.push(request.url ?? '');
    const links = Array.from({ length: PAGES }, (_, i) => `<a href="/page/${i}">page</a>`).join('');
    setTimeout(() => {
      open--;
      response.end(`<html>${links}<a href="http://elsewhere.example/">elsewhere</a></html>`);
    }, 20);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const example = node('crawler.ts', [url], { PAGES: '100', PER_MS: '1000' });
  await example.hasSaid(new RegExp(`done: ${PAGES + 1} pages, 0 given up`));
  assert.equal((await example.ended).code, 0);
  assert.equal(most, 1);
  assert.deepEqual(asked.toSorted(), ['/', ...Array.from({ length: PAGES }, (_, i) => `/page/${i}`)].toSorted());
});
