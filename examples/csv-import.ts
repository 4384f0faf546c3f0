// A CSV of any length becomes tasks: read line by line, sent as a stream to a server, and answered with what was not taken.
//
//   node --conditions=prismq-source examples/csv-import.ts customers.csv http://127.0.0.1:8080 prismq_…
//
// The first line names the columns. A row that is imported again is not enqueued again: its key is its place in the file. Without a
// server and a key the rows go into a queue in this process.
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { openQueue } from 'prismq';

const [file = 'customers.csv', url, key] = process.argv.slice(2);

/** Fields between commas; in quotes a comma is a comma, and two quotes are one. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

async function* tasks() {
  let columns: string[] | undefined;
  let n = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (columns === undefined) {
      columns = fieldsOf(line);
      continue;
    }
    const fields = fieldsOf(line);
    yield { type: 'Import.Row', payload: Object.fromEntries(columns.map((name, i) => [name, fields[i] ?? ''])), idempotencyKey: `${basename(file)}:${++n}` };
  }
}

const started = performance.now();
let enqueued = 0;
let again = 0;
let refused = 0;
const tell = (line: number | undefined, message: string): void => {
  if (refused++ < 10) console.log(`line ${line ?? 0}: ${message}`);
};

if (url !== undefined && key !== undefined) {
  async function* lines() {
    for await (const { idempotencyKey, ...task } of tasks()) yield `${JSON.stringify({ ...task, idempotency_key: idempotencyKey })}\n`;
  }
  const answer = await fetch(new URL('/queue/enqueue/stream', url), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
    body: Readable.toWeb(Readable.from(lines())) as unknown as ReadableStream,
    duplex: 'half',
  } as RequestInit);
  if (!answer.ok || answer.body === null) throw new Error(await answer.text());
  for await (const text of createInterface({ input: Readable.fromWeb(answer.body as never) })) {
    const row = JSON.parse(text) as { end?: true; line?: number; message?: string; enqueued: number; deduplicated: number };
    if (row.end === true) [enqueued, again] = [row.enqueued, row.deduplicated];
    else tell(row.line, row.message ?? '');
  }
} else {
  await using queue = await openQueue(process.env['PRISMQ_DB'] ?? ':memory:');
  let line = 0;
  for await (const one of queue.client('acme').enqueueStream(tasks())) {
    line++;
    if (!one.ok) tell(line, one.message);
    else if (one.deduplicated) again++;
    else enqueued++;
  }
}
const seconds = (performance.now() - started) / 1000;
const mb = Math.round(process.memoryUsage().rss / 1e6);
console.log(`imported ${enqueued}, known before ${again}, refused ${refused}, in ${seconds.toFixed(1)} s, ${mb} MB`);
