// A server as a process of its own, to be killed: `server-process.ts FILE PORT` says its port when it listens.
import { createApp } from '../../src/http/app.ts';
import { listen } from '../../src/http/node.ts';
import { openQueue } from '../../src/index.ts';

const [file = '', port = '0'] = process.argv.slice(2);
const queue = await openQueue(file, { janitorMs: 100, createClients: false });
const listening = await listen(await createApp({ queue }), { host: '127.0.0.1', port: Number(port) });
process.stdout.write(`${listening.port}\n`);
