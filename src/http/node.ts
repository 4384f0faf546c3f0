// The server on node:http: checks the head that the router never sees in full, bounds connections and time, and takes the hot
// path (enqueue, claim, settle) past the router; everything else goes through it.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { promisify } from 'node:util';
import { getRequestListener } from '@hono/node-server';
import { hotPaths } from './answer.ts';
import { headersOf } from './app.ts';
import type { HttpApp } from './app.ts';
import { QueueError } from '../domain/errors.ts';
import { answerBroken, headTrouble } from './head.ts';
import { addressOf, originOf } from './origin.ts';
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
  /** How long the head may take to come, and the whole request; ms. Default 15,000 and 60,000. */
  readonly headersMs?: number;
  readonly requestMs?: number;
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
/** Connections that wait to be taken: workers come back all at once when a server was away. */
const BACKLOG = 4096;
/** How often connections that are too slow are looked for. */
const LOOK_MS = 5000;

export async function listen(app: HttpApp, options: ListenOptions): Promise<Listening> {
  const server = serverOf(options);
  const silent = watchSilent(server);
  server.on('request', (request: IncomingMessage) => silent.spoke(request));
  server.maxHeadersCount = LIMITS.maxHeaders;
  server.maxConnections = options.maxConnections ?? 10_000;
  serve(server, app, options);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: options.host, backlog: BACKLOG }, resolve);
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

function serverOf({ tls, headersMs = LIMITS.headersTimeout, requestMs = LIMITS.requestTimeout }: ListenOptions): Server | TlsServer {
  const options: ServerOptions = {
    maxHeaderSize: LIMITS.maxHeaderSize,
    requestTimeout: requestMs,
    headersTimeout: Math.min(headersMs, requestMs),
    keepAliveTimeout: LIMITS.keepAliveTimeout,
    connectionsCheckingInterval: Math.min(LOOK_MS, headersMs),
    // Looked at with the rest of the head, and answered in our form.
    requireHostHeader: false,
  };
  return tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls, minVersion: 'TLSv1.2' });
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

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

function serve(server: Server | TlsServer, app: HttpApp, options: ListenOptions): void {
  /** The newest answer of a connection. */
  const answering = new WeakMap<Socket, ServerResponse>();
  const handle = nodeHandler(app, options);
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    answering.set(socket, response);
    if (options.tls !== undefined) response.setHeader('strict-transport-security', 'max-age=31536000');
    handle(request, response);
  };
  const broken = (error: Error, socket: Socket): void => {
    const last = answering.get(socket);
    answerBroken(error, socket, last?.destroyed === true ? undefined : last, app.requestId());
  };
  server.on('request', take);
  // A body is asked for only when the head is in order.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (headTrouble(request) === null) response.writeContinue();
    take(request, response);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    refuse(request, response, app, options.proxies ?? 0, new QueueError('malformed_request', 'nothing but 100-continue can be expected here')),
  );
  server.on('clientError', broken);
  // Protocols that nobody here speaks. The socket is no longer the server's: nobody else hears its errors.
  const foreign = (what: string) => (_: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy());
    broken(new Error(what), socket);
  };
  server.on('upgrade', foreign('upgrade'));
  server.on('connect', foreign('connect'));
}

function refuse(request: IncomingMessage, response: ServerResponse, app: HttpApp, proxies: number, error: QueueError): void {
  const id = app.requestId();
  response.shouldKeepAlive = false;
  write(response, app.refuse(error, id, originOf(request, proxies)), id);
}

/** What `node:http`, and what is built on it, calls with each request. Wants the body unread. */
export function nodeHandler(app: HttpApp, { proxies = 0 }: Pick<ListenOptions, 'proxies'> = {}): Listener {
  const hot = hotPaths();
  const router = getRequestListener((request, env) => app.fetch(request, originOf((env as { incoming: IncomingMessage }).incoming, proxies)), {
    overrideGlobalObjects: false,
    hostname: 'localhost',
  });
  return (request, response) => {
    if (app.draining.aborted) response.shouldKeepAlive = false;
    const trouble = headTrouble(request);
    if (trouble !== null) return refuse(request, response, app, proxies, trouble);
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
    isGone: () => response.destroyed || draining.aborted,
    signal: () => (signal ??= AbortSignal.any([goneSignal(response), draining])),
  };
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  // Who left before anybody asked has left.
  if (response.destroyed) gone.abort();
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

/** Of a body that was not read so much is waited for, and let go; more ends the connection. */
const MOST_UNREAD = 65_536;

const isLongWait = ({ complete, headers }: IncomingMessage): boolean =>
  !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > MOST_UNREAD);

function write(response: ServerResponse, reply: Reply, requestId: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = typeof reply.body === 'string' ? reply.body : '';
  if (isLongWait(response.req)) response.shouldKeepAlive = false;
  const bytes = Buffer.byteLength(body);
  response.writeHead(reply.status, { ...headersOf(reply, requestId), 'content-length': bytes });
  // What is ASCII alone is written faster as such.
  response.end(body, bytes === body.length ? 'latin1' : 'utf8');
}
