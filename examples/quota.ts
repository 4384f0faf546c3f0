// A client that enqueues faster than its work is done: its quota refuses what is too much, and it comes again when there is room.
//
//   node --conditions=prismq-source examples/quota.ts
import { openQueue, startWorker } from 'prismq';

const TASKS = Number(process.env['TASKS'] ?? 60);

await using queue = await openQueue(process.env['PRISMQ_DB'] ?? ':memory:', { janitorMs: 100 });
await queue.admin().clients.create('acme');
await queue.admin().clients.quota('acme', { tasks: 20, bytes: 10_000 });
const acme = queue.client('acme');
const worker = startWorker(queue, { 'Image.Resize': () => new Promise((resolve) => setTimeout(resolve, 5)) }, { concurrency: 4, pollMs: 10 });

let refused = 0;
for (let n = 0; n < TASKS; ) {
  try {
    await acme.enqueue('Image.Resize', { n });
    n++;
  } catch (error) {
    if ((error as { code?: string }).code !== 'quota_exceeded') throw error;
    if (refused++ === 0) console.log((error as Error).message);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
while ((await acme.quota()).usedTasks > 0) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(`done: ${(await acme.stats()).byStatus.completed} of ${TASKS}, ${refused > 0 ? 'after refusals' : 'with no refusal'}`);
await worker.stop();
