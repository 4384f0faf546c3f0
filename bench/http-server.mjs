// The server of the HTTP bench as a process: a fresh file, full durability, audit and walls on, one key of a client. Tells its
// parent the key; CPU and memory are asked over the channel.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createApp } from '../src/http/app.ts';
import { listen } from '../src/http/node.ts';
import { openQueue } from '../src/index.ts';

const file = join(process.env.BENCH_DATA ?? 'data', 'http-prismq.db');
for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
const queue = await openQueue(file, { synchronous: 'FULL', onError: console.error });
await queue.admin().clients.create('bench');
const { key } = await queue.admin().keys.create({ role: 'client', clientId: 'bench' });
const app = await createApp({ queue, onRequest: ({ cause }) => cause && console.error(cause) });
const server = await listen(app, { host: '127.0.0.1', port: Number(process.argv[2]) });
process.on('message', async (message) => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send({ cpuS: (user + system) / 1e6, rssMB: process.memoryUsage().rss / 1048576 });
    return;
  }
  await server.close(0);
  await queue.close();
  process.disconnect();
});
process.send({ key, url: server.url });
