// A server on a free port over a queue in memory, with two clients of the same shape: `acme` and `globex` have tasks of the same
// ids, workers, grants and keys of every role. A bug behind the wire (`internal`) fails whatever test met it.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createApp } from '../../src/http/app.ts';
import type { AppOptions, HttpApp } from '../../src/http/app.ts';
import type { RequestEvent } from '../../src/http/answer.ts';
import { listen } from '../../src/http/node.ts';
import type { ListenOptions, Listening } from '../../src/http/node.ts';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions } from '../../src/index.ts';
import type { AdminHandle, ClaimedTask, NewKey, Queue, SecurityEvent } from '../../src/index.ts';

export interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a body that is JSON, else undefined. */
  readonly json: unknown;
}

export interface Asking {
  /** The key, or none. */
  readonly key?: string | undefined;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Text goes as it is, anything else as its JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Rig {
  readonly queue: Queue;
  readonly admin: AdminHandle;
  readonly app: HttpApp;
  readonly server: Listening;
  /** What the server told of each request. */
  readonly told: RequestEvent[];
  /** Ids that the next tasks get, first in first out; fresh ones when it is empty. */
  readonly nextIds: string[];
  /** Moves the database's clock. */
  advance(ms: number): void;
  ask(asking: Asking): Promise<Got>;
  /** A key made by the platform. */
  key(asked: NewKey): Promise<string>;
  /** Since the given event; the newest first. */
  events(after?: number): Promise<readonly SecurityEvent[]>;
}

export interface RigOptions {
  readonly app?: Omit<AppOptions, 'queue'>;
  readonly listen?: Partial<ListenOptions>;
  readonly queue?: OpenOptions;
  /** Bugs are what the test is about. */
  readonly mayFail?: boolean;
}

let made = 0;
const freshId = (): string => `01890000-0000-7000-8000-${(0xf00000000000 + made++).toString(16)}`;

export async function openRig(t: TestContext, options: RigOptions = {}): Promise<Rig> {
  let skipped = 0;
  const nextIds: string[] = [];
  const told: RequestEvent[] = [];
  const queue = await openQueue(':memory:', {
    janitorMs: 0,
    now: () => Date.now() + skipped,
    newId: () => nextIds.shift() ?? freshId(),
    ...options.queue,
  });
  // Failed tries of one address are bounded by default, and here is but one address.
  const app = await createApp({ queue, rates: { address: null }, onRequest: (event) => void told.push(event), ...options.app });
  const server = await listen(app, { host: '127.0.0.1', port: 0, ...options.listen });
  t.after(async () => {
    await server.close(100);
    await queue.close();
    if (options.mayFail !== true)
      assert.deepEqual(
        told.filter((event) => event.code === 'internal').map((event) => event.cause),
        [],
        'nothing broke behind the wire',
      );
  });
  const admin = queue.admin();
  return {
    queue,
    admin,
    app,
    server,
    told,
    nextIds,
    advance: (ms) => void (skipped += ms),
    ask: (asking) => ask(server.url, asking),
    key: async (asked) => (await admin.keys.create(asked)).key,
    events: async (after = 0) => (await admin.securityEvents({ limit: 1000 })).items.filter((event) => event.eventId > after),
  };
}

export async function ask(url: string, { key, method, path, body, headers = {} }: Asking): Promise<Got> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(text === undefined ? {} : { body: text }),
  });
  const got = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text: got, json: isJson ? (JSON.parse(got) as unknown) : undefined };
}

/** The code of a refusal. */
export const codeOf = (got: Got): unknown => (got.json as { readonly code?: unknown } | undefined)?.code;

/** A refusal is a problem of the error table, with nothing in it that tells of the inside. */
export function assertProblem(got: Got, status: number, code?: string): void {
  assert.equal(got.status, status, got.text);
  assert.equal(got.headers.get('content-type'), 'application/problem+json');
  const problem = got.json as Record<string, unknown>;
  assert.equal(problem['status'], status);
  assert.equal(problem['request_id'], got.headers.get('x-request-id'));
  if (code !== undefined) assert.equal(problem['code'], code, got.text);
  assert.doesNotMatch(got.text, /\bat .*\.ts:\d|node:internal|SELECT |INSERT |UPDATE |sqlite/i);
}

// Two clients of the same shape

export const CLIENTS = ['acme', 'globex'] as const;
export type ClientName = (typeof CLIENTS)[number];
export const otherOf = (client: ClientName): ClientName => (client === 'acme' ? 'globex' : 'acme');

/** Tasks of both clients have these ids. */
export const TWINS = { waits: 'twin-waits', ended: 'twin-ended', held: 'twin-held', ready: 'twin-ready' } as const;
export const NOBODY = '01890000-0000-7000-8000-000000000000';

/** Ids that a request may name. */
export interface Subject {
  readonly clientId: string;
  /** Queued for tomorrow. */
  readonly waits: string;
  /** Cancelled. */
  readonly ended: string;
  /** Leased to the worker under `lease`. */
  readonly held: string;
  readonly lease: string;
  readonly workerId: string;
  readonly grantId: string;
  readonly keyId: string;
  readonly pattern: string;
}

export interface Side {
  readonly clientId: ClientName;
  readonly keys: { readonly client: string; readonly worker: string; readonly admin: string; readonly auditor: string };
  /** Its own: the ids that the other side has as well. */
  readonly own: Subject;
  /** What only this side has. */
  readonly alone: Subject;
}

export const ABSENT: Subject = {
  clientId: 'nobody',
  waits: NOBODY,
  ended: NOBODY,
  held: NOBODY,
  lease: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  workerId: 'nobody',
  grantId: 'none',
  keyId: 'none',
  pattern: 'No.Such',
};

export interface World extends Rig {
  readonly sides: Readonly<Record<ClientName, Side>>;
  /** Keys of the platform. */
  readonly platform: { readonly admin: string; readonly auditor: string };
}

export async function openWorld(t: TestContext, options: RigOptions = {}): Promise<World> {
  const rig = await openRig(t, options);
  for (const id of CLIENTS) await rig.admin.clients.create(id);
  const sides = { acme: await makeSide(rig, 'acme'), globex: await makeSide(rig, 'globex') };
  await rig.admin.categories.set({ pattern: 'Known.*', priority: 50 });
  return { ...rig, sides, platform: { admin: await rig.key({ role: 'admin' }), auditor: await rig.key({ role: 'auditor' }) } };
}

async function makeSide(rig: Rig, clientId: ClientName): Promise<Side> {
  const workerId = `${clientId}:w`;
  const keys = {
    client: await rig.key({ role: 'client', clientId }),
    worker: await rig.key({ role: 'worker', name: workerId, grants: [{ clientId, pattern: 'Mail.*' }] }),
    admin: await rig.key({ role: 'admin', clientId }),
    auditor: await rig.key({ role: 'auditor', clientId }),
  };
  const side = { clientId, workerId, keys };
  // What is held is claimed alone, before anything else is there to be claimed.
  const held = [await hold(rig, side, TWINS.held), await hold(rig, side, `${clientId}-held`)] as const;
  const [own, alone] = [await subjectOf(rig, side, 'twin', held[0]), await subjectOf(rig, side, clientId, held[1])];
  await enqueue(rig, side, TWINS.ready, {});
  return { clientId, keys, own, alone };
}

interface Half {
  readonly clientId: ClientName;
  readonly workerId: string;
  readonly keys: Side['keys'];
}

/** Marked by its client, so that a leak shows in any answer. */
async function enqueue(rig: Rig, { clientId, keys }: Half, taskId: string, more: Readonly<Record<string, unknown>>): Promise<void> {
  rig.nextIds.push(taskId);
  const body = {
    type: 'Mail.Send',
    payload: { secret: `payload-of-${clientId}` },
    idempotency_key: `${taskId}-of-${clientId}`,
    metadata: { of: `metadata-of-${clientId}` },
    ...more,
  };
  const got = await rig.ask({ key: keys.client, method: 'POST', path: '/queue/enqueue', body });
  assert.equal(got.status, 201, got.text);
}

async function hold(rig: Rig, side: Half, taskId: string): Promise<string> {
  await enqueue(rig, side, taskId, {});
  const got = await rig.ask({ key: side.keys.worker, method: 'POST', path: '/queue/claim', body: { lease_ms: 3_600_000 } });
  const [task] = (got.json as { tasks: (ClaimedTask & { task_id: string; lease_id: string })[] }).tasks;
  assert.equal(task?.task_id, taskId, got.text);
  return task.lease_id;
}

async function subjectOf(rig: Rig, side: Half, prefix: string, lease: string): Promise<Subject> {
  const { clientId, workerId } = side;
  const [waits, ended, held] = [`${prefix}-waits`, `${prefix}-ended`, `${prefix}-held`];
  await enqueue(rig, side, waits, { delay_ms: 86_400_000 });
  await enqueue(rig, side, ended, {});
  await rig.queue.client(clientId).cancel(ended);
  const { grantId } = await rig.admin.grants.create(workerId, { clientId, pattern: `${prefix === 'twin' ? 'Twin' : 'Alone'}.*` });
  const { keyId } = await rig.admin.keys.create({ role: 'client', clientId });
  return { clientId, waits, ended, held, lease, workerId, grantId, keyId, pattern: 'Known.*' };
}
