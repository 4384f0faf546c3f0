// The data keys of clients, unwrapped and remembered for at most 5 seconds, so that a key that was shredded is gone everywhere soon.
import type { Store } from '../../store/store.ts';
import type { DataKey } from './cipher.ts';
import type { MasterKey } from './master.ts';

const REMEMBERED_MS = 5000;
const MOST = 10_000;

export interface DataKeys {
  /** The newest first; none: nothing of this client is sealed. */
  of(clientId: string): Promise<readonly DataKey[]>;
  forget(clientId: string): void;
  wrap(key: Uint8Array, clientId: string): Promise<string>;
}

export function dataKeys(store: Pick<Store, 'dataKeys'>, master: MasterKey): DataKeys {
  const known = new Map<string, { readonly keys: Promise<readonly DataKey[]>; readonly until: number }>();
  const read = async (clientId: string): Promise<readonly DataKey[]> =>
    Promise.all((await store.dataKeys(clientId)).map(async ({ keyNo, wrapped }) => ({ keyNo, bytes: await master.unwrap(wrapped, clientId) })));
  return {
    of(clientId) {
      const found = known.get(clientId);
      if (found !== undefined && found.until > performance.now()) return found.keys;
      if (known.size >= MOST) known.clear();
      const keys = read(clientId);
      known.set(clientId, { keys, until: performance.now() + REMEMBERED_MS });
      keys.catch(() => known.delete(clientId));
      return keys;
    },
    forget: (clientId) => void known.delete(clientId),
    wrap: (key, clientId) => master.wrap(key, clientId),
  };
}
