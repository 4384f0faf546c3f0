// PrismQ inside Hono, Express and Fastify: the examples as processes on real sockets, and what is told where the body was read
// before PrismQ got it.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import express from 'express';
import { fastify } from 'fastify';
import { connect } from '../../src/client/connect.ts';
import { QueueError } from '../../src/domain/errors.ts';
import { openQueue } from '../../src/index.ts';
import { createApp, nodeHandler } from '../../src/server/entry.ts';
import type { HttpApp } from '../../src/server/entry.ts';
import type { Queue } from '../../src/service/handles.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { EXAMPLES, run, temporaryFolder } from './rig.ts';

interface Keys {
  readonly client: string;
  readonly worker: string;
}

async function makeKeys(queue: Queue): Promise<Keys> {
  await queue.admin().clients.create('acme');
  const { keys } = queue.admin();
  const { key: client } = await keys.create({ role: 'client', clientId: 'acme' });
  const { key: worker } = await keys.create({ role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '*' }] });
  return { client, worker };
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const post = (url: string, body: unknown, key?: string): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    body: JSON.stringify(body),
  });

describe('a program that mounts PrismQ', { concurrency: true }, () => {
  for (const example of ['hono.ts', 'express.ts', 'fastify.ts']) {
    it(`${example}: clients and workers find the queue beside the routes of the app`, async () => {
      const file = join(temporaryFolder(), 'queue.db');
      const queue = await openQueue(file);
      const keys = await makeKeys(queue);
      await queue.close();
      const app = run(process.execPath, ['--conditions=prismq-source', join(EXAMPLES, example)], { PRISMQ_DB: file, PORT: '0' });
      const [, url = ''] = await app.hasSaid(/listening on (\S+)/);

      assert.deepEqual(await (await fetch(`${url}/hello`)).json(), { hello: 'from the app' });
      assert.deepEqual(await (await post(`${url}/echo`, { a: [1, 'é'] })).json(), { a: [1, 'é'] });

      const acme = connect({ url, key: keys.client }).client('acme');
      const worker = startWorker({ url, key: keys.worker }, { 'Mail.*': async (input) => ({ got: input }) }, { logger: silent });
      const many = await acme.enqueueMany([{ type: 'Mail.Send', payload: { to: 'ada', text: 'ü'.repeat(5000) } }, { type: 'Bad..Type' }]);
      assert.deepEqual(
        many.map((one) => (one.ok ? one.status : one.code)),
        ['queued', 'invalid_category'],
      );
      const task = await acme.enqueue('Mail.Send', { to: 'bob' });
      assert.deepEqual(await task.result({ timeoutMs: 10_000 }), { got: { to: 'bob' } });
      const events: string[] = [];
      for await (const { taskId, event } of acme.events({ after: 0 })) {
        if (taskId === task.taskId) events.push(event);
        if (taskId === task.taskId && event === 'complete') break;
      }
      assert.deepEqual(events, ['enqueue', 'claim', 'complete']);
      await assert.rejects(
        connect({ url, key: `${keys.client}x` })
          .client()
          .list(),
        isCode('unauthenticated'),
      );
      await worker.stop();

      app.kill('SIGTERM');
      const { code, err } = await app.ended;
      assert.deepEqual([code, err], [0, '']);
    });
  }
});

const isCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof QueueError && error.code === code;

describe('where the body was read before PrismQ got it', () => {
  let queue: Queue;
  let prismq: HttpApp;
  let keys: Keys;
  before(async () => {
    queue = await openQueue(':memory:', { janitorMs: 0 });
    keys = await makeKeys(queue);
    prismq = await createApp({ queue });
  });
  after(() => queue.close());

  const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** What enqueue answers there, and that a request without a body is answered as ever. */
  async function asked(url: string): Promise<{ readonly status: number; readonly code: string | undefined; readonly detail: string | undefined }> {
    const answer = await post(`${url}/queue/enqueue`, { type: 'Mail.Send' }, keys.client);
    const look = await fetch(`${url}/queue/tasks`, { headers: { authorization: `Bearer ${keys.client}` } });
    assert.equal(look.status, 200);
    const { code, detail } = (await answer.json()) as { readonly code?: string; readonly detail?: string };
    return { status: answer.status, code, detail };
  }

  it('Express: says what to mount first', async () => {
    const app = express();
    app.use(express.json());
    app.all('/queue/{*rest}', nodeHandler(prismq));
    const server = app.listen(0, '127.0.0.1');
    after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { status, code, detail } = await asked(urlOf(server));
    assert.deepEqual([status, code], [500, 'body_consumed']);
    assert.match(detail ?? '', /mount PrismQ before .*express\.json\(\)/);
  });

  it('Express: says nothing of the kind in the right order, and under a prefix', async () => {
    const app = express();
    app.use('/prismq', nodeHandler(prismq));
    app.use(express.json());
    const server = app.listen(0, '127.0.0.1');
    after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    assert.equal((await asked(`${urlOf(server)}/prismq`)).status, 201);
  });

  it('Fastify: says it where its own parsers ran', async () => {
    const app = fastify();
    after(() => app.close());
    app.all('/queue/*', (request, reply) => {
      reply.hijack();
      nodeHandler(prismq)(request.raw, reply.raw);
    });
    const { status, code } = await asked(await app.listen({ port: 0, host: '127.0.0.1' }));
    assert.deepEqual([status, code], [500, 'body_consumed']);
  });

  it('a fetch handler: says it for a request whose body is used', async () => {
    const request = (): Request =>
      new Request('http://localhost/queue/enqueue', {
        method: 'POST',
        headers: { authorization: `Bearer ${keys.client}`, 'content-type': 'application/json' },
        body: '{"type":"Mail.Send"}',
      });
    const used = request();
    await used.text();
    const answer = await prismq.fetch(used);
    assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [500, 'body_consumed']);
    assert.equal((await prismq.fetch(request())).status, 201);
  });

  it('plain node:http: a listener that reads before it hands on is told, too', async () => {
    const handle = nodeHandler(prismq);
    const server = createServer((request, response) => {
      if (request.method === 'GET') return handle(request, response);
      request.resume().once('end', () => handle(request, response));
    }).listen(0, '127.0.0.1');
    after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    assert.equal((await asked(urlOf(server))).code, 'body_consumed');
  });
});
