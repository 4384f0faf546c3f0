// The server on node:http: checks the head that the router never sees in full, bounds connections and time, and takes the hot
// path (enqueue, claim, settle) past the router; everything else goes through it.
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { getRequestListener } from '@hono/node-server';
import { hotPaths } from './answer.ts';
import { headersOf } from './app.ts';
import type { HttpApp } from './app.ts';
import { QueueError } from '../domain/errors.ts';
import { addressOf, originOf } from './origin.ts';
import { bodyConsumed } from './problem.ts';
import { watchSilent } from './silent.ts';
import type { SilentConnections } from './silent.ts';
import type { Ask, Reply } from './reply.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 is any that is free. */
  readonly port: number;
  /** Default 10,000. */
  readonly maxConnections?: number;
  /** Whose word about the caller's address is believed: the number of proxies in front. Default 0. */
  readonly proxies?: number;
  /** Speaks TLS with these; absent: plain HTTP. */
  readonly tls?: Certificate;
}

/** In PEM. */
export interface Certificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  readonly passphrase?: string;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Open now. */
  connections(): Promise<number>;
  /** For connections from now on. */
  renew(tls: Certificate): void;
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
  const handler = nodeHandler(app, options);
  const server = serverOf((request, response) => {
    silent.spoke(request);
    handler(request, response);
  }, options.tls);
  const silent = watchSilent(server);
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
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    port,
    connections: promisify(server.getConnections.bind(server)),
    renew(tls) {
      if ('setSecureContext' in server) server.setSecureContext(tls);
    },
    close: (graceMs = 10_000) => close(server, silent, app, graceMs),
  };
}

function serverOf(handler: RequestListener, tls: Certificate | undefined): Server | TlsServer {
  const { maxHeaderSize, requestTimeout, headersTimeout, keepAliveTimeout } = LIMITS;
  const options: ServerOptions = { maxHeaderSize, requestTimeout, headersTimeout, keepAliveTimeout };
  if (tls === undefined) return createServer(options, handler);
  return createTlsServer({ ...options, ...tls, minVersion: 'TLSv1.2' }, (request, response) => {
    response.setHeader('strict-transport-security', 'max-age=31536000');
    handler(request, response);
  });
}

const SWEEP_MS = 50;

async function close(server: Server | TlsServer, silent: SilentConnections, app: HttpApp, graceMs: number): Promise<void> {
  app.drain();
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  // A connection whose last answer has gone out is idle a little later than its answer.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
    silent.end();
  }, SWEEP_MS);
  server.closeIdleConnections();
  const hard = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(hard);
}

/** What `node:http`, and what is built on it, calls with each request. Wants the body unread. */
export function nodeHandler(app: HttpApp, { proxies = 0 }: Pick<ListenOptions, 'proxies'> = {}): (request: IncomingMessage, response: ServerResponse) => void {
  const hot = hotPaths();
  const router = getRequestListener((request, env) => app.fetch(request, originOf((env as { incoming: IncomingMessage }).incoming, proxies)), {
    overrideGlobalObjects: false,
  });
  return (request, response) => {
    if (app.draining.aborted) response.shouldKeepAlive = false;
    const trouble = headTrouble(request);
    if (trouble !== null) {
      const id = app.requestId();
      response.shouldKeepAlive = false;
      return write(response, app.refuse(trouble, id, originOf(request, proxies)), id);
    }
    const name = hot.get(`${request.method} ${request.url}`);
    if (name === undefined) return void router(request, response);
    const requestId = app.requestId();
    void app
      .answer(askOf(request, response, name, { requestId, address: addressOf(request, proxies), maxBytes: app.maxBodyBytes, draining: app.draining }))
      .then((reply) => {
        if (app.draining.aborted) response.shouldKeepAlive = false;
        write(response, reply, requestId);
      });
  };
}

function headTrouble(request: IncomingMessage): QueueError | null {
  if (!(request.url ?? '').startsWith('/')) return new QueueError('malformed_request', 'the target is a path that begins with `/`');
  if (request.readableDidRead || request.readableEnded) return bodyConsumed();
  const seen = new Set<string>();
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] as string).toLowerCase();
    if (ONCE.has(name) && seen.has(name)) return new QueueError('malformed_request', `the header ${name} came twice`);
    seen.add(name);
  }
  return null;
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
