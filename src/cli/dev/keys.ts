// The keys of `prismq dev`: made at its start, shown, good for a day at most and ended with it. Their name keeps them off any
// server that others reach.
import { randomBytes } from 'node:crypto';
import { QueueError } from '../../domain/errors.ts';
import type { MadeKey, NewKey, Queue } from '../../service/handles.ts';
import { DEV_NAME } from '../../server/guard.ts';

const DAY_MS = 86_400_000;

export interface DevKeys {
  readonly workerId: string;
  readonly worker: string;
  readonly admin: string;
  /** The key of a client, which is made when it is not there. */
  client(clientId: string): Promise<string>;
  /** Shown so far, by client. */
  readonly clients: ReadonlyMap<string, string>;
  end(): Promise<void>;
}

export async function makeKeys(queue: Queue): Promise<DevKeys> {
  const admin = queue.admin();
  const made: MadeKey[] = [];
  const clients = new Map<string, string>();
  const workerId = `${DEV_NAME}-${randomBytes(3).toString('hex')}`;
  const make = async (key: NewKey): Promise<string> => {
    const one = await admin.keys.create({ expiresInMs: DAY_MS, ...key });
    made.push(one);
    return one.key;
  };
  return {
    workerId,
    worker: await make({ role: 'worker', name: workerId, grants: [{ clientId: '*', pattern: 'Demo.*' }] }),
    admin: await make({ role: 'admin', name: DEV_NAME }),
    clients,
    async client(clientId) {
      const known = clients.get(clientId);
      if (known !== undefined) return known;
      await admin.clients.create(clientId).catch((error: unknown) => {
        if (!(error instanceof QueueError) || error.code !== 'already_exists') throw error;
      });
      const key = await make({ role: 'client', clientId, name: DEV_NAME });
      clients.set(clientId, key);
      return key;
    },
    async end() {
      for (const { keyId } of made) await admin.keys.revoke(keyId);
      for (const { grantId } of await admin.grants.list(workerId)) await admin.grants.delete(grantId);
    },
  };
}
