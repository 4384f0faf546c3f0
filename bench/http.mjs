// Adapter for an HTTP bench that compares servers: `prismq` enqueues over HTTP with authentication, tenancy and audit on, each
// answer after its commit with synchronous=FULL.
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';

const PAD = 'x'.repeat(100);

async function start(port) {
  const child = fork(new URL('./http-server.mjs', import.meta.url), [String(port)], {
    execArgv: ['--conditions=prismq-source', ...(process.env.PROF ? ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', process.env.PROF] : [])],
  });
  const [{ key, url }] = await once(child, 'message');
  // The bench asks for CPU by HTTP.
  const measure = async (response) => {
    child.send('cpu');
    const [figures] = await once(child, 'message');
    response.end(JSON.stringify(figures));
  };
  const meter = createServer((_, response) => void measure(response)).listen(0, '127.0.0.1');
  await once(meter, 'listening');
  return {
    url: `${url}/queue/enqueue`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ type: 'emails', priority: 1, max_attempts: 3, payload: { i: 1, tenant: 1, at: 0, pad: PAD } }),
    bad: JSON.stringify({ type: '', payload: 1 }),
    cpuUrl: `http://127.0.0.1:${meter.address().port}/`,
    async stop() {
      meter.close();
      child.send('stop');
      await once(child, 'exit');
    },
  };
}

export const SERVERS = { prismq: start };
