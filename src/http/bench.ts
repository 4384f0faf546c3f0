// What performing an operation needs, and how a call gets at its handle.
import { QueueError } from '../domain/errors.ts';
import type { KeyPrincipal } from '../domain/principal.ts';
import type { EnqueueItem, Queue } from '../service/handles.ts';
import type { EventStream } from './events.ts';
import type { Receipts } from './receipts.ts';
import type { Answer, Call } from './reply.ts';

/** How long a wait goes on before its credential is looked at again. */
export const LOOK_MS = 1000;

export interface Bench {
  readonly queue: Queue;
  readonly receipts: Receipts;
  readonly events: EventStream;
  readonly openapi: string;
  readonly ready: () => Promise<void>;
  /** The text of the metrics: of one client for its admins, else of the platform and this server. Null: who is on this machine. */
  readonly metrics: (principal: KeyPrincipal | null) => Promise<string>;
}

export type Performer = (call: Call, bench: Bench) => Promise<Answer>;
export const given = <T>(call: Call): T => call.input as T;
/** A principal that opened stays the same object for seconds: so does its handle. */
const handles = new WeakMap<KeyPrincipal, unknown>();

export function handleOf({ principal }: Call, { queue }: Bench): unknown {
  let handle = handles.get(principal);
  if (handle === undefined) handles.set(principal, (handle = queue.as<KeyPrincipal>(principal, { raw: true })));
  return handle;
}

/** Exactly one of the two keys, or the same in both. */
export function itemOf<T extends EnqueueItem>(call: Call): T {
  const item = given<T>(call);
  const key = call.header('idempotency-key');
  if (key === undefined) return item;
  if (item.idempotencyKey !== undefined && item.idempotencyKey !== key)
    throw new QueueError('malformed_request', 'the idempotency key of the body and that of the header differ');
  return { ...item, idempotencyKey: key };
}
