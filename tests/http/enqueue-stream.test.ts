// Enqueue by lines over HTTP: any length in bounded memory, each line answered by itself, and what is refused as a whole is refused first.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { serve } from './stand.ts';
import type { Rig } from './stand.ts';

type Row = Readonly<Record<string, unknown>>;
const PATH = '/queue/enqueue/stream';
const NDJSON = { 'content-type': 'application/x-ndjson' } as const;

interface Sent {
  readonly status: number;
  readonly rows: readonly Row[];
  readonly text: string;
}

async function send(rig: Rig, key: string, body: string | Iterable<string>, query = '', headers: Readonly<Record<string, string>> = NDJSON): Promise<Sent> {
  const stream = typeof body === 'string' ? body : (Readable.toWeb(Readable.from(body)) as unknown as ReadableStream);
  const init = { method: 'POST', headers: { ...headers, authorization: `Bearer ${key}` }, body: stream, duplex: 'half' } as RequestInit;
  const response = await fetch(`${rig.url}${PATH}${query}`, init);
  const text = await response.text();
  const isLines = response.headers.get('content-type') === 'application/x-ndjson';
  return {
    status: response.status,
    rows: isLines
      ? text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Row)
      : [],
    text,
  };
}

async function begin(t: TestContext): Promise<{ rig: Rig; key: string }> {
  const rig = await serve(t);
  return { rig, key: await rig.key({ role: 'client', clientId: 'acme' }) };
}
const line = (item: object): string => `${JSON.stringify(item)}\n`;

it('a body of 20,000 lines in many pieces is enqueued, and the last line of the answer says how many', async (t) => {
  const { rig, key } = await begin(t);
  function* body(): Generator<string> {
    // Pieces that end in the middle of lines and of characters' neighbours.
    let rest = '';
    for (let n = 0; n < 20_000; n++) {
      rest += line({ type: 'Import.Row', payload: { n, name: 'žluťoučký' } });
      if (rest.length < 10_007) continue;
      yield rest.slice(0, 10_007);
      rest = rest.slice(10_007);
    }
    yield rest;
  }
  const { status, rows } = await send(rig, key, body());
  assert.equal(status, 200);
  assert.deepEqual(rows, [{ end: true, lines: 20_000, enqueued: 20_000, deduplicated: 0, refused: 0 }]);
  assert.equal((await rig.queue.client('acme').stats()).byStatus.queued, 20_000);
});

it('a bad line is refused alone, by its number; blank lines are passed over; a repeat of a key is told', async (t) => {
  const { rig, key } = await begin(t);
  const body = [
    line({ type: 'A.B', idempotency_key: 'k' }),
    '\n',
    'no json\n',
    line({ type: 'A.B', idempotency_key: 'k' }),
    line({ type: 'not a category' }),
    line({ type: 'A.B', priority: 0 }),
    '{"type":"A.B","type":"A.C"}\n',
    JSON.stringify({ type: 'A.B', payload: '12345678901234567890' }),
  ].join('');
  const { rows } = await send(rig, key, body, '?outcomes=all');
  assert.deepEqual(
    rows.slice(0, -1).map((row) => [row['line'], row['ok'], row['code'] ?? row['deduplicated']]),
    [
      [1, true, false],
      [3, false, 'malformed_request'],
      [4, true, true],
      [5, false, 'invalid_category'],
      [6, false, 'invalid_input'],
      [7, false, 'malformed_request'],
      [8, true, false],
    ],
  );
  assert.deepEqual(rows.at(-1), { end: true, lines: 8, enqueued: 2, deduplicated: 1, refused: 4 });
  const refused = await send(rig, key, body);
  assert.deepEqual(
    refused.rows.map((row) => row['line'] ?? 'end'),
    [3, 5, 6, 7, 'end'],
  );
});

it('a stream of nothing but bad lines is answered as it is read', async (t) => {
  const { rig, key } = await begin(t);
  const { rows } = await send(
    rig,
    key,
    Array.from({ length: 3000 }, () => 'bad\n'),
  );
  assert.equal(rows.length, 3001);
  assert.deepEqual(rows.at(-1), { end: true, lines: 3000, enqueued: 0, deduplicated: 0, refused: 3000 });
});

it('what is refused as a whole is no stream: no key, another role, no lines, a line without an end', async (t) => {
  const { rig, key } = await begin(t);
  assert.equal((await send(rig, 'prismq_nothing', line({ type: 'A.B' }))).status, 401);
  const worker = await rig.key({ role: 'worker', name: 'w' });
  assert.equal((await send(rig, worker, line({ type: 'A.B' }))).status, 403);
  assert.equal((await send(rig, key, line({ type: 'A.B' }), '', { 'content-type': 'application/json' })).status, 415);
  assert.equal((await send(rig, key, line({ type: 'A.B' }), '?outcomes=some')).status, 422);
  assert.equal((await send(rig, key, 'x'.repeat(1_200_000))).status, 413);
  const empty = await send(rig, key, '');
  assert.deepEqual(empty.rows, [{ end: true, lines: 0, enqueued: 0, deduplicated: 0, refused: 0 }]);
  assert.equal((await rig.queue.client('acme').stats()).total, 0);
});

it('a platform admin names the client and says why; a quota refuses the lines that are too many', async (t) => {
  const { rig, key } = await begin(t);
  const admin = await rig.key({ role: 'admin' });
  assert.equal((await send(rig, admin, line({ type: 'A.B' }))).status, 422);
  const inside = { ...NDJSON, 'prismq-client': 'acme', 'prismq-reason': 'an import' };
  assert.deepEqual((await send(rig, admin, line({ type: 'A.B' }), '', inside)).rows.at(-1)?.['enqueued'], 1);
  await rig.queue.admin().clients.quota('acme', { tasks: 3 });
  const { rows } = await send(rig, key, [1, 2, 3, 4].map((n) => line({ type: 'A.B', payload: n })).join(''));
  assert.deepEqual(
    rows.map((row) => row['code'] ?? 'end'),
    ['quota_exceeded', 'quota_exceeded', 'end'],
  );
});
