// `connect({ url, key })`: the handles of the library, over HTTP. Nothing is sent before a method is called.
import type { AdminHandle, AuditorHandle, ClientHandle, WorkerHandle } from '../service/handles.ts';
import { adminHandle, auditorHandle } from './admin-handle.ts';
import type { Identity } from './answers.ts';
import { createCall } from './call.ts';
import { clientHandle } from './client-handle.ts';
import type { Line } from './line.ts';
import { settingsOf } from './options.ts';
import type { ConnectOptions } from './options.ts';
import { workerHandle } from './worker-handle.ts';

/**
 * A server and a key. The key decides what each handle may do: take the one of its role. Every method throws a `QueueError`
 * with a stable code: those of the method in process, and beside them `unauthenticated`, `forbidden`, `rate_limited`,
 * `store_unavailable` (the server can not be reached, or its answer was lost; `retryable`), `aborted` (a signal fired).
 */
export interface Connection {
  /** Without a slash at its end. */
  readonly url: string;
  /** Enqueue, look, wait, cancel. `clientId` is what the handle shows as its own; the key decides. */
  client(clientId?: string): ClientHandle;
  /** Claim and settle. Without the id, the server is asked once whose key it is. */
  worker(workerId?: string): WorkerHandle;
  admin(): AdminHandle;
  auditor(): AuditorHandle;
  /** Whose key it is. Throws `unauthenticated`. */
  whoami(): Promise<Identity>;
}

/**
 * Prepares a connection; the first request is that of the first method.
 * @throws QueueError `invalid_input`
 */
export function connect(options: ConnectOptions): Connection {
  const settings = settingsOf(options);
  const line: Line = { settings, call: createCall(settings), headers: {} };
  const whoami = (): Promise<Identity> => line.call('whoami');
  return {
    url: settings.base,
    client: (clientId = '') => clientHandle(line, clientId),
    worker: (workerId = '') => workerHandle(line, workerId, async () => (await whoami()).workerId ?? ''),
    admin: () => adminHandle(line),
    auditor: () => auditorHandle(line),
    whoami,
  };
}
