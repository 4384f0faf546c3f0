// What is looked at before a router sees it: the raw head of a request. Whatever two readers may take differently (a header
// that comes twice, a path that is not in its shortest form) is refused here, and what is no HTTP at all is answered in our form.
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { QueueError } from '../domain/errors.ts';
import { headersOf } from './app.ts';
import { bodyConsumed, problem } from './problem.ts';

/** Heads that must not come twice: two readers may take different ones. */
const ONCE: ReadonlySet<string> = new Set([
  'authorization',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'host',
  'expect',
  'idempotency-key',
  'last-event-id',
  'prismq-client',
  'prismq-reason',
  'prismq-protocol',
]);

const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

export function headTrouble(request: IncomingMessage): QueueError | null {
  if (request.readableDidRead || request.readableEnded) return bodyConsumed();
  const wrong = versionTrouble(request) ?? targetTrouble(request.url ?? '') ?? hostTrouble(request) ?? twice(request.rawHeaders);
  return wrong === null ? null : new QueueError('malformed_request', wrong);
}

const versionTrouble = ({ httpVersion }: IncomingMessage): string | null =>
  httpVersion === '1.1' || httpVersion === '1.0' ? null : 'this server speaks HTTP/1.1';

/** A proxy that guards a path and a server that reads another one out of it must not disagree. */
function targetTrouble(target: string): string | null {
  if (!target.startsWith('/')) return 'the target is a path that begins with `/`';
  const end = target.indexOf('?');
  const path = end < 0 ? target : target.slice(0, end);
  if (target.includes('#')) return 'the target has no fragment';
  if (path.includes('//') || path.includes('\\')) return 'the path has no empty segment and no backslash';
  if (path.includes('.') || path.includes('%'))
    if (path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) return 'the path has no `.` and no `..`';
  return null;
}

/** Asked of HTTP/1.0 as well, so that every way in takes the same requests. */
const hostTrouble = ({ headers }: IncomingMessage): string | null =>
  headers.host !== undefined && HOST.test(headers.host) ? null : 'the header host is a name or an address';

function twice(rawHeaders: readonly string[]): string | null {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (ONCE.has(name) && seen.has(name)) return `the header ${name} came twice`;
    seen.add(name);
  }
  return null;
}

/** What the parser gave up on, by its own code. */
const BROKEN: Readonly<Record<string, QueueError>> = {
  HPE_HEADER_OVERFLOW: new QueueError('headers_too_large', 'the head of the request is over the limit'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new QueueError('request_too_large', 'the chunk extensions are over the limit'),
  ERR_HTTP_REQUEST_TIMEOUT: new QueueError('request_timeout', 'the request did not come whole in time'),
};
const NO_HTTP = new QueueError('malformed_request', 'this is no HTTP request that can be read');

/** Answers what is no request, once, and ends the connection. `last` is the newest answer that is under way on it. */
export function answerBroken(error: Error & { readonly code?: string }, socket: Socket, last: ServerResponse | undefined, requestId: string): void {
  // A whole request came before the nonsense: its answer goes out, and nothing after it.
  if (last?.req.complete === true && socket.writable) {
    last.shouldKeepAlive = false;
    last.once('close', () => socket.end());
    return;
  }
  // An answer that has begun, or one that waits behind another, is not cut into.
  const isCut = last !== undefined && (last.headersSent || last.socket === null);
  if (isCut || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const reply = problem(BROKEN[error.code ?? ''] ?? NO_HTTP, requestId);
  const body = reply.body as string;
  const heads = Object.entries({ ...headersOf(reply, requestId), connection: 'close', 'content-length': String(Buffer.byteLength(body)) });
  const lines = heads.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}\r\n${lines}\r\n${body}`);
}
