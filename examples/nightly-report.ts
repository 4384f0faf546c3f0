// A report that comes by itself every night: a schedule, and the worker that writes it.
//
//   PRISMQ_DB=prismq.db node --conditions=prismq-source examples/nightly-report.ts
//
// REPORT_CRON and REPORT_ZONE change when; REPORT_FOLDER where it is written.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openQueue, startWorker } from 'prismq';
import { cron } from 'prismq/cron';

const folder = process.env['REPORT_FOLDER'] ?? 'reports';
await mkdir(folder, { recursive: true });

await using queue = await openQueue(process.env['PRISMQ_DB'] ?? 'prismq.db', { cron });
const acme = queue.client('acme');

// Setting it again at every start changes nothing: what was fired stays fired.
const schedule = await acme.schedules.set('nightly-report', {
  cron: process.env['REPORT_CRON'] ?? '0 2 * * *',
  timeZone: process.env['REPORT_ZONE'] ?? 'Europe/Prague',
  type: 'Report.Nightly',
  payload: { title: 'What happened' },
  options: { maxAttempts: 10, maxRunMs: 600_000 },
});
console.log(`the next report is due at ${new Date(schedule.nextUtc ?? 0).toISOString()}`);

const worker = startWorker(queue, {
  'Report.Nightly': async (input, ctx) => {
    const { title } = input as { title: string };
    // The key names the tick: a retry, or a second server, writes the same file again.
    const day = new Date(ctx.task.createdAtUtc).toISOString().slice(0, 19).replaceAll(':', '-');
    const { total, byStatus } = await acme.stats();
    const file = join(folder, `${day}.md`);
    await writeFile(file, `# ${title}\n\n${total} tasks, ${byStatus.completed} completed, ${byStatus.dead_letter} given up.\n`);
    console.log(`wrote ${file}`);
    return { file };
  },
});
process.once('SIGTERM', () => void worker.stop());
await worker.done;
