// A DAG of many tasks through the library: enqueued, drained and measured. `npm run -s bench:dag -- [sqlite|postgres URL] [tasks] [shape]`;
// shapes: layers (each of 1,000 waits for three of the layer before), chain, fan-in, fan-out.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { openQueue } from '../src/index.ts';
import type { EnqueueItem, EnqueueItemResult } from '../src/index.ts';

const [engine = 'sqlite', count = '100000', shape = 'layers'] = process.argv.slice(2);
const TASKS = Number(count);
const BATCH = 1000;
const folder = mkdtempSync(join(tmpdir(), 'prismq-dag-'));
await using queue = await openQueue(engine === 'sqlite' ? join(folder, 'dag.db') : engine, { janitorMs: 1000 });
const client = queue.client('dag');
const ids: string[] = [];
const idOf = (answer: EnqueueItemResult): string => {
  if (!answer.ok) throw new Error(answer.message);
  return answer.taskId;
};

function itemsOf(from: number): EnqueueItem[] {
  const size = Math.min(BATCH, TASKS - from);
  return Array.from({ length: size }, (_, i) => {
    const n = from + i;
    const parent = (at: number): string | number => (at >= from ? at - from : (ids[at] as string));
    if (n === 0) return { type: 'Dag.Task' };
    if (shape === 'chain') return { type: 'Dag.Task', dependsOn: [parent(n - 1)] };
    if (shape === 'fan-out') return { type: 'Dag.Task', dependsOn: [parent(0)] };
    if (shape === 'fan-in' || n < BATCH) return { type: 'Dag.Task' };
    const before = Math.floor(n / BATCH) * BATCH - BATCH;
    return { type: 'Dag.Task', dependsOn: [0, 7, 31].map((step) => parent(before + ((n + step) % BATCH))) };
  });
}

const rss = (): string => `${Math.round(process.memoryUsage().rss / 1e6)} MB`;
const seconds = (from: number): string => `${((performance.now() - from) / 1000).toFixed(2)} s`;
const started = performance.now();
for (let from = 0; from < TASKS; from += BATCH) ids.push(...(await client.enqueueMany(itemsOf(from))).map(idOf));
if (shape === 'fan-in') await client.enqueue('Dag.Task', null, { dependsOn: ids });
console.log(`${shape} of ${TASKS} on ${engine === 'sqlite' ? 'SQLite' : 'PostgreSQL'}: enqueued in ${seconds(started)}, ${rss()}`);

const total = TASKS + (shape === 'fan-in' ? 1 : 0);
const worker = queue.worker('w');
const draining = performance.now();
let done = 0;
while (done < total) {
  const tasks = await worker.claim({ max: 500, waitMs: 100 });
  if (tasks.length === 0) continue;
  const answers = await worker.settle(tasks.map(({ clientId, taskId, leaseId }) => ({ op: 'complete', clientId, taskId, leaseId, result: '1' })));
  done += answers.filter(({ ok }) => ok).length;
}
const took = (performance.now() - draining) / 1000;
console.log(`drained in ${took.toFixed(2)} s, ${Math.round(total / took)} tasks/s, ${rss()}; audit ${JSON.stringify(await queue.auditSummary())}`);
rmSync(folder, { recursive: true, force: true });
