// What the tests of the HTTP interface share: a server on a real socket, two clients with the same kinds of keys, one call.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createApp } from '../../src/http/app.ts';
import type { AppOptions, HttpApp } from '../../src/http/app.ts';
import type { RequestEvent } from '../../src/http/answer.ts';
import { listen } from '../../src/http/node.ts';
import type { Listening, ListenOptions } from '../../src/http/node.ts';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions } from '../../src/index.ts';
import type { NewKey, Queue, SecurityEvent } from '../../src/service/handles.ts';

export interface Asked {
  readonly key?: string | undefined;
  /** Sent as JSON; a string as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Null when there is no JSON. */
  // The shape is what each test looks at.
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Rig {
  readonly queue: Queue;
  readonly app: HttpApp;
  readonly listening: Listening;
  readonly url: string;
  readonly file: string;
  /** What the server told of each request. */
  readonly told: RequestEvent[];
  call(method: string, path: string, asked?: Asked): Promise<Answered>;
  key(asked: NewKey): Promise<string>;
  events(action: string, outcome?: SecurityEvent['outcome']): Promise<readonly SecurityEvent[]>;
}

export const CLIENTS = ['acme', 'globex'] as const;
export type ClientId = (typeof CLIENTS)[number];
export const otherThan = (clientId: ClientId): ClientId => (clientId === 'acme' ? 'globex' : 'acme');
export const NOBODY = '01890000-0000-7000-8000-000000000000';

export interface RigOptions {
  readonly open?: OpenOptions;
  readonly app?: Omit<AppOptions, 'queue' | 'onRequest'>;
  readonly listen?: Partial<ListenOptions>;
  /** A queue to begin with, clients and all. */
  readonly from?: string;
  /** Another store than a file of its own. */
  readonly store?: { readonly url: string; readonly isMade: boolean };
}

/** No test is slowed by the limit of failed tries but those about it. */
const UNLIMITED = { key: null, client: null, address: null } as const;

export async function serve(t: Pick<TestContext, 'after'>, options: RigOptions = {}): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-http-'));
  const file = join(folder, 'queue.db');
  if (options.from !== undefined) copyFileSync(options.from, file);
  const told: RequestEvent[] = [];
  const queue = await openQueue(options.store?.url ?? file, { janitorMs: 0, synchronous: 'NORMAL', ...options.open });
  const app = await createApp({ queue, rates: UNLIMITED, ...options.app, onRequest: (event) => told.push(event) });
  const listening = await listen(app, { host: '127.0.0.1', port: 0, ...options.listen });
  t.after(async () => {
    await listening.close(0);
    await queue.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const admin = queue.admin();
  if (options.from === undefined && options.store?.isMade !== true) for (const id of CLIENTS) await admin.clients.create(id);
  return {
    queue,
    app,
    listening,
    url: listening.url,
    file,
    told,
    call: (method, path, asked) => call(listening.url, method, path, asked),
    key: async (asked) => (await admin.keys.create(asked)).key,
    events: async (action, outcome = 'denied') =>
      (await admin.securityEvents({ limit: 1000 })).items.filter((event) => event.action === action && event.outcome === outcome),
  };
}

export async function call(url: string, method: string, path: string, { key, body, headers = {}, signal }: Asked = {}): Promise<Answered> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(text === undefined ? {} : { body: text }),
    ...(signal === undefined ? {} : { signal }),
    redirect: 'manual',
  });
  return answered(response);
}

export async function answered(response: Response): Promise<Answered> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  // Of records that come one a line the last.
  const json = type.includes('ndjson') ? text.trimEnd().split('\n').at(-1) : /json/.test(type) ? text : '';
  return { status: response.status, headers: response.headers, text, json: (json === undefined || json === '' ? null : JSON.parse(json)) as Answered['json'] };
}

/** A member of an answer, as the type that the test expects. */
export const at = <T>(answer: Answered, ...path: readonly (string | number)[]): T => {
  let value: unknown = answer.json;
  for (const part of path) value = (value as Record<string | number, unknown> | null | undefined)?.[part];
  return value as T;
};
