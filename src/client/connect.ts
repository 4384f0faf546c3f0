// `connect({ url, key })`: the handles of the library, over HTTP. Nothing is sent before a method is called.
import { QueueError } from '../domain/errors.ts';
import type { AdminHandle, AuditorHandle, ClientHandle, MadeKey, WorkerHandle } from '../service/handles.ts';
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

/** Trades the one-time secret of a new server for the key of its first admin; throws `unauthenticated`. */
export function redeemBootstrap(options: Omit<ConnectOptions, 'key'>, secret: string): Promise<MadeKey> {
  // The one request that wants no key: the secret is in its body.
  return createCall(settingsOf({ ...options, key: 'none' }))('bootstrap', { body: { secret } });
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
    worker: (workerId = '') => workerHandle(line, workerId, async () => workerOf(await whoami())),
    admin: () => adminHandle(line),
    auditor: () => auditorHandle(line),
    whoami,
  };
}

function workerOf({ role, workerId }: Identity): string {
  if (workerId !== null) return workerId;
  throw new QueueError(
    'forbidden',
    `this is the key of ${role === 'admin' || role === 'auditor' ? 'an' : 'a'} ${role}: what a worker does wants a key of a worker`,
  );
}
