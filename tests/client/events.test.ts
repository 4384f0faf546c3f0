// Events over HTTP: the form of the stream, and going on where it broke off, against the real server through a proxy that cuts.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { connect } from '../../src/client/connect.ts';
import { eventsOf } from '../../src/client/sse.ts';
import type { ServerEvent } from '../../src/client/sse.ts';
import { QueueError } from '../../src/domain/errors.ts';
import type { LogEntry } from '../../src/domain/task.ts';
import { problem, proxy, scripted } from './scripted.ts';
import { ACME, serve } from './served.ts';

async function parsed(chunks: readonly Uint8Array[]): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of eventsOf(ReadableStream.from(chunks), () => undefined)) events.push(event);
  return events;
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the form of server-sent events', () => {
  it('has comments, fields with and without a space, several lines of data, and every end of a line', async () => {
    const text = ': hello\n\nid: 7\nevent:claim\ndata: {"a":1,\r\ndata: "é":"✓"}\r\n\r\nid:8\rdata\r\runknown: x\n\nid: 9\n\ndata: last, without an end';
    assert.deepEqual(await parsed([bytes(text)]), [
      { id: '7', event: 'claim', data: '{"a":1,\n"é":"✓"}' },
      { id: '8', event: 'message', data: '' },
      { id: '9', event: 'message', data: '' },
    ]);
  });

  it('is read the same wherever the bytes are cut', async () => {
    const whole = bytes('id: 1\r\nevent: enqueue\r\ndata: {"é":"✓ 😀"}\r\n\r\n: on\r\n\r\nid: 2\r\ndata: x\r\n\r\n');
    const expected = await parsed([whole]);
    assert.equal(expected.length, 2);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: whole.length - 1 }), { maxLength: 12 }), async (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        assert.deepEqual(await parsed(edges.slice(1).map((end, i) => whole.slice(edges[i], end))), expected);
      }),
    );
  });
});

async function take(entries: AsyncIterable<LogEntry>, count: number): Promise<LogEntry[]> {
  const taken: LogEntry[] = [];
  for await (const entry of entries) if (taken.push(entry) === count) break;
  return taken;
}

describe('events of a client', () => {
  it('come from a log id on, as the handle in process answers them', async () => {
    await using served = await serve();
    const acme = served.queue.client('acme');
    await acme.enqueue('Event.A', { secret: 1 });
    await served.queue.client('beta').enqueue('Event.Foreign');
    const { taskId } = await acme.enqueue('Event.B');
    await acme.cancel(taskId, 'enough');
    const there = await take((await served.as(ACME)).client().events({ after: 0 }), 3);
    assert.deepEqual(there, await take(acme.events({ after: 0 }), 3));
    assert.deepEqual(
      there.map((entry) => entry.event),
      ['enqueue', 'enqueue', 'cancel'],
    );
  });

  it('are neither left out nor told twice over cut lines and a server that is started anew', async () => {
    await using served = await serve();
    await using line = await proxy(served.url);
    const client = connect({ url: line.url, key: await served.key(ACME) }).client();
    const enqueue = async (): Promise<string> => (await served.queue.client('acme').enqueue('Event.Many')).taskId;
    const expected = [await enqueue()];
    const seen: string[] = [];
    for await (const entry of client.events({ after: 0 })) {
      seen.push(entry.taskId);
      if (seen.length === 13) break;
      if (seen.length < expected.length) continue;
      if (expected.length % 4 === 1) line.cutAll();
      if (expected.length === 7) {
        await served.stop();
        await served.start();
      }
      for (let i = 0; i < 2; i += 1) expected.push(await enqueue());
    }
    assert.deepEqual(seen, expected);
  });

  it('end when the signal fires, and when the loop is left', async () => {
    await using served = await serve();
    const client = (await served.as(ACME)).client();
    const controller = new AbortController();
    const ended = (async () => {
      for await (const _ of client.events({ signal: controller.signal })) assert.fail('nothing happens');
    })();
    controller.abort();
    await ended;
    await served.queue.client('acme').enqueue('Event.One');
    assert.equal((await take(client.events({ after: 0 }), 1)).length, 1);
  });

  it('end with the refusal when going on does not help', async () => {
    await using served = await serve();
    const { admin } = await served.as({ role: 'admin' });
    const made = await admin().keys.create(ACME);
    const client = connect({ url: served.url, key: made.key }).client();
    await served.queue.client('acme').enqueue('Event.One');
    await assert.rejects(
      async () => {
        for await (const _ of client.events({ after: 0 })) await served.queue.admin().keys.revoke(made.keyId);
      },
      (error) => error instanceof QueueError && error.code === 'unauthenticated',
    );
  });

  it('name the last event that came when they go on', async () => {
    const entry = (id: number, more = '') => `id: ${id}\ndata: {"log_id":${id},"from_status":null,"details":{"some_key":1}}\n\n${more}`;
    const stream = (text: string) => (response: ServerResponse) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);
    await using server = await scripted(
      stream(`: open\n\n${entry(5)}id: 9\n\ndata: {"never":`),
      problem(503, 'store_unavailable'),
      stream(entry(10)),
      problem(403, 'forbidden'),
    );
    const client = connect({ url: server.url, key: 'k' }).client();
    const entries: LogEntry[] = [];
    await assert.rejects(
      async () => {
        for await (const one of client.events()) entries.push(one);
      },
      (error) => error instanceof QueueError && error.code === 'forbidden',
    );
    assert.deepEqual(entries, [
      { logId: 5, fromStatus: null, details: { some_key: 1 } },
      { logId: 10, fromStatus: null, details: { some_key: 1 } },
    ]);
    assert.deepEqual(
      server.seen.map((one) => one.headers['last-event-id']),
      [undefined, '9', '9', '10'],
    );
  });
});
