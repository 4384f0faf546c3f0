// A real server on a real file and a real socket, and keys of every role for it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connect.ts';
import type { ConnectOptions } from '../../src/client/options.ts';
import { createApp } from '../../src/http/app.ts';
import type { AppOptions } from '../../src/http/app.ts';
import { listen } from '../../src/http/node.ts';
import type { Listening } from '../../src/http/node.ts';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions } from '../../src/index.ts';
import type { NewKey, Queue } from '../../src/service/handles.ts';

export interface Served extends AsyncDisposable {
  readonly queue: Queue;
  readonly file: string;
  readonly url: string;
  /** A connection with a fresh key. */
  as(key: NewKey, options?: Partial<ConnectOptions>): Promise<Connection>;
  key(key: NewKey): Promise<string>;
  /** Stops listening and begins anew on the same port and file. */
  stop(graceMs?: number): Promise<void>;
  start(): Promise<void>;
}

export async function serve(open: OpenOptions = {}, app: Omit<AppOptions, 'queue'> = {}): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-client-'));
  const file = join(folder, 'queue.db');
  let queue = await openQueue(file, open);
  for (const clientId of ['acme', 'beta']) await queue.admin().clients.create(clientId);
  let listening: Listening | undefined = await listen(await createApp({ queue, ...app }), { host: '127.0.0.1', port: 0 });
  const { url, port } = listening;
  const key = async (asked: NewKey): Promise<string> => (await queue.admin().keys.create(asked)).key;
  const stop = async (graceMs = 0): Promise<void> => {
    await listening?.close(graceMs);
    listening = undefined;
    await queue.close();
  };
  return {
    get queue() {
      return queue;
    },
    file,
    url,
    key,
    as: async (asked, options = {}) => connect({ url, key: await key(asked), ...options }),
    stop,
    async start() {
      queue = await openQueue(file, open);
      listening = await listen(await createApp({ queue, ...app }), { host: '127.0.0.1', port });
    },
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const ACME: NewKey = { role: 'client', clientId: 'acme' };
export const MAILER: NewKey = { role: 'worker', name: 'mailer', grants: [{ clientId: 'acme', pattern: '*' }] };
