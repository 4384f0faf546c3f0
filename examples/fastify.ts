// PrismQ inside a Fastify app. It reads the body itself, byte for byte, so its routes are in a scope without Fastify's parsers.
//
//   PRISMQ_DB=prismq.db PORT=3000 node --conditions=prismq-source examples/fastify.ts
import { fastify } from 'fastify';
import { openQueue } from 'prismq';
import { createApp, nodeHandler } from 'prismq/server';

const queue = await openQueue(process.env['PRISMQ_DB'] ?? 'prismq.db');
const prismq = await createApp({ queue });
const handle = nodeHandler(prismq);

const app = fastify();
app.get('/hello', async () => ({ hello: 'from the app' }));
app.post('/echo', async (request) => request.body);
await app.register(async (scope) => {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_, _payload, done) => done(null));
  scope.all('/queue/*', (request, reply) => {
    reply.hijack();
    handle(request.raw, reply.raw);
  });
});

const url = await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' });
console.log(`listening on ${url}`);

process.once('SIGTERM', () => {
  prismq.drain(); // ends what waits
  void app.close().then(() => queue.close());
  setTimeout(() => app.server.closeAllConnections(), 3000).unref();
});
