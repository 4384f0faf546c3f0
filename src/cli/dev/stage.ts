// The demo at a server: clients enqueue with their keys, a worker claims with its own, all over HTTP.
import { resolve, sep } from 'node:path';
import { connect } from '../../client/connect.ts';
import type { Running } from '../../server/serve.ts';
import { deadLetter } from '../../worker/outcome.ts';
import type { Handlers, Worker, WorkerOptions } from '../../worker/types.ts';
import { startWorker } from '../../worker/worker.ts';
import { countFile } from '../demo/count.ts';
import { silent } from '../demo/run.ts';
import type { Stage } from '../demo/run.ts';
import type { DevKeys } from './keys.ts';

export function atServer({ url, queue }: Running, keys: DevKeys, folder: string): Stage {
  return {
    client: async (clientId) => connect({ url, key: await keys.client(clientId) }).client(clientId),
    work: (handlers, options) => workAt(url, keys, handlers, options),
    audit: () => queue.auditSummary(),
    count: within(folder),
  };
}

/** Who has a key of a client may name any path: only those of the folder are read. */
const within =
  (folder: string): typeof countFile =>
  async (input, ctx) => {
    const isInside = typeof input.path === 'string' && resolve(folder, input.path).startsWith(`${folder}${sep}`);
    return isInside ? countFile({ folder, path: input.path }, ctx) : deadLetter('the path is not in the folder of the demo');
  };

/** What goes on working for whoever tries the server. */
export function keepWorking({ url }: Running, keys: DevKeys, folder: string): Worker {
  const hello = async (input: { readonly name?: unknown } | null): Promise<{ readonly greeting: string }> => ({
    greeting: `Hello, ${typeof input?.name === 'string' ? input.name : 'world'}!`,
  });
  return workAt(url, keys, { 'Demo.Hello': { run: hello, version: '1' }, 'Demo.Files.*': { run: within(folder), version: '1' } } as Handlers, {});
}

const workAt = (url: string, keys: DevKeys, handlers: Handlers, options: WorkerOptions): Worker =>
  startWorker({ url, key: keys.worker }, handlers, { logger: silent, ...options, workerId: keys.workerId });
