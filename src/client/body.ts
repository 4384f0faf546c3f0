// What is given to a handle as what goes over the wire: JSON checked and as text, dates as milliseconds, and a key that makes an
// enqueue safe to send twice.
import { QueueError, unwrap } from '../domain/errors.ts';
import { createIds } from '../domain/ids.ts';
import { JsonText, toJsonText } from '../domain/json-text.ts';
import { LIMITS } from '../domain/limits.ts';
import type { EnqueueOptions, Settlement, TaskFailure } from '../domain/task.ts';
import type { EnqueueItem } from '../service/handles.ts';

/** What may be stored at all: the server's own limit decides. */
const WIDEST = { maxBytes: LIMITS.payloadBytes.max, maxDepth: LIMITS.payloadDepth.max } as const;

/** JSON as it goes over the wire. Throws `invalid_payload` for what has no JSON text, `payload_too_large`. */
export const jsonOf = (value: unknown, name: string): JsonText => new JsonText(unwrap(toJsonText(value, { ...WIDEST, name })).text);

/** UUIDv7, as task ids are: they rise, which spares the index of keys. */
export const newKey: () => string = createIds({ nowMs: Date.now, random: (bytes) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) }).next;

/** A task to enqueue. */
export function taskBody({ type, payload, ...options }: EnqueueItem): object {
  return { type, ...(payload === undefined ? {} : { payload: jsonOf(payload, 'payload') }), ...optionsBody(options) };
}

const INSTANTS = ['runAfterUtc', 'expiresAtUtc', 'dueAtUtc'] as const satisfies readonly (keyof EnqueueOptions)[];

export function optionsBody(options: EnqueueOptions): object {
  const dates = INSTANTS.flatMap((name) => {
    const value = options[name];
    return value instanceof Date ? [[name, instantOf(name, value)] as const] : [];
  });
  return dates.length === 0 ? options : { ...options, ...Object.fromEntries(dates) };
}

function instantOf(field: string, date: Date): number {
  const ms = date.getTime();
  if (Number.isFinite(ms)) return ms;
  throw new QueueError('invalid_input', `${field}: is no valid date`, { fields: [{ field, message: 'is no valid date' }] });
}

/** The end of an attempt: the receipt says whose it is. */
export function settlementBody(settlement: Settlement): object {
  const item = { ...settlement, clientId: undefined };
  return item.op === 'complete' && item.result !== undefined ? { ...item, result: new JsonText(item.result) } : item;
}

/** What was thrown, in words. */
export function failureBody(error: unknown): TaskFailure | string {
  if (typeof error !== 'object' || error === null || !('message' in error) || typeof error.message !== 'string') return String(error);
  const { message, kind, name, stack } = error as { message: string; kind?: string; name?: string; stack?: string };
  const named = kind ?? name;
  return { message, ...(named === undefined ? {} : { kind: named }), ...(stack === undefined ? {} : { stack }) };
}
