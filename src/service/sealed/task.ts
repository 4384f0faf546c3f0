// What of a task is sealed, and how it is read again. Names, times, types, metadata and the audit stay as they are.
import { JsonText } from '../../domain/json-text.ts';
import { LIMITS, cleanErrorText } from '../../domain/limits.ts';
import type { ClaimedTask, Json, NewTask, ParentResult, Settlement, Task, TaskFailure } from '../../domain/task.ts';
import type { TaskChange } from '../../store/store.ts';
import { keyedDigest, roomIn, seal, sealJson, unseal, unsealJson } from './cipher.ts';
import type { DataKey, Place } from './cipher.ts';

export const at = ({ clientId, taskId }: Pick<Place, 'clientId' | 'taskId'>, field: Place['field']): Place => ({ clientId, taskId, field });

export function sealTask(keys: readonly DataKey[], task: NewTask): NewTask {
  const [key] = keys;
  if (key === undefined) return task;
  const requestDigest = task.requestDigest === null ? null : keyedDigest(keys, task.requestDigest);
  return { ...task, payload: sealJson(key, at(task, 'payload'), task.payload), format: null, requestDigest };
}

export const sealChange = (key: DataKey, clientId: string, taskId: string, change: TaskChange): TaskChange =>
  change.payload === undefined
    ? change
    : { ...change, payload: { text: sealJson(key, { clientId, taskId, field: 'payload' }, change.payload.text), format: null } };

export function sealEnd(key: DataKey, item: Settlement): Settlement {
  if (item.op === 'complete') return item.result === undefined ? item : { ...item, result: sealJson(key, at(item, 'result'), item.result) };
  if (item.op === 'fail') return { ...item, error: sealFailure(key, item, item.error) };
  return item;
}

function sealFailure(key: DataKey, of: Pick<Place, 'clientId' | 'taskId'>, { message, stack, ...rest }: TaskFailure): TaskFailure {
  const sealed = sealText(key, at(of, 'error'), message, LIMITS.errorMessage.max);
  return { ...rest, message: sealed, ...(stack === undefined ? {} : { stack: sealText(key, at(of, 'stack'), stack, LIMITS.errorStack.max) }) };
}

/** Cut so that it still fits when it is sealed. */
export function sealText(key: DataKey, place: Place, text: string, most: number): string {
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

export function openTask(keys: readonly DataKey[], task: Task): Task {
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
export function openJson(keys: readonly DataKey[], place: Place, value: Json): Json {
  if ((value as unknown) instanceof JsonText) return new JsonText(unsealJson(keys, place, (value as unknown as JsonText).text)) as unknown as Json;
  if (value === null || typeof value !== 'object' || !('$sealed' in value)) return value;
  return JSON.parse(unsealJson(keys, place, JSON.stringify(value))) as Json;
}

export const openClaimed = (keys: readonly DataKey[], task: ClaimedTask): ClaimedTask =>
  keys.length === 0 ? task : { ...task, payload: unsealJson(keys, at(task, 'payload'), task.payload) };

/** Parents are of the client of the lease. */
export const openParent = (keys: readonly DataKey[], clientId: string, parent: ParentResult): ParentResult =>
  parent.result === null ? parent : { ...parent, result: unsealJson(keys, at({ clientId, taskId: parent.taskId }, 'result'), parent.result) };
