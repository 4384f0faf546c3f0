// A store that seals what is a client's own before it is stored, and opens it for who may read it: above the engine, so that both have it, and
// only where a master key is given, so that nobody else pays. Clients without a data key pass through.
import { JsonText } from '../../domain/json-text.ts';
import { LIMITS, cleanErrorText } from '../../domain/limits.ts';
import type { ClaimedTask, Json, NewTask, Settlement, Task, TaskFailure } from '../../domain/task.ts';
import type { Store, TaskChange } from '../../store/store.ts';
import { keyedDigest, roomIn, seal, sealJson, unseal, unsealJson } from './cipher.ts';
import type { DataKey, Place } from './cipher.ts';
import type { DataKeys } from './keys.ts';

export function sealedStore(store: Store, keys: DataKeys): Store {
  const newest = async (clientId: string): Promise<DataKey | undefined> => (await keys.of(clientId))[0];
  const one = async (task: Task | null): Promise<Task | null> => (task === null ? null : openTask(await keys.of(task.clientId), task));
  return {
    ...store,
    enqueue: async (scope, tasks, options) =>
      store.enqueue(scope, await Promise.all(tasks.map(async (task) => sealTask(await keys.of(task.clientId), task))), options),
    async enqueueInside(scope, tx, tasks, options) {
      const sealed = await Promise.all(tasks.map(async (task) => sealTask(await keys.of(task.clientId), task)));
      return store.enqueueInside(scope, tx, sealed, options);
    },
    task: async (scope, taskId) => one(await store.task(scope, taskId)),
    async tasks(scope, filter) {
      const page = await store.tasks(scope, filter);
      return { ...page, items: await Promise.all(page.items.map(async (task) => openTask(await keys.of(task.clientId), task))) };
    },
    async amend(scope, taskId, change) {
      const [clientId] = scope.clients === '*' ? [] : scope.clients;
      const key = clientId === undefined ? undefined : await newest(clientId);
      return store.amend(scope, taskId, key === undefined ? change : sealChange(key, clientId as string, taskId, change));
    },
    claim: async (scope, request) => Promise.all((await store.claim(scope, request)).map(async (task) => openClaimed(await keys.of(task.clientId), task))),
    settle: async (scope, items) =>
      store.settle(
        scope,
        await Promise.all(
          items.map(async (item) => {
            const key = await newest(item.clientId);
            return key === undefined ? item : sealEnd(key, item);
          }),
        ),
      ),
    async progress(scope, lease, value) {
      const key = await newest(lease.clientId);
      return store.progress(scope, lease, key === undefined ? value : sealJson(key, at(lease, 'progress'), value));
    },
    async message(scope, lease, message, details) {
      const key = await newest(lease.clientId);
      if (key === undefined) return store.message(scope, lease, message, details);
      return store.message(
        scope,
        lease,
        sealText(key, at(lease, 'message'), message, LIMITS.errorMessage.max),
        details === null ? null : sealJson(key, at(lease, 'details'), details),
      );
    },
  };
}

const at = ({ clientId, taskId }: Pick<Place, 'clientId' | 'taskId'>, field: Place['field']): Place => ({ clientId, taskId, field });

function sealTask(keys: readonly DataKey[], task: NewTask): NewTask {
  const [key] = keys;
  if (key === undefined) return task;
  const requestDigest = task.requestDigest === null ? null : keyedDigest(keys, task.requestDigest);
  return { ...task, payload: sealJson(key, at(task, 'payload'), task.payload), format: null, requestDigest };
}

const sealChange = (key: DataKey, clientId: string, taskId: string, change: TaskChange): TaskChange =>
  change.payload === undefined
    ? change
    : { ...change, payload: { text: sealJson(key, { clientId, taskId, field: 'payload' }, change.payload.text), format: null } };

function sealEnd(key: DataKey, item: Settlement): Settlement {
  if (item.op === 'complete') return item.result === undefined ? item : { ...item, result: sealJson(key, at(item, 'result'), item.result) };
  if (item.op === 'fail') return { ...item, error: sealFailure(key, item, item.error) };
  return item;
}

function sealFailure(key: DataKey, of: Pick<Place, 'clientId' | 'taskId'>, { message, stack, ...rest }: TaskFailure): TaskFailure {
  const sealed = sealText(key, at(of, 'error'), message, LIMITS.errorMessage.max);
  return { ...rest, message: sealed, ...(stack === undefined ? {} : { stack: sealText(key, at(of, 'stack'), stack, LIMITS.errorStack.max) }) };
}

/** Cut so that it still fits when it is sealed. */
function sealText(key: DataKey, place: Place, text: string, most: number): string {
  const bytes = Buffer.from(cleanErrorText(text, most), 'utf8');
  const room = roomIn(most);
  // What is cut in the middle of a character loses that character.
  return seal(
    key,
    place,
    bytes.length <= room
      ? bytes.toString('utf8')
      : bytes
          .subarray(0, room - 3)
          .toString('utf8')
          .replace(/\uFFFD+$/, ''),
  );
}

function openTask(keys: readonly DataKey[], task: Task): Task {
  if (keys.length === 0) return task;
  const json = (value: Json | undefined, field: Place['field']): Json | undefined => (value === undefined ? undefined : openJson(keys, at(task, field), value));
  const { payload, result, errorMessage } = task;
  return {
    ...task,
    progress: json(task.progress, 'progress') ?? null,
    errorMessage: errorMessage === null ? null : (unseal(keys, at(task, 'error'), errorMessage) ?? errorMessage),
    ...(payload === undefined ? {} : { payload: json(payload, 'payload') as Json }),
    ...(result === undefined ? {} : { result: json(result, 'result') as Json }),
  };
}

/** As it was read: a value, or its text where the reader asked for that. */
function openJson(keys: readonly DataKey[], place: Place, value: Json): Json {
  if ((value as unknown) instanceof JsonText) return new JsonText(unsealJson(keys, place, (value as unknown as JsonText).text)) as unknown as Json;
  if (value === null || typeof value !== 'object' || !('$sealed' in value)) return value;
  return JSON.parse(unsealJson(keys, place, JSON.stringify(value))) as Json;
}

const openClaimed = (keys: readonly DataKey[], task: ClaimedTask): ClaimedTask =>
  keys.length === 0 ? task : { ...task, payload: unsealJson(keys, at(task, 'payload'), task.payload) };
