// The dashboard on the wire, with files made here: its heads, what is kept how long, and that nothing else can be had.
import assert from 'node:assert/strict';
import { gunzipSync, gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import type { AssetFiles } from '../../src/http/assets.ts';
import { createApp } from '../../src/http/app.ts';
import type { HttpApp } from '../../src/http/app.ts';
import { openQueue } from '../../src/index.ts';
import type { Queue } from '../../src/service/handles.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));
const packed = (text: string) => ({ bytes: bytes(text), gzip: new Uint8Array(gzipSync(text)) });
const FILES: AssetFiles = new Map<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly gzip?: Uint8Array<ArrayBuffer> }>([
  ['index.html', packed('<!doctype html><title>page</title>')],
  ['assets/main-1f2e.js', packed('console.log(1)')],
  ['assets/mark-aa.svg', { bytes: bytes('<svg/>') }],
  ['manifest.json', packed('{}')],
]);

describe('the dashboard over HTTP', () => {
  let queue: Queue;
  let app: HttpApp;
  let bare: HttpApp;
  const get = (path: string, headers: Record<string, string> = {}, at: HttpApp = app) => at.fetch(new Request(`http://queue.test${path}`, { headers }));
  before(async () => {
    queue = await openQueue(':memory:');
    app = await createApp({ queue, dashboard: FILES });
    bare = await createApp({ queue });
  });
  after(() => queue.close());

  it('is one page at the root, asked for each time, under a policy in which nothing inline runs', async () => {
    const answer = await get('/');
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /<title>page/);
    assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.equal(answer.headers.get('cache-control'), 'no-cache');
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  });

  it('has files that are kept for good, since their names have a digest', async () => {
    const answer = await get('/assets/main-1f2e.js');
    assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    assert.equal(answer.headers.get('content-type'), 'text/javascript; charset=utf-8');
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(await answer.text(), 'console.log(1)');
    assert.equal((await get('/assets/mark-aa.svg')).headers.get('content-type'), 'image/svg+xml');
  });

  it('sends gzip to who takes it, and plain text to who does not', async () => {
    const answer = await get('/', { 'accept-encoding': 'br, gzip' });
    assert.equal(answer.headers.get('content-encoding'), 'gzip');
    assert.match(gunzipSync(await answer.bytes()).toString(), /<title>page/);
    assert.equal(answer.headers.get('vary'), 'accept-encoding');
    for (const taken of ['', 'identity', 'gzip;q=0']) assert.equal((await get('/', { 'accept-encoding': taken })).headers.get('content-encoding'), null, taken);
    assert.equal((await get('/assets/mark-aa.svg', { 'accept-encoding': 'gzip' })).headers.get('content-encoding'), null);
  });

  it('answers 304 to who has it already', async () => {
    const etag = (await get('/')).headers.get('etag') ?? assert.fail('no tag');
    const again = await get('/', { 'if-none-match': etag });
    assert.equal(again.status, 304);
    assert.equal(await again.text(), '');
    assert.equal((await get('/', { 'if-none-match': '"other"' })).status, 200);
  });

  it('gives nothing but those files, whatever the path is made of', async () => {
    for (const path of ['/manifest.json', '/index.html', '/assets/', '/assets/none.js', '/assets/../manifest.json', '/assets/__proto__']) {
      const answer = await get(path);
      assert.equal(answer.status, 404, path);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json', path);
    }
    // A path in another than its plain form is refused before anything is looked up.
    assert.equal((await get('/assets/..%2fmanifest.json')).status, 400);
    const posted = await app.fetch(new Request('http://queue.test/', { method: 'POST' }));
    assert.notEqual(posted.status, 200);
  });

  it('is not there where no files were given, and the interface is', async () => {
    assert.equal((await get('/', {}, bare)).status, 404);
    assert.equal((await get('/livez', {}, bare)).status, 200);
    assert.equal((await get('/livez')).status, 200);
  });
});
