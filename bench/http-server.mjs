// The server of the HTTP bench as a process: full durability, audit and walls on. On the file that it is given, or on a fresh one
// with a client and its key, which it tells its parent; CPU and memory are asked over the channel.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createApp } from '../src/http/app.ts';
import { listen } from '../src/http/node.ts';
import { openQueue } from '../src/index.ts';

const [, , port, given] = process.argv;
const file = given ?? join(process.env.BENCH_DATA ?? 'data', 'http-prismq.db');
if (given === undefined) for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
const queue = await openQueue(file, { synchronous: 'FULL', onError: console.error });
let key;
if (given === undefined) {
  await queue.admin().clients.create('bench');
  ({ key } = await queue.admin().keys.create({ role: 'client', clientId: 'bench' }));
}
const app = await createApp({ queue, onRequest: ({ cause }) => cause && console.error(cause) });
const server = await listen(app, { host: '127.0.0.1', port: Number(port) });
process.on('message', (message) => void told(message));

async function told(message) {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send({ cpuS: (user + system) / 1e6, rssMB: process.memoryUsage().rss / 1048576 });
    return;
  }
  await server.close(0);
  await queue.close();
  process.disconnect();
}

process.send({ key, url: server.url });
