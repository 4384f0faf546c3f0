// The HTTP interface as one fetch handler, mountable in any server: routes come from the table of operations, every request goes
// the one way of `answer`. Wants nothing but the queue; the server adds addresses, limits of the connection, logs and metrics.
import { Hono } from 'hono';
import type { Context } from 'hono';
import { OPERATION_LIST, rowOf } from '../contract/operations.ts';
import type { OperationName } from '../contract/operations.ts';
import { QueueError } from '../domain/errors.ts';
import type { AuditorHandle, Queue } from '../service/handles.ts';
import { answer } from './answer.ts';
import { routeAssets } from './assets.ts';
import type { AssetFiles } from './assets.ts';
import type { Desk, RequestEvent } from './answer.ts';
import { createBuckets } from './buckets.ts';
import type { Rate } from './buckets.ts';
import { createStreams } from './events.ts';
import { openapiText } from './openapi.ts';
import { createMeter, queueFamilies } from './metrics.ts';
import { openMetrics } from './openmetrics.ts';
import type { Family } from './openmetrics.ts';
import type { Origin } from './origin.ts';
import { bodyConsumed, problem } from './problem.ts';
import { createReceipts } from './receipts.ts';
import type { Ask, Reply } from './reply.ts';
import { targetTrouble } from './target.ts';

export interface AppOptions {
  readonly queue: Queue;
  readonly version?: string;
  /** The built dashboard, at `/`; without it there is none. */
  readonly dashboard?: AssetFiles | null;
  /** Default 4 MB: a bulk of payloads. */
  readonly maxBodyBytes?: number;
  /** `/metrics`: without a key for who is on this machine, with a key only (default), or not at all. */
  readonly metrics?: 'loopback' | 'key' | 'off';
  /** What the process adds to them. */
  readonly families?: () => readonly Family[] | Promise<readonly Family[]>;
  /** Requests a second of one key, one client, and failed tries of one address; null is without bound. */
  readonly rates?: { readonly key?: Rate | null; readonly client?: Rate | null; readonly address?: Rate | null };
  readonly onRequest?: (event: RequestEvent) => void;
  /** Streams of events that one key may hold open; default 100. */
  readonly maxStreams?: number;
  /** Monotonic ms, of what limits and measures. For tests. */
  readonly now?: () => number;
  /** Random text that names a request in answers and logs. */
  readonly requestId?: () => string;
}

export interface HttpApp {
  /** Answers a request. `address` is whom the limits count; without it all callers are one. */
  fetch(request: Request, from?: Origin): Promise<Response>;
  /** The same, below any server. */
  answer(ask: Ask): Promise<Reply>;
  /** What a request gets that never became an operation. */
  refuse(error: QueueError, requestId: string, from?: Origin): Reply;
  readonly maxBodyBytes: number;
  readonly requestId: () => string;
  /** Ends every wait and stream, and tells load balancers to go elsewhere. */
  drain(): void;
  readonly draining: AbortSignal;
}

export const HTTP_DEFAULTS = {
  maxBodyBytes: 4_000_000,
  maxStreams: 100,
  rates: { key: null, client: null, address: { perSecond: 5, burst: 50 } },
} as const;

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'prismq-protocol': '1',
} as const;

export const headersOf = (reply: Reply, requestId: string): Record<string, string> => ({ ...SECURITY_HEADERS, 'x-request-id': requestId, ...reply.headers });

export async function createApp(options: AppOptions): Promise<HttpApp> {
  const drained = new AbortController();
  const desk = await createDesk(options, drained.signal);
  const requestId = options.requestId ?? (() => crypto.randomUUID());
  const refuse: HttpApp['refuse'] = (error, id, { address = 'unknown' } = {}) => {
    const reply = problem(error, id);
    desk.onRequest({ operation: 'none', status: reply.status, code: error.code, ms: 0, requestId: id, address, cause: error.cause });
    return reply;
  };
  const router = route(desk, { requestId, refuse, draining: drained.signal });
  if (options.dashboard != null) routeAssets(router, options.dashboard);
  return {
    fetch: (request, from = {}) => Promise.resolve(router.fetch(request, { address: 'unknown', ...from })),
    answer: (ask) => answer(desk, ask),
    refuse,
    maxBodyBytes: desk.maxBodyBytes,
    requestId,
    drain: () => drained.abort(),
    draining: drained.signal,
  };
}

async function createDesk(
  { queue, version = '0.0.0', maxBodyBytes = HTTP_DEFAULTS.maxBodyBytes, rates = {}, maxStreams = HTTP_DEFAULTS.maxStreams, ...rest }: AppOptions,
  draining: AbortSignal,
): Promise<Desk> {
  const { now = () => performance.now(), onRequest = () => undefined, metrics = 'key', families = () => [] } = rest;
  const meter = createMeter();
  const tell = guarded(onRequest);
  const { key, client, address } = { ...HTTP_DEFAULTS.rates, ...rates };
  return {
    bench: {
      queue,
      receipts: createReceipts(await queue.secret('receipts')),
      events: createStreams(maxStreams),
      openapi: openapiText(version),
      async ready() {
        if (draining.aborted) throw new QueueError('store_unavailable', 'the server is draining');
        await queue.ping().catch((error: unknown) => {
          throw new QueueError('store_unavailable', 'the store does not answer', {}, error);
        });
      },
      async metrics(principal) {
        const handle = principal === null ? queue.system() : (queue.as(principal) as AuditorHandle);
        const stats = queueFamilies(await handle.metrics());
        // What one client's admin sees says nothing of what others do.
        const isOfOne = principal !== null && 'clientId' in principal && principal.clientId !== undefined;
        return openMetrics(isOfOne ? stats : [...stats, ...meter.families(), ...(await families())]);
      },
    },
    maxBodyBytes,
    buckets: { key: createBuckets(key, now), client: createBuckets(client, now), address: createBuckets(address, now) },
    now,
    meter,
    metrics: metrics === 'off' ? null : metrics,
    onRequest(event) {
      meter.observe(event);
      tell(event);
    },
  };
}

/** Who listens must not decide what is answered. */
const guarded =
  (tell: (event: RequestEvent) => void): ((event: RequestEvent) => void) =>
  (event) => {
    try {
      tell(event);
    } catch {
      // Nobody is left to be told.
    }
  };

interface Env {
  Bindings: Origin & { readonly address: string };
}

function route(desk: Desk, { requestId, refuse: refusal, draining }: Pick<HttpApp, 'requestId' | 'refuse' | 'draining'>): Hono<Env> {
  const router = new Hono<Env>();
  const refuse = ({ env }: Context<Env>, error: QueueError): Response => {
    const id = requestId();
    return responseOf(refusal(error, id, env), id);
  };
  // Mounted in another server there is no raw head: the target is looked at here too.
  router.use(async (context, next) => {
    const trouble = targetTrouble(context.req.url.replace(/^[^/]*\/\/[^/]*/, ''));
    return trouble === null ? next() : refuse(context, trouble);
  });
  for (const name of OPERATION_LIST) {
    const { method, path } = rowOf(name);
    const pattern = path.replace(/\{(\w+)\}/g, ':$1');
    router.on(method, pattern, async (context) => {
      const id = requestId();
      return responseOf(await answer(desk, askOf(context, name, desk.maxBodyBytes, id, draining)), id);
    });
  }
  router.notFound((context) => {
    const allow = methodsAt(context.req.path).join(', ');
    return refuse(
      context,
      allow === '' ? new QueueError('not_found', 'there is no such path') : new QueueError('method_not_allowed', `this path has ${allow}`, { allow }),
    );
  });
  router.onError((error, context) => refuse(context, new QueueError('internal', 'something went wrong here', {}, error)));
  return router;
}

const SHAPES = OPERATION_LIST.map((name) => ({
  method: rowOf(name).method,
  shape: new RegExp(
    `^${rowOf(name)
      .path.replace(/[.]/g, '\\.')
      .replace(/\{\w+\}/g, '[^/]+')}$`,
  ),
}));

/** Those that a path has, for who came with another. */
const methodsAt = (path: string): readonly string[] => [...new Set(SHAPES.filter(({ shape }) => shape.test(path)).map(({ method }) => method))];

function askOf(context: Context<Env>, name: OperationName, maxBytes: number, requestId: string, draining: AbortSignal): Ask {
  const { req } = context;
  let signal: AbortSignal | undefined;
  return {
    name,
    params: req.param() as Record<string, string>,
    query: new URL(req.url).searchParams,
    header: (header) => req.header(header),
    body: () => readText(req.raw, maxBytes),
    chunks: () => bytesOf(req.raw),
    address: context.env.address,
    isLocal: context.env.isLocal === true,
    requestId,
    isGone: () => req.raw.signal.aborted || draining.aborted,
    signal: () => (signal ??= AbortSignal.any([req.raw.signal, draining])),
  };
}

/** As it comes: who reads bounds it. */
function bytesOf({ body, bodyUsed }: Request): AsyncIterable<Uint8Array> {
  if (bodyUsed) throw bodyConsumed();
  return (body ?? []) as AsyncIterable<Uint8Array>;
}

/** Stops at the limit, whatever the head said of the length. */
async function readText(request: Request, maxBytes: number): Promise<string> {
  if (request.bodyUsed) throw bodyConsumed();
  if (request.body === null) return '';
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of request.body) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new QueueError('request_too_large', `the body is over ${maxBytes} bytes`);
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof QueueError) throw error;
    throw new QueueError('malformed_request', 'the body ended early, or is not UTF-8');
  }
}

function responseOf(reply: Reply, requestId: string): Response {
  const body = reply.body === null || typeof reply.body === 'string' ? reply.body : ReadableStream.from(encoded(reply.body));
  return new Response(body, { status: reply.status, headers: headersOf(reply, requestId) });
}

async function* encoded(parts: AsyncIterable<string>): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const part of parts) yield encoder.encode(part);
}
