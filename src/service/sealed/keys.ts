// The data keys of clients, unwrapped and remembered for at most 5 seconds, so that a key that was shredded is gone everywhere soon.
import type { Store } from '../../store/store.ts';
import type { DataKey } from './cipher.ts';
import type { MasterKey } from './master.ts';

const REMEMBERED_MS = 5000;
const MOST = 10_000;

export interface DataKeys {
  /** The newest first; none: nothing of this client is sealed. */
  of(clientId: string): Promise<readonly DataKey[]>;
  newest(clientId: string): Promise<DataKey | undefined>;
  /** Known at this moment to have no key. */
  isOpen(clientId: string): boolean;
  forget(clientId?: string): void;
  wrap(key: Uint8Array, clientId: string): Promise<string>;
}

export function dataKeys(store: Pick<Store, 'dataKeys'>, master: MasterKey): DataKeys {
  const known = new Map<string, { readonly keys: Promise<readonly DataKey[]>; readonly until: number; isOpen: boolean }>();
  const read = async (clientId: string): Promise<readonly DataKey[]> =>
    Promise.all((await store.dataKeys(clientId)).map(async ({ keyNo, wrapped }) => ({ keyNo, bytes: await master.unwrap(wrapped, clientId) })));
  const of = (clientId: string): Promise<readonly DataKey[]> => {
    const found = known.get(clientId);
    if (found !== undefined && found.until > performance.now()) return found.keys;
    if (known.size >= MOST) known.clear();
    const keys = read(clientId);
    const entry = { keys, until: performance.now() + REMEMBERED_MS, isOpen: false };
    known.set(clientId, entry);
    keys.then(
      ({ length }) => (entry.isOpen = length === 0),
      () => known.delete(clientId),
    );
    return keys;
  };
  return {
    of,
    newest: async (clientId) => (await of(clientId))[0],
    isOpen(clientId) {
      const found = known.get(clientId);
      return found?.isOpen === true && found.until > performance.now();
    },
    forget: (clientId) => void (clientId === undefined ? known.clear() : known.delete(clientId)),
    wrap: (key, clientId) => master.wrap(key, clientId),
  };
}
