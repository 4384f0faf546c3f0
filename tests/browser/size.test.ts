// What the first page costs, and that nothing in it is from elsewhere. Needs the build and no browser.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { AssetFiles } from '../../src/http/assets.ts';
import { isStale, openDashboard } from '../../src/server/dashboard.ts';

/** Script of the first page, by gzip. */
const MOST_BYTES = 200_000;

describe('the built dashboard', () => {
  let files: AssetFiles;
  before(async () => {
    files = (await openDashboard()) ?? assert.fail('it is not built');
  });
  const textOf = (path: string): string => new TextDecoder().decode(files.get(path)?.bytes ?? assert.fail(path));

  it('is built once, and is not stale afterwards', () => assert.equal(isStale(), false));

  it('costs the first page no more than 200 kB of script', (t) => {
    const scripts = [...textOf('index.html').matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map(([, path]) => path as string);
    assert.ok(scripts.length > 0);
    const bytes = scripts.reduce((sum, path) => sum + (files.get(path)?.gzip?.length ?? assert.fail(path)), 0);
    t.diagnostic(
      `first page: ${scripts.length} scripts, ${bytes} bytes by gzip; style ${[...files].filter(([path]) => path.endsWith('.css')).reduce((sum, [, { gzip }]) => sum + (gzip?.length ?? 0), 0)} bytes`,
    );
    assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
  });

  it('has no inline script or style, and loads nothing from elsewhere', () => {
    const page = textOf('index.html');
    assert.ok(!/<script(?![^>]*\bsrc=)/.test(page) && !/<style|\sstyle=|\son\w+=/.test(page));
    assert.ok(!/(?:src|href)="(?!\.\/)/.test(page));
    for (const path of files.keys()) if (path.endsWith('.css')) assert.ok(!/url\((?!["']?data:)|@import/.test(textOf(path)), path);
  });
});
