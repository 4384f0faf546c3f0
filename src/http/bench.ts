// What performing an operation needs, and how a call gets at its handle.
import type { KeyPrincipal } from '../domain/principal.ts';
import type { Queue } from '../service/handles.ts';
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
