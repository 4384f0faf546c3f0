// Limits of a client's work: set, listed, taken away; and the pause, which is a limit of none.
import { QueueError, unwrap } from '../domain/errors.ts';
import type { Operation } from '../domain/access.ts';
import type { Principal } from '../domain/principal.ts';
import { checkLimit, isLimitName, pauseName } from '../domain/work-limit.ts';
import type { LimitInfo, WorkLimit } from '../domain/work-limit.ts';
import type { StoreScope } from '../store/store.ts';
import { authorize } from './deps.ts';
import type { Deps } from './deps.ts';
import type { LimitHandle, Part } from './handles.ts';

/** Of one client, or of all that may be seen. */
export const limitList = (deps: Deps, principal: Principal, scope: StoreScope): Pick<LimitHandle, 'list'> => ({
  async list() {
    await authorize(deps, principal, 'limit.list');
    return deps.store.limits.list(scope);
  },
});

export function limitHandle(deps: Deps, principal: Principal, scope: StoreScope): LimitHandle {
  const { store } = deps;
  const reason = principal.role === 'admin' && principal.clientId === undefined ? (principal.reason ?? null) : null;
  const put = async (operation: Operation, limit: WorkLimit): Promise<LimitInfo> => {
    const refusal = await store.limits.set(scope, limit, operation, reason);
    if (refusal !== null) throw QueueError.from(refusal);
    const found = (await store.limits.list(scope)).find(({ name }) => name === limit.name);
    if (found === undefined) throw new QueueError('not_found', 'the limit was taken away again');
    return found;
  };
  const drop = async (operation: Operation, name: string, sentence: string): Promise<void> => {
    if (!isLimitName(name) || !(await store.limits.delete(scope, name, operation, reason))) throw new QueueError('not_found', sentence);
  };
  const part = ({ pattern, key }: Part): Part => ({ ...(pattern === undefined ? {} : { pattern }), ...(key === undefined ? {} : { key }) });
  return {
    async set(name, limit) {
      await authorize(deps, principal, 'limit.set');
      return put('limit.set', unwrap(checkLimit(name, limit)));
    },
    ...limitList(deps, principal, scope),
    async delete(name) {
      await authorize(deps, principal, 'limit.delete');
      return drop('limit.delete', name, 'there is no such limit');
    },
    async pause(given = {}) {
      await authorize(deps, principal, 'queue.pause');
      return put('queue.pause', unwrap(checkLimit(pauseName(deps.digest, part(given)), { ...part(given), concurrency: 0 })));
    },
    async resume(given = {}) {
      await authorize(deps, principal, 'queue.pause');
      return drop('queue.pause', pauseName(deps.digest, part(given)), 'that is not paused');
    },
  };
}
