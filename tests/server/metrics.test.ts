// /metrics: well-formed OpenMetrics, numbers that are true, labels from our tables alone, and who may read them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { OPERATION_LIST } from '../../src/contract/operations.ts';
import { ERRORS } from '../../src/domain/errors.ts';
import { STATES } from '../../src/domain/lifecycle.ts';
import { createApp } from '../../src/http/app.ts';
import type { AppOptions } from '../../src/http/app.ts';
import { listen } from '../../src/http/node.ts';
import type { Listening } from '../../src/http/node.ts';
import { openMetrics } from '../../src/http/openmetrics.ts';
import { openQueue } from '../../src/index.ts';
import { meterProcess } from '../../src/server/process-metrics.ts';
import type { NewKey, Queue } from '../../src/service/handles.ts';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
interface Read {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = { counter: ['_total'], gauge: [''], info: ['_info'], histogram: ['_bucket', '_sum', '_count'] };
const HEAD = /^# (HELP|TYPE|UNIT) ([a-z_][a-z0-9_]*) (.+)$/;
const LINE = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;
const LABEL = /([a-z_]+)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/gy;

/** Refuses what OpenMetrics 1.0 refuses: samples of no family, of two, with the wrong suffix or unit, and text after the end. */
function parse(text: string): Read {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  const lines = text.split('\n');
  assert.deepEqual(lines.splice(-2), ['# EOF', '']);
  let family = '';
  for (const line of lines) {
    const head = HEAD.exec(line);
    if (head !== null) {
      const [, what, name = '', value = ''] = head;
      if (what === 'HELP') assert.ok(!types.has(name) && (family = name) === name, `twice: ${name}`);
      assert.equal(name, family);
      if (what === 'TYPE') types.set(name, value);
      if (what === 'UNIT') assert.ok(name.endsWith(`_${value}`), `${name} has no unit ${value}`);
      continue;
    }
    const [, name = '', labelText = '', value = ''] = LINE.exec(line) ?? assert.fail(`no sample: ${line}`);
    const suffixes = SUFFIXES[types.get(family) ?? ''] ?? assert.fail(`no type: ${family}`);
    assert.ok(
      suffixes.some((suffix) => name === family + suffix),
      `${name} is no sample of ${family}`,
    );
    assert.ok(!seen.has(`${name}{${labelText}}`), `twice: ${line}`);
    seen.add(`${name}{${labelText}}`);
    const pairs = [...labelText.matchAll(LABEL)];
    assert.equal(
      pairs.reduce((length, [whole]) => length + whole.length, 0),
      labelText.length,
      line,
    );
    samples.push({
      name,
      labels: Object.fromEntries(pairs.map(([, label, of]) => [label, of])),
      value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value),
    });
  }
  return { types, samples };
}

const valueOf = ({ samples }: Read, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined =>
  samples.find((sample) => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))?.value;

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly key?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask(
  url: string,
  { method = 'GET', path = '/metrics', key, body, headers = {} }: Asked = {},
): Promise<{ readonly status: number; readonly type: string; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}${path}`, {
      method,
      agent: false,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    request.once('error', reject).once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text }));
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

let queue: Queue;
const keys = new Map<string, string>();
const servers: Listening[] = [];
before(async () => {
  queue = await openQueue(':memory:', { janitorMs: 0 });
  for (const clientId of ['acme', 'beta']) await queue.admin().clients.create(clientId);
  const wanted: Readonly<Record<string, NewKey>> = {
    client: { role: 'client', clientId: 'acme' },
    other: { role: 'client', clientId: 'beta' },
    worker: { role: 'worker', name: 'w', grants: [{ clientId: '*', pattern: '*' }] },
    admin: { role: 'admin' },
    owner: { role: 'admin', clientId: 'acme' },
    auditor: { role: 'auditor' },
    reader: { role: 'auditor', scopes: ['metrics.read'] },
    narrow: { role: 'admin', scopes: ['task.list'] },
  };
  for (const [name, key] of Object.entries(wanted)) keys.set(name, (await queue.admin().keys.create(key)).key);
});
after(async () => {
  for (const server of servers) await server.close(0);
  await queue.close();
});

async function served(options: Partial<AppOptions> = {}, proxies = 0): Promise<string> {
  const meter = meterProcess({ version: '1.2.3', file: '/nowhere/queue.db', connections: async () => 1 });
  const app = await createApp({ queue, metrics: 'loopback', families: () => meter.families(), ...options });
  const server = await listen(app, { host: '127.0.0.1', port: 0, proxies });
  servers.push(server);
  after(() => meter.stop());
  return server.url;
}
const keyOf = (name: string): string => keys.get(name) ?? assert.fail(name);

it('counts what happened, in text that is OpenMetrics', async () => {
  const url = await served();
  const enqueue = (key: string, body: object): Promise<{ status: number; text: string }> => ask(url, { method: 'POST', path: '/queue/enqueue', key, body });
  for (let i = 0; i < 3; i++) assert.equal((await enqueue(keyOf('client'), { type: 'Mail.Send' })).status, 201);
  for (let i = 0; i < 2; i++) await enqueue(keyOf('other'), { type: 'Mail.Send', idempotency_key: 'one' });
  await ask(url, { method: 'POST', path: '/queue/enqueue/bulk', key: keyOf('client'), body: { tasks: [{ type: 'A.B' }, { type: 'No..Type' }] } });
  await enqueue(keyOf('client'), { type: 7 });
  await enqueue('prismq_wrong', {});
  const claimed = JSON.parse((await ask(url, { method: 'POST', path: '/queue/claim', key: keyOf('worker'), body: { max: 4 } })).text) as {
    readonly tasks: readonly { readonly task_id: string; readonly lease_id: string }[];
  };
  const [one, two, three] = claimed.tasks.map(({ task_id, lease_id }) => ({ task_id, lease_id })) as [object, object, { task_id: string; lease_id: string }];
  await ask(url, {
    method: 'POST',
    path: '/queue/settle',
    key: keyOf('worker'),
    body: {
      items: [
        { op: 'complete', ...one },
        { op: 'fail', error: 'no', ...two },
        { op: 'complete', task_id: 'x', lease_id: 'aaaa' },
      ],
    },
  });
  await ask(url, { method: 'POST', path: `/queue/tasks/${three.task_id}/release`, key: keyOf('worker'), body: { lease_id: three.lease_id } });
  await ask(url, { path: '/nothing/here' });
  const { status, type, text } = await ask(url);
  assert.deepEqual([status, type], [200, 'application/openmetrics-text; version=1.0.0; charset=utf-8']);
  const read = parse(text);

  const moves = Object.fromEntries(read.samples.filter(({ name }) => name === 'prismq_task_moves_total').map(({ labels, value }) => [labels['move'], value]));
  assert.deepEqual(moves, { enqueued: 5, claimed: 4, completed: 1, failed: 1, lost: 1, queued: 1 });
  const tasks = Object.fromEntries(read.samples.filter(({ name }) => name === 'prismq_tasks').map(({ labels, value }) => [labels['status'], value]));
  assert.deepEqual(tasks, { blocked: 0, queued: 2, leased: 1, failed: 1, completed: 1, dead_letter: 0, cancelled: 0 });
  const count = (operation: string, of: string): number | undefined => valueOf(read, 'prismq_http_request_duration_seconds_count', { operation, status: of });
  assert.deepEqual(
    [count('enqueue', '2xx'), count('enqueue', '4xx'), count('settle', '2xx'), count('none', '4xx'), count('metrics', '2xx')],
    [5, 2, 1, 1, undefined],
  );
  assert.deepEqual(
    ['invalid_input', 'unauthenticated', 'not_found'].map((code) => valueOf(read, 'prismq_http_refusals_total', { code })),
    [1, 1, 1],
  );
  assert.equal(valueOf(read, 'prismq_build_info', { version: '1.2.3' }), 1);
  assert.equal(valueOf(read, 'prismq_workers', { activity: 'active' }), 1);
  for (const name of [
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
    'process_start_time_seconds',
    'prismq_http_connections',
    'prismq_completed_last_hour',
  ])
    assert.ok((valueOf(read, name) ?? 0) > 0, name);
  for (const name of [
    'prismq_event_loop_lag_seconds',
    'prismq_event_loop_utilization_ratio',
    'prismq_oldest_ready_seconds',
    'prismq_success_ratio',
    'prismq_run_seconds',
  ])
    assert.ok((valueOf(read, name) ?? -1) >= 0, name);
});

it('every family is in the guide', async () => {
  const guide = readFileSync(new URL('../../docs/server.md', import.meta.url), 'utf8');
  const { types } = parse((await ask(await served())).text);
  const missing = [...types]
    .map(([name, type]) => name + (type === 'counter' ? '_total' : type === 'info' ? '_info' : ''))
    .filter((name) => !guide.includes(`\`${name}\``));
  assert.deepEqual(missing, []);
  assert.ok(types.size > 20);
});

it('histograms only rise, and end with their count', async () => {
  const url = await served();
  for (let i = 0; i < 20; i++) await ask(url, { path: '/livez' });
  const { samples } = parse((await ask(url)).text);
  const buckets = samples.filter(({ name, labels }) => name === 'prismq_http_request_duration_seconds_bucket' && labels['operation'] === 'livez');
  assert.deepEqual(
    buckets.map(({ labels }) => labels['le']),
    ['0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1.0', '2.5', '5.0', '10.0', '30.0', '+Inf'],
  );
  const values = buckets.map(({ value }) => value);
  assert.deepEqual([values.toSorted((a, b) => a - b), values.at(-1)], [values, 20]);
});

it('no caller makes a new label: they are operations, codes, states and classes', async () => {
  const url = await served();
  for (let i = 0; i < 30; i++) {
    await ask(url, { path: `/queue/tasks/made-up-${i}`, key: keyOf('client') });
    await ask(url, { path: `/made/up/${i}?q=${i}` });
    await ask(url, { method: 'POST', path: '/queue/enqueue', key: keyOf('client'), body: { type: `Made.Up${i}`, metadata: { [`k${i}`]: 'v' } } });
    await ask(url, { method: 'OPTIONS', path: '/queue/enqueue' });
    await ask(url, { key: `prismq_client_${i}` });
  }
  const { samples } = parse((await ask(url)).text);
  const allowed: Readonly<Record<string, readonly string[]>> = {
    operation: [...OPERATION_LIST, 'none'],
    code: Object.keys(ERRORS),
    status: [...STATES, '2xx', '3xx', '4xx', '5xx'],
    move: ['enqueued', 'claimed', 'completed', 'failed', 'dead_letter', 'queued', 'lost', 'refused'],
    activity: ['active', 'quiet', 'stale'],
    sla: ['at_risk', 'breached', 'met'],
    quantile: ['0.5', '0.95', '0.99', '1'],
    kind: ['used', 'total', 'external'],
    file: ['main', 'wal'],
  };
  for (const { name, labels } of samples)
    for (const [label, value] of Object.entries(labels))
      if (!['le', 'version', 'node'].includes(label)) assert.ok(allowed[label]?.includes(value), `${name}{${label}="${value}"}`);
});

describe('the metrics are read', () => {
  const refused = async (url: string, asked: Asked, status: number): Promise<void> =>
    assert.equal((await ask(url, asked)).status, status, JSON.stringify(asked));

  it('without a key on this machine, by its own name and by no proxy', async () => {
    const url = await served();
    const { port } = new URL(url);
    assert.equal((await ask(url)).status, 200);
    assert.equal((await ask(url, { headers: { host: `localhost:${port}` } })).status, 200);
    for (const headers of [
      { host: 'evil.example' },
      { host: `127.0.0.1.evil.example:${port}` },
      { 'x-forwarded-for': '127.0.0.1' },
      { forwarded: 'for=127.0.0.1' },
      { via: '1.1 proxy' },
    ])
      await refused(url, { headers }, 401);
    await refused(await served({}, 1), {}, 401);
    await refused(await served({ metrics: 'key' }), {}, 401);
    await refused(await served({ metrics: 'off' }), {}, 404);
    await refused(await served({ metrics: 'off' }), { key: keyOf('admin') }, 404);
  });

  it('with the key of an admin or auditor, and with no other', async () => {
    const url = await served({ metrics: 'key' });
    for (const name of ['admin', 'owner', 'auditor', 'reader']) await refused(url, { key: keyOf(name) }, 200);
    for (const name of ['client', 'worker', 'narrow']) await refused(url, { key: keyOf(name) }, 403);
    await refused(url, { key: 'prismq_wrong' }, 401);
    // A key that is given counts, also where none is needed.
    await refused(await served(), { key: keyOf('client') }, 403);
  });

  it('of one client by its admin: nothing of others, nothing of the server', async () => {
    const url = await served();
    await queue.client('beta').enqueue('Only.Beta');
    const own = parse((await ask(url, { key: keyOf('owner') })).text);
    const all = parse((await ask(url, { key: keyOf('admin') })).text);
    const of = (read: Read): number => read.samples.filter(({ name }) => name === 'prismq_tasks').reduce((sum, { value }) => sum + value, 0);
    assert.equal(of(own), (await queue.as({ role: 'admin', clientId: 'acme' }).stats()).total);
    assert.ok(of(all) > of(own));
    assert.deepEqual(
      [...own.types.keys()].filter((name) => /http|process|task_moves|heap|loop|store|build/.test(name)),
      [],
    );
  });
});

it('text is escaped so that it stays one sample', () => {
  const text = openMetrics([{ name: 'a_b', type: 'gauge', help: 'one\ntwo \\ "three"', samples: [{ labels: { x: 'a"b\\c\nd' }, value: Number.NaN }] }]);
  assert.equal(text, '# HELP a_b one\\ntwo \\\\ \\"three\\"\n# TYPE a_b gauge\na_b{x="a\\"b\\\\c\\nd"} NaN\n# EOF\n');
});
