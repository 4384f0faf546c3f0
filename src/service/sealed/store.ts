// A store that seals what is a client's own before it is stored, and opens it for who may read it: above the engine, so that both have it, and
// only where a master key is given, so that nobody else pays. Clients without a data key pass through.
import type { ClaimedTask, NewTask, Task } from '../../domain/task.ts';
import type { Store, StoreScope } from '../../store/store.ts';
import { sealJson } from './cipher.ts';
import type { DataKeys } from './keys.ts';
import { sealedSchedules } from './schedules.ts';
import { at, openClaimed, openParent, openTask, sealChange, sealEnd, sealTask, sealText } from './task.ts';
import { LIMITS } from '../../domain/limits.ts';

/** How long a task waits whose payload can not be opened here: until whoever has the key takes it, or the key is back. */
const CLOSED_MS = 10_000;

export function sealedStore(store: Store, keys: DataKeys): Store {
  return { ...store, ...tasks(store, keys), ...work(store, keys), schedules: sealedSchedules(store.schedules, keys) };
}

/** Sealed where the client has a key. */
export async function sealAll(keys: DataKeys, tasks: readonly NewTask[]): Promise<readonly NewTask[]> {
  return Promise.all(tasks.map(async (task) => sealTask(await keys.of(task.clientId), task)));
}

function tasks(store: Store, keys: DataKeys): Pick<Store, 'enqueue' | 'enqueueInside' | 'task' | 'tasks' | 'amend'> {
  const open = async (task: Task): Promise<Task> => openTask(await keys.of(task.clientId), task);
  return {
    async enqueue(scope, given, options) {
      // Known to be none: not a moment later than without sealing.
      if (given.every(({ clientId }) => keys.isOpen(clientId))) return store.enqueue(scope, given, options);
      return store.enqueue(scope, await sealAll(keys, given), options);
    },
    async enqueueInside(scope, tx, given, options) {
      return store.enqueueInside(scope, tx, await sealAll(keys, given), options);
    },
    async task(scope, taskId) {
      const task = await store.task(scope, taskId);
      return task === null ? null : open(task);
    },
    async tasks(scope, filter) {
      const page = await store.tasks(scope, filter);
      return { ...page, items: await Promise.all(page.items.map(open)) };
    },
    async amend(scope, taskId, change) {
      const [clientId] = scope.clients === '*' ? [] : scope.clients;
      const key = clientId === undefined ? undefined : await keys.newest(clientId);
      return store.amend(scope, taskId, key === undefined ? change : sealChange(key, clientId as string, taskId, change));
    },
  };
}

function work(store: Store, keys: DataKeys): Pick<Store, 'claim' | 'settle' | 'progress' | 'message' | 'parents'> {
  return {
    async claim(scope, request) {
      const claimed = await store.claim(scope, request);
      return claimed.every(({ clientId }) => keys.isOpen(clientId)) ? claimed : openAll(store, keys, scope, claimed);
    },
    async settle(scope, items) {
      if (items.every(({ clientId }) => keys.isOpen(clientId))) return store.settle(scope, items);
      const sealed = items.map(async (item) => {
        const key = await keys.newest(item.clientId);
        return key === undefined ? item : sealEnd(key, item);
      });
      return store.settle(scope, await Promise.all(sealed));
    },
    async progress(scope, lease, value) {
      const key = await keys.newest(lease.clientId);
      return store.progress(scope, lease, key === undefined ? value : sealJson(key, at(lease, 'progress'), value));
    },
    async message(scope, lease, message, details) {
      const key = await keys.newest(lease.clientId);
      if (key === undefined) return store.message(scope, lease, message, details);
      const sealed = sealText(key, at(lease, 'message'), message, LIMITS.errorMessage.max);
      return store.message(scope, lease, sealed, details === null ? null : sealJson(key, at(lease, 'details'), details));
    },
    async parents(scope, lease, page) {
      const [found, opening] = await Promise.all([store.parents(scope, lease, page), keys.of(lease.clientId)]);
      return found === null ? null : { ...found, items: found.items.map((parent) => openParent(opening, lease.clientId, parent)) };
    },
  };
}

/** What can not be opened, because its key can not be had now, goes back; when that is all that there was, the caller hears why. */
async function openAll(store: Store, keys: DataKeys, scope: StoreScope, claimed: readonly ClaimedTask[]): Promise<readonly ClaimedTask[]> {
  const opened = await Promise.allSettled(claimed.map(async (task) => openClaimed(await keys.of(task.clientId), task)));
  const back = claimed.filter((_, i) => opened[i]?.status === 'rejected');
  if (back.length > 0)
    await store.settle(
      scope,
      back.map(({ clientId, taskId, leaseId }) => ({ op: 'release', clientId, taskId, leaseId, delayMs: CLOSED_MS })),
    );
  const [failed] = opened.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
  if (failed !== undefined && back.length === claimed.length) throw failed;
  return opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}
