// PrismQ inside a Hono app: the app has its own routes, everything under /queue goes to PrismQ.
//
//   PRISMQ_DB=prismq.db PORT=3000 node --conditions=prismq-source examples/hono.ts
import type { Server } from 'node:http';
import { serve } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono } from 'hono';
import { openQueue } from 'prismq';
import { createApp } from 'prismq/server';

const queue = await openQueue(process.env['PRISMQ_DB'] ?? 'prismq.db');
const prismq = await createApp({ queue });

const app = new Hono();
app.get('/hello', (c) => c.json({ hello: 'from the app' }));
app.post('/echo', async (c) => c.json(await c.req.json()));
// The address is what limits count: without it, all callers are one.
app.all('/queue/*', (c) => prismq.fetch(c.req.raw, { address: getConnInfo(c).remote.address ?? 'unknown' }));

const server = serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 3000), hostname: '127.0.0.1' }, ({ port }) =>
  console.log(`listening on http://127.0.0.1:${port}`),
);

process.once('SIGTERM', () => {
  prismq.drain(); // ends what waits
  server.close(() => void queue.close());
  setTimeout(() => (server as Server).closeAllConnections(), 3000).unref();
});
