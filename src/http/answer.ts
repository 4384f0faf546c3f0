// The way of every request: who it is, how often it may ask, what it may do, whether it is well-formed, and then the handle.
// One function, which the router and the hot path share, so that no way in can lack a step.
import { OPERATIONS, rowOf } from '../contract/operations.ts';
import type { OperationName, OperationRow } from '../contract/operations.ts';
import { encode } from '../contract/wire.ts';
import type { Operation } from '../domain/access.ts';
import { QueueError } from '../domain/errors.ts';
import type { KeyPrincipal } from '../domain/principal.ts';
import type { Bench, Performer } from './bench.ts';
import type { Buckets } from './buckets.ts';
import { PERFORM } from './perform.ts';
import { asRefusal, problem } from './problem.ts';
import { readInput } from './read-ask.ts';
import type { Answer, Ask, Call, Reply } from './reply.ts';

/** One answered request, for logs and metrics. Never has a credential, a payload or a query. */
export interface RequestEvent {
  readonly operation: OperationName;
  readonly status: number;
  /** Of the error table; absent on success. */
  readonly code?: string;
  readonly ms: number;
  readonly requestId: string;
  readonly address: string;
  readonly actor?: string;
  readonly keyId?: string;
  readonly clientId?: string;
  /** What was behind an `internal`. */
  readonly cause?: unknown;
}

export interface Desk {
  readonly bench: Bench;
  readonly maxBodyBytes: number;
  readonly buckets: { readonly key: Buckets; readonly client: Buckets; readonly address: Buckets };
  readonly now: () => number;
  readonly onRequest: (event: RequestEvent) => void;
}

export async function answer(desk: Desk, ask: Ask): Promise<Reply> {
  const start = desk.now();
  let principal: KeyPrincipal | null = null;
  const told = (status: number, error?: QueueError): void => desk.onRequest(eventOf(ask, principal, status, desk.now() - start, error));
  try {
    const row = rowOf(ask.name);
    if (row.access === 'public') {
      const reply = await answerPublic(desk, ask.name);
      told(reply.status);
      return reply;
    }
    principal = await whoIs(desk, ask);
    const done = await perform(desk, ask, row, principal);
    told(done.status ?? (row.status[0] as number));
    return replyOf(row, done);
  } catch (error) {
    const refusal = asRefusal(error);
    const reply = problem(refusal, ask.requestId);
    told(reply.status, refusal);
    return reply;
  }
}

async function answerPublic({ bench }: Desk, name: OperationName): Promise<Reply> {
  if (name === 'openapi') return { status: 200, headers: JSON_TYPE, body: bench.openapi };
  if (name === 'readyz') await bench.ready();
  return { status: 200, headers: JSON_TYPE, body: '{"status":"ok"}' };
}

const JSON_TYPE = { 'content-type': 'application/json' } as const;
const BEARER = /^Bearer ([!-~]+)$/i;

/** Failed tries cost their address a token, so that guessing is slow; what opens costs it nothing. */
async function whoIs({ bench, buckets }: Desk, ask: Ask): Promise<KeyPrincipal> {
  buckets.address.check(ask.address);
  try {
    const principal = await authenticate(bench, ask);
    buckets.key.take(principal.keyId ?? actorKey(principal));
    if ('clientId' in principal && principal.clientId !== undefined) buckets.client.take(principal.clientId);
    return principal;
  } catch (error) {
    if (error instanceof QueueError && error.code === 'unauthenticated') buckets.address.take(ask.address);
    throw error;
  }
}

async function authenticate({ queue }: Bench, ask: Ask): Promise<KeyPrincipal> {
  const credential = BEARER.exec(ask.header('authorization') ?? '')?.[1];
  if (credential === undefined) throw new QueueError('unauthenticated', 'send the key as `Authorization: Bearer prismq_…`');
  return queue.principalOf(credential, { address: ask.address, requestId: ask.requestId });
}

const actorKey = (principal: KeyPrincipal): string => `${principal.role} ${'workerId' in principal ? principal.workerId : (principal.clientId ?? '')}`;

async function perform(desk: Desk, ask: Ask, row: OperationRow, principal: KeyPrincipal): Promise<Answer> {
  const { queue } = desk.bench;
  const access = row.access as Operation | readonly Operation[];
  // Where the body decides, the performer asks for the one that it needs.
  if (typeof access === 'string') await queue.authorize(principal, access);
  checkProtocol(ask);
  const inside = insideOf(ask, principal);
  const input = await readInput(ask, row, desk.maxBodyBytes);
  const call: Call = {
    name: ask.name,
    row,
    principal,
    params: ask.params,
    input,
    inside,
    header: ask.header,
    // Read only by what waits: a signal costs more than the rest of a call.
    get signal() {
      return ask.signal;
    },
    stillOpen: () => authenticate(desk.bench, ask),
  };
  return (PERFORM as Partial<Record<OperationName, Performer>>)[ask.name]?.(call, desk.bench) ?? notThere();
}

function notThere(): never {
  throw new QueueError('not_found', 'there is nothing here');
}

function checkProtocol(ask: Ask): void {
  const asked = ask.header('prismq-protocol');
  if (asked !== undefined && asked !== '1') throw new QueueError('malformed_request', 'this server speaks PrismQ-Protocol 1');
}

/** Only an admin of the platform names a client; nobody else may even try. */
function insideOf(ask: Ask, principal: KeyPrincipal): Call['inside'] {
  const clientId = ask.header('prismq-client');
  const reason = ask.header('prismq-reason');
  if (clientId === undefined && reason === undefined) return null;
  if (principal.role !== 'admin' || principal.clientId !== undefined) throw new QueueError('forbidden', '`PrismQ-Client` is for admins of the platform');
  if (clientId === undefined || reason === undefined)
    throw new QueueError('invalid_input', '`PrismQ-Client` and `PrismQ-Reason` come together', { fields: [{ field: 'PrismQ-Reason', message: 'missing' }] });
  return { clientId, reason };
}

function replyOf(row: OperationRow, { status = row.status[0] as number, value, stream }: Answer): Reply {
  if (stream !== undefined) return { status: 200, headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }, body: stream };
  return status === 204 ? { status, body: null } : { status, headers: JSON_TYPE, body: encode(value) };
}

function eventOf(ask: Ask, principal: KeyPrincipal | null, status: number, ms: number, error: QueueError | undefined): RequestEvent {
  return {
    operation: ask.name,
    status,
    ms,
    requestId: ask.requestId,
    address: ask.address,
    ...(error === undefined ? {} : { code: error.code }),
    ...(principal === null ? {} : whoOf(principal)),
    ...(error?.code === 'internal' ? { cause: error.cause } : {}),
  };
}

function whoOf(principal: KeyPrincipal): Pick<RequestEvent, 'actor' | 'keyId' | 'clientId'> {
  return {
    actor: actorKey(principal),
    ...(principal.keyId === undefined ? {} : { keyId: principal.keyId }),
    ...('clientId' in principal && principal.clientId !== undefined ? { clientId: principal.clientId } : {}),
  };
}

export const hotPaths = (): ReadonlyMap<string, OperationName> =>
  new Map(
    (Object.keys(OPERATIONS) as OperationName[]).filter((name) => rowOf(name).hot === true).map((name) => [`${rowOf(name).method} ${rowOf(name).path}`, name]),
  );
