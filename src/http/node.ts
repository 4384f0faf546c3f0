// The server on node:http: checks the head that the router never sees in full, bounds connections and time, and takes the hot
// path (enqueue, claim, settle) past the router; everything else goes through it.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { hotPaths } from './answer.ts';
import { headersOf } from './app.ts';
import type { HttpApp } from './app.ts';
import { QueueError } from '../domain/errors.ts';
import { problem } from './problem.ts';
import type { Ask, Reply } from './reply.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 is any that is free. */
  readonly port: number;
  /** Default 10,000. */
  readonly maxConnections?: number;
  /** Whose word about the caller's address is believed: the number of proxies in front. Default 0. */
  readonly proxies?: number;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Takes no more, ends waits and streams, and closes what is left after the grace. */
  close(graceMs?: number): Promise<void>;
}

const LIMITS = { maxHeaderSize: 16_384, requestTimeout: 60_000, headersTimeout: 15_000, keepAliveTimeout: 65_000, maxHeaders: 64 } as const;

/** Heads that must not come twice: two readers may take different ones. */
const ONCE = new Set([
  'authorization',
  'content-length',
  'content-type',
  'transfer-encoding',
  'host',
  'idempotency-key',
  'last-event-id',
  'prismq-client',
  'prismq-reason',
  'prismq-protocol',
]);

export async function listen(app: HttpApp, options: ListenOptions): Promise<Listening> {
  const server = createServer(
    {
      maxHeaderSize: LIMITS.maxHeaderSize,
      requestTimeout: LIMITS.requestTimeout,
      headersTimeout: LIMITS.headersTimeout,
      keepAliveTimeout: LIMITS.keepAliveTimeout,
    },
    listener(app, options.proxies ?? 0),
  );
  server.maxHeadersCount = LIMITS.maxHeaders;
  server.maxConnections = options.maxConnections ?? 10_000;
  // A protocol that nobody here speaks.
  server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, port, close: (graceMs = 10_000) => close(server, app, graceMs) };
}

async function close(server: Server, app: HttpApp, graceMs: number): Promise<void> {
  app.drain();
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeIdleConnections();
  const hard = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(hard);
}

function listener(app: HttpApp, proxies: number): (request: IncomingMessage, response: ServerResponse) => void {
  const hot = hotPaths();
  const router = getRequestListener((request, env) => app.fetch(request, { address: addressOf((env as { incoming: IncomingMessage }).incoming, proxies) }), {
    overrideGlobalObjects: false,
  });
  return (request, response) => {
    const trouble = headTrouble(request);
    if (trouble !== null) {
      const id = app.requestId();
      response.shouldKeepAlive = false;
      return write(response, problem(trouble, id), id);
    }
    const name = hot.get(`${request.method} ${request.url}`);
    if (name === undefined) return void router(request, response);
    const requestId = app.requestId();
    void app
      .answer(askOf(request, response, name, { requestId, address: addressOf(request, proxies), maxBytes: app.maxBodyBytes, draining: app.draining }))
      .then((reply) => write(response, reply, requestId));
  };
}

function headTrouble(request: IncomingMessage): QueueError | null {
  if (!(request.url ?? '').startsWith('/')) return new QueueError('malformed_request', 'the target is a path that begins with `/`');
  const seen = new Set<string>();
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] as string).toLowerCase();
    if (ONCE.has(name) && seen.has(name)) return new QueueError('malformed_request', `the header ${name} came twice`);
    seen.add(name);
  }
  return null;
}

/** The address that the outermost trusted proxy saw. */
function addressOf(request: IncomingMessage, proxies: number): string {
  const direct = request.socket.remoteAddress ?? 'unknown';
  if (proxies === 0) return direct;
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return forwarded.at(-proxies) ?? direct;
}

const NO_QUERY = new URLSearchParams();

interface Around {
  readonly requestId: string;
  readonly address: string;
  readonly maxBytes: number;
  readonly draining: AbortSignal;
}

function askOf(request: IncomingMessage, response: ServerResponse, name: Ask['name'], { requestId, address, maxBytes, draining }: Around): Ask {
  let signal: AbortSignal | undefined;
  return {
    name,
    params: {},
    query: NO_QUERY,
    header(header) {
      const value = request.headers[header];
      return Array.isArray(value) ? value[0] : value;
    },
    body: () => readText(request, maxBytes),
    address,
    requestId,
    get signal() {
      return (signal ??= AbortSignal.any([goneSignal(response), draining]));
    },
  };
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        request.pause();
        reject(new QueueError('request_too_large', `the body is over ${maxBytes} bytes`));
      } else chunks.push(chunk);
    });
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      // Bytes that are no UTF-8 became the replacement character.
      if (text.includes('\uFFFD') && !isUtf8(Buffer.concat(chunks))) reject(new QueueError('malformed_request', 'the body is not UTF-8'));
      else resolve(text);
    });
    request.on('error', () => reject(new QueueError('malformed_request', 'the body ended early')));
  });
}

const isUtf8 = (bytes: Buffer): boolean => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};

function write(response: ServerResponse, reply: Reply, requestId: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = typeof reply.body === 'string' ? reply.body : '';
  response.writeHead(reply.status, { ...headersOf(reply, requestId), 'content-length': Buffer.byteLength(body) });
  // A body that was not read to its end would be taken for the next request.
  if (!response.req.complete) response.shouldKeepAlive = false;
  response.end(body);
}
