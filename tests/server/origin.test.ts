// Whose address a request has, with and without proxies; and what health says of a server that ends.
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { createApp } from '../../src/http/app.ts';
import { originOf } from '../../src/http/origin.ts';
import { openQueue } from '../../src/index.ts';

const from = (remoteAddress: string, headers: Readonly<Record<string, string>> = {}): IncomingMessage =>
  ({ socket: { remoteAddress }, headers: { host: 'localhost:7800', ...headers } }) as unknown as IncomingMessage;
const address = (proxies: number, forwarded: string, remote = '10.0.0.9'): string => originOf(from(remote, { 'x-forwarded-for': forwarded }), proxies).address;

describe('the address of a caller', () => {
  it('is that of the connection where no proxy was declared, whatever a header says', () => {
    assert.equal(address(0, '192.0.2.1'), '10.0.0.9');
    assert.equal(originOf(from('10.0.0.9'), 1).address, '10.0.0.9');
  });

  it('is what the outermost declared proxy saw: what stands before it was written by the caller', () => {
    assert.equal(address(1, '198.51.100.7'), '198.51.100.7');
    assert.equal(address(1, '203.0.113.1, 198.51.100.7'), '198.51.100.7');
    assert.equal(address(2, '203.0.113.1, 198.51.100.7, 10.0.0.8'), '198.51.100.7');
    assert.equal(address(3, '198.51.100.7, 10.0.0.8'), '10.0.0.9', 'fewer than declared: nobody of ours wrote it');
  });

  it('is read with the port that some write, and never is what is no address', () => {
    assert.equal(address(1, '198.51.100.7:4711'), '198.51.100.7');
    assert.equal(address(1, '[2001:db8::1]:4711'), '2001:db8::1');
    assert.equal(address(1, '2001:db8::1'), '2001:db8::1');
    for (const text of ['unknown', '<script>', '1.2.3.4.5', '_hidden', `${'9'.repeat(5000)}`, '']) assert.equal(address(1, text), '10.0.0.9', text);
  });
});

it('a caller is on this machine by its address, its name, and by no proxy', () => {
  const local = (remote: string, headers: Readonly<Record<string, string>> = {}, proxies = 0): boolean => originOf(from(remote, headers), proxies).isLocal;
  for (const remote of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) assert.ok(local(remote), remote);
  for (const host of ['127.0.0.1', '[::1]:7800', 'LOCALHOST:1']) assert.ok(local('127.0.0.1', { host }), host);
  for (const remote of ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', '127.0.0.1.example']) assert.ok(!local(remote), remote);
  for (const headers of [
    { host: 'evil.example' },
    { host: 'localhost.evil.example' },
    { host: '' },
    { 'x-forwarded-for': '' },
    { forwarded: 'for=x' },
    { via: 'x' },
  ])
    assert.ok(!local('127.0.0.1', headers), JSON.stringify(headers));
  assert.ok(!local('127.0.0.1', {}, 1));
});

it('/readyz follows the store and the end of the server, /livez neither', async () => {
  const queue = await openQueue(':memory:', { janitorMs: 0 });
  const app = await createApp({ queue });
  const statusOf = async (path: string): Promise<number> => (await app.fetch(new Request(`http://localhost${path}`))).status;
  assert.deepEqual([await statusOf('/readyz'), await statusOf('/livez')], [200, 200]);
  app.drain();
  const drained = await app.fetch(new Request('http://localhost/readyz'));
  assert.deepEqual([drained.status, drained.headers.get('retry-after'), await statusOf('/livez')], [503, '1', 200]);
  await queue.close();
  const other = await openQueue(':memory:', { janitorMs: 0 });
  const gone = await createApp({ queue: other });
  await other.close();
  assert.equal((await gone.fetch(new Request('http://localhost/readyz'))).status, 503);
  assert.equal((await gone.fetch(new Request('http://localhost/livez'))).status, 200);
});
