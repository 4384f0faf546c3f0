// The way of every request: who it is, how often it may ask, what it may do, whether it is well-formed, and then the handle.
// One function, which the router and the hot path share, so that no way in can lack a step.
import { OPERATIONS, rowOf } from '../contract/operations.ts';
import type { OperationName, OperationRow } from '../contract/operations.ts';
import { encode } from '../contract/wire.ts';
import { reachOf } from '../domain/access.ts';
import type { Operation } from '../domain/access.ts';
import { QueueError } from '../domain/errors.ts';
import { textTrouble } from '../domain/fields.ts';
import { actorOf } from '../domain/principal.ts';
import type { KeyPrincipal } from '../domain/principal.ts';
import type { MadeKey } from '../service/handles.ts';
import type { Bench, Performer } from './bench.ts';
import type { Buckets } from './buckets.ts';
import type { Meter } from './metrics.ts';
import { PERFORM } from './perform.ts';
import { asRefusal, problem } from './problem.ts';
import { linesOf } from './item-lines.ts';
import { MOST_LINE, readInput } from './read-ask.ts';
import type { Answer, Ask, Call, Reply } from './reply.ts';
import { refusalInWireWords } from './words.ts';

/** One answered request, for logs and metrics. Never has a credential, a payload or a query. */
export interface RequestEvent {
  /** `none` where no operation has the path, or the head is refused. */
  readonly operation: OperationName | 'none';
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
  readonly meter: Meter;
  /** Who may read the metrics without a key; null where there are none. */
  readonly metrics: 'loopback' | 'key' | null;
}

export async function answer(desk: Desk, ask: Ask): Promise<Reply> {
  const start = desk.now();
  let principal: KeyPrincipal | null = null;
  const told = (status: number, error?: QueueError): void => desk.onRequest(eventOf(ask, principal, status, desk.now() - start, error));
  try {
    const row = rowOf(ask.name);
    if (row.access === 'public') {
      const reply = await answerPublic(desk, ask, row);
      told(reply.status);
      return reply;
    }
    if (ask.name === 'metrics' && desk.metrics === null) notThere();
    if (isOpenHere(desk, ask)) {
      const reply = replyOf(row, { text: await desk.bench.metrics(null) });
      told(reply.status);
      return reply;
    }
    principal = await whoIs(desk, ask);
    const done = await perform(desk, ask, row, principal);
    desk.meter.count(ask.name, done);
    told(done.status ?? (row.status[0] as number));
    return replyOf(row, done);
  } catch (error) {
    const refusal = asRefusal(error);
    const reply = problem(refusal, ask.requestId);
    told(reply.status, refusal);
    return reply;
  }
}

async function answerPublic(desk: Desk, ask: Ask, row: OperationRow): Promise<Reply> {
  const { bench } = desk;
  if (ask.name === 'openapi') return { status: 200, headers: JSON_TYPE, body: bench.openapi };
  if (ask.name === 'bootstrap') return replyOf(row, { value: await guessed(desk, ask, () => bootstrap(desk, ask, row)) });
  if (ask.name === 'readyz') await bench.ready();
  return { status: 200, headers: JSON_TYPE, body: '{"status":"ok"}' };
}

async function bootstrap({ bench, maxBodyBytes }: Desk, ask: Ask, row: OperationRow): Promise<MadeKey> {
  const { secret } = (await readInput(ask, row, maxBodyBytes)) as { readonly secret: string };
  return bench.queue.bootstrap(secret, { address: ask.address, requestId: ask.requestId });
}

/** The numbers of the server are no secret from who is on its machine. */
const isOpenHere = ({ metrics }: Desk, ask: Ask): boolean =>
  ask.name === 'metrics' && metrics === 'loopback' && ask.isLocal === true && ask.header('authorization') === undefined;

const JSON_TYPE = { 'content-type': 'application/json' } as const;
/** Characters of a reason. */
const MOST_REASON = 500;
const BEARER = /^Bearer ([!-~]+)$/i;

/** A key that opens is never kept out by the tries of others behind the same address. */
async function whoIs(desk: Desk, ask: Ask): Promise<KeyPrincipal> {
  const { key, client } = desk.buckets;
  const principal = await guessed(desk, ask, () => authenticate(desk.bench, ask));
  key.take(principal.keyId ?? actorOf(principal));
  if ('clientId' in principal && principal.clientId !== undefined) client.take(principal.clientId);
  return principal;
}

/** Failed tries cost their address a token, so that guessing is slow; what opens costs it nothing. */
async function guessed<T>({ buckets: { address } }: Desk, ask: Ask, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof QueueError && error.code === 'unauthenticated') address.take(ask.address);
    throw error;
  }
}

async function authenticate({ queue }: Bench, ask: Ask): Promise<KeyPrincipal> {
  const credential = BEARER.exec(ask.header('authorization') ?? '')?.[1];
  const from = { address: ask.address, requestId: ask.requestId };
  if (credential !== undefined) return queue.principalOf(credential, from);
  // Put on record like every key that does not open.
  await queue.principalOf('', from).catch(() => undefined);
  throw new QueueError('unauthenticated', 'send the key as `Authorization: Bearer prismq_…`');
}

async function perform(desk: Desk, ask: Ask, row: OperationRow, principal: KeyPrincipal): Promise<Answer> {
  const { queue } = desk.bench;
  const asked = accessOf(row, principal);
  if (asked !== undefined) await queue.authorize(principal, asked);
  checkProtocol(ask);
  if (namesClient(ask) && !isPlatform(principal)) await queue.refused(principal, asked ?? 'task.get', 'inside');
  const inside = insideOf(ask, principal);
  if (inside !== null && row.inside !== true) throw notInside();
  const input = await readInput(ask, row, desk.maxBodyBytes);
  const call: Call = {
    name: ask.name,
    row,
    principal,
    params: ask.params,
    input,
    lines: () => linesOf(ask.chunks?.() ?? notThere(), MOST_LINE),
    inside,
    header: ask.header,
    isGone: ask.isGone,
    signal: ask.signal,
    stillOpen: () => authenticate(desk.bench, ask),
  };
  const performer = (PERFORM as Partial<Record<OperationName, Performer>>)[ask.name] ?? notThere;
  return performer(call, desk.bench).catch((error: unknown) => {
    throw refusalInWireWords(error);
  });
}

/** Where the body decides, the performer asks again for the one that it needs; who may do none of them is refused before it is read. */
function accessOf({ access }: OperationRow, principal: KeyPrincipal): Operation | undefined {
  const operations = typeof access === 'string' ? [access as Operation] : access;
  return operations.find((operation) => reachOf(principal, operation) !== 'no') ?? operations[0];
}

const isPlatform = (principal: KeyPrincipal): boolean => principal.role === 'admin' && principal.clientId === undefined;
const namesClient = (ask: Ask): boolean => ask.header('prismq-client') !== undefined || ask.header('prismq-reason') !== undefined;

const notInside = (): QueueError =>
  new QueueError('invalid_input', '`PrismQ-Client` is for what is done inside a client: leave it out here', {
    fields: [{ field: 'PrismQ-Client', message: 'not for this operation' }],
  });

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
  const reason = reasonOf(ask.header('prismq-reason'));
  if (clientId === undefined && reason === undefined) return null;
  if (principal.role !== 'admin' || principal.clientId !== undefined) throw new QueueError('forbidden', '`PrismQ-Client` is for admins of the platform');
  if (clientId === undefined || reason === undefined)
    throw new QueueError('invalid_input', '`PrismQ-Client` and `PrismQ-Reason` come together', { fields: [{ field: 'PrismQ-Reason', message: 'missing' }] });
  const trouble = textTrouble(reason, MOST_REASON);
  if (trouble !== null) throw new QueueError('invalid_input', `PrismQ-Reason: ${trouble}`, { fields: [{ field: 'PrismQ-Reason', message: trouble }] });
  return { clientId, reason };
}

/** A head carries no more than Latin-1, so the reason comes as UTF-8 in percent signs; one without any is as it is. */
function reasonOf(header: string | undefined): string | undefined {
  try {
    return header === undefined ? undefined : decodeURIComponent(header);
  } catch {
    throw new QueueError('malformed_request', '`PrismQ-Reason` is UTF-8 in percent signs');
  }
}

function replyOf(row: OperationRow, { status = row.status[0] as number, value, text, stream }: Answer): Reply {
  if (text !== undefined) return { status, headers: { 'content-type': row.contentType ?? 'text/plain' }, body: text };
  if (stream !== undefined)
    return { status: 200, headers: { 'content-type': row.contentType ?? 'text/event-stream', 'x-accel-buffering': 'no' }, body: stream };
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
    actor: actorOf(principal),
    ...(principal.keyId === undefined ? {} : { keyId: principal.keyId }),
    ...('clientId' in principal && principal.clientId !== undefined ? { clientId: principal.clientId } : {}),
  };
}

export const hotPaths = (): ReadonlyMap<string, OperationName> =>
  new Map(
    (Object.keys(OPERATIONS) as OperationName[]).filter((name) => rowOf(name).hot === true).map((name) => [`${rowOf(name).method} ${rowOf(name).path}`, name]),
  );
