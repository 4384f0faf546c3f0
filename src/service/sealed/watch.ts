// Data keys are made and shredded by any process; the version of the registry of categories, which every enqueue looks at anyway, is raised
// with them. So whoever stores next in any process knows of it, and nobody asks for it in vain.
import { QueueError } from '../../domain/errors.ts';
import type { Store } from '../../store/store.ts';
import type { DataKeys } from './keys.ts';

/** A queue with sealed clients takes nothing from a process that can not seal: it would lie open. */
export async function refuseSealed(store: Pick<Store, 'hasDataKeys'>): Promise<void> {
  if (await store.hasDataKeys())
    throw new QueueError(
      'store_refused',
      'clients of this queue have their payloads sealed: give the master key (PRISMQ_MASTER_KEY_FILE, or `masterKey` in a program)',
    );
}

/** Without a master key: asks again when the registry is another. */
export const watchingOpen = (store: Store): Store => ({ ...store, categories: onChange(store, () => refuseSealed(store)) });

/** With one: what is remembered of keys is forgotten when the registry is another. */
export const watchingKeys = (store: Store, keys: DataKeys): Store => ({
  ...store,
  categories: onChange(store, () => {
    keys.forget();
    return Promise.resolve();
  }),
});

function onChange(store: Store, act: () => Promise<void>): Store['categories'] {
  let seen: unknown;
  return async (remembered) => {
    const found = await store.categories(remembered);
    if (found.rows === seen) return found;
    await act();
    seen = found.rows;
    return found;
  };
}
