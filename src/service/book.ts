// Reads of the book (workers, grants, keys, clients, categories) for every role that the access table gives them: each sees
// what its scope reaches, a worker its own rows.
import type { Operation } from '../domain/access.ts';
import type { CategoryMode } from '../domain/category.ts';
import type { Principal } from '../domain/principal.ts';
import type { WorkerInfo } from '../domain/task.ts';
import { infoOf } from './category-admin.ts';
import { authorize, scopeOf } from './deps.ts';
import type { Deps } from './deps.ts';
import type { CategoryInfo, ClientInfo, GrantInfo, KeyInfo } from './handles.ts';

export interface BookReads {
  workers(): Promise<readonly WorkerInfo[]>;
  grants(workerId?: string): Promise<readonly GrantInfo[]>;
  keys(): Promise<readonly KeyInfo[]>;
  clients(): Promise<readonly ClientInfo[]>;
  categories(): Promise<{ readonly mode: CategoryMode; readonly categories: readonly CategoryInfo[] }>;
}

export function bookReads(deps: Deps, principal: Principal): BookReads {
  const { store } = deps;
  const scope = scopeOf(principal);
  const may = (operation: Operation): Promise<void> => authorize(deps, principal, operation);
  return {
    async workers() {
      await may('worker.list');
      return store.workers(scope);
    },
    async grants(workerId) {
      await may('grant.list');
      const isOther = scope.workerId !== undefined && workerId !== undefined && workerId !== scope.workerId;
      return isOther ? [] : store.grants(scope, workerId);
    },
    async keys() {
      await may('key.list');
      return store.keys(scope);
    },
    async clients() {
      await may('client.list');
      return store.clients(scope);
    },
    async categories() {
      await may('category.list');
      const { mode, rows } = await store.categories();
      return { mode, categories: rows.map(infoOf) };
    },
  };
}
