// What is looked at before a router sees it: the raw head of a request. Whatever two readers may take differently (a header
// that comes twice, a path that is not in its plain form) is refused here, and what is no HTTP at all is answered in our form.
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { QueueError } from '../domain/errors.ts';
import { headersOf } from './app.ts';
import { bodyConsumed, problem } from './problem.ts';
import { targetTrouble } from './target.ts';

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
  const target = targetTrouble(request.url ?? '');
  if (target !== null) return target;
  const wrong = versionTrouble(request) ?? hostTrouble(request) ?? twice(request.rawHeaders) ?? frameTrouble(request);
  return wrong === null ? null : new QueueError('malformed_request', wrong);
}

/** A line without a version Node reads as if it had one. */
const versionTrouble = ({ httpVersion }: IncomingMessage): string | null =>
  httpVersion === '1.1' || httpVersion === '1.0' ? null : 'this server speaks HTTP/1.1';

/** Asked of HTTP/1.0 as well, so that every way in takes the same requests. */
const hostTrouble = ({ headers }: IncomingMessage): string | null =>
  headers.host !== undefined && HOST.test(headers.host) ? null : 'the header host is a name or an address';

/** Where a body ends: one form of it, and none that a proxy may take for another. */
function frameTrouble({ headers, httpVersion, method }: IncomingMessage): string | null {
  const { 'transfer-encoding': transfer, 'content-length': length } = headers;
  if (transfer !== undefined && (transfer.toLowerCase() !== 'chunked' || httpVersion === '1.0')) return 'a body comes with a length, or in chunks';
  const hasBody = transfer !== undefined || (length !== undefined && length !== '0');
  return hasBody && (method === 'GET' || method === 'HEAD') ? `${method} takes no body` : null;
}

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
