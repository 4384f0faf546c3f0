// Work that has to be done in time: the earliest due first, a warning while there is time left, and a forecast before anything is late.
//
//   node --conditions=prismq-source examples/due-times.ts
//
// REPORTS is how many, RUN_MS how long each runs, DUE_MS when the last is due.
import { openQueue, startWorker } from 'prismq';

const count = Number(process.env['REPORTS'] ?? 12);
const runMs = Number(process.env['RUN_MS'] ?? 500);
const dueMs = Number(process.env['DUE_MS'] ?? 4000);

await using queue = await openQueue(process.env['PRISMQ_DB'] ?? ':memory:', { janitorMs: 50 });
const acme = queue.client('acme');

// Enqueued in the wrong order: what is due last comes first.
const made = await acme.enqueueMany(
  Array.from({ length: count }, (_, i) => ({ type: 'Report.Print', payload: { n: count - i }, maxWaitMs: Math.ceil((dueMs * (count - i)) / count) })),
);
const ids = made.map((one) => {
  if (!one.ok) throw new Error(one.message);
  return one.taskId;
});

const stop = new AbortController();
const telling = (async () => {
  for await (const { event, taskId } of acme.events({ after: 0, signal: stop.signal }))
    if (event === 'at_risk' || event === 'breach') console.log(`${event}: report ${count - ids.indexOf(taskId)}`);
})();

const worker = startWorker(
  queue,
  {
    'Report.Print': async (input) => {
      await new Promise((resolve) => setTimeout(resolve, runMs));
      console.log(`printed report ${(input as { n: number }).n}`);
    },
  },
  { strategy: 'DEADLINE', concurrency: 1, pollMs: 20 },
);

// When two are printed there is a rate to go by.
while ((await acme.stats()).byStatus.completed < 2) await new Promise((resolve) => setTimeout(resolve, 20));
const last = await acme.forecast(ids[0] as string);
console.log(`forecast of report ${count}: ${last.ahead} before it, will miss its due time: ${last.willMiss ?? 'not to be told'}`);

await Promise.all(ids.map((id) => acme.wait(id, { timeoutMs: 120_000 })));
const { met, breached } = (await acme.stats()).sla;
console.log(`done: ${met} in time, ${breached} late`);
stop.abort();
await telling;
await worker.stop();
