// PrismQ inside an Express app. It reads the body itself, byte for byte, so it is mounted before `express.json()`.
//
//   PRISMQ_DB=prismq.db PORT=3000 node --conditions=prismq-source examples/express.ts
import type { AddressInfo } from 'node:net';
import express from 'express';
import { openQueue } from 'prismq';
import { createApp, nodeHandler } from 'prismq/server';

const queue = await openQueue(process.env['PRISMQ_DB'] ?? 'prismq.db');
const prismq = await createApp({ queue });

const app = express();
app.all('/queue/{*rest}', nodeHandler(prismq));
app.use(express.json());
app.get('/hello', (_, response) => void response.json({ hello: 'from the app' }));
app.post('/echo', (request, response) => void response.json(request.body));

const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);

process.once('SIGTERM', () => {
  prismq.drain(); // ends what waits
  server.close(() => void queue.close());
  setTimeout(() => server.closeAllConnections(), 3000).unref();
});
