// `prismq replay FILE.swf[.gz]`: a real workload through the queue, and what the audit says of it afterwards.
import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { QueueError } from '../../domain/errors.ts';
import { openQueue } from '../../index.ts';
import type { AuditReport, Queue } from '../../service/handles.ts';
import type { WorkerLogger } from '../../worker/types.ts';
import { settingFrom } from '../../server/config.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { wrongInput } from '../failure.ts';
import { count, duration, facts, plural } from '../format.ts';
import { createProgress } from '../progress.ts';
import { crewHere, crewOf } from '../replay/crew.ts';
import type { Crew } from '../replay/crew.ts';
import { createMapping } from '../replay/mapping.ts';
import { peakRssMb } from '../replay/player.ts';
import { feed, hasUnfinished, regionsLeft, untilDone } from '../replay/run.ts';
import type { Done } from '../replay/run.ts';
import { inspect } from '../replay/swf.ts';
import type { Workload } from '../replay/swf.ts';
import { auditRow } from '../rows.ts';
import { untilSignal } from '../signals.ts';
import { oneLine } from '../text.ts';
import { parseInteger } from '../values.ts';
import { dbOf, hintOf } from '../where.ts';

const FRESH = './prismq-replay.db';
const ACTIVE_MS = 60_000;
const CONCURRENCY = { max: 500, spread: 2000 } as const;

interface Flags {
  readonly speed: string;
  readonly workers: string;
  readonly concurrency?: string;
  readonly limit?: string;
  readonly append?: true;
}
interface Settings {
  readonly speed: number;
  readonly workers: number;
  readonly concurrency: number;
  readonly limit: number;
}

export function replayCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'replay', {
    summary: 'Replay a workload in the Standard Workload Format: each job a task of its group, its category the name of its site.',
    examples: ['replay LCG.swf.gz', 'replay LCG.swf.gz --speed 2000 --limit 5000', 'replay LCG.swf.gz --workers 2 --json'],
    exits: [1, 5, 7, 130],
  })
    .argument('<file>', 'a .swf file, gzip or plain')
    .option('--speed <factor>', 'times as fast as it was, or max: no waiting', 'max')
    .option('--workers <n>', 'worker processes; 1 works in this one', '1')
    .option('--concurrency <n>', `jobs at once of each worker (default ${CONCURRENCY.max}; with a factor ${CONCURRENCY.spread})`)
    .option('--limit <n>', 'the first jobs only')
    .option('--append', `add to a queue that has unfinished tasks; without --db the file is ${FRESH}, made anew`);
  perform<Flags>(cli, command, async (context, [given = ''], flags) => {
    const settings = settingsOf(flags);
    const file = resolve(context.io.base, given);
    const workload = await inspect(file);
    return untilSignal((signal) => replay(context, file, workload, settings, flags.append === true, signal));
  });
}

function settingsOf({ speed, workers, concurrency, limit }: Flags): Settings {
  const factor = speed === 'max' ? Number.POSITIVE_INFINITY : Number(speed);
  if (!(factor > 0)) throw wrongInput('--speed', `${JSON.stringify(speed)} is no factor: give a number above 0, or max`);
  const within = (flag: string, text: string, from: number, to: number): number => {
    const value = parseInteger(flag, text);
    if (value < from || value > to) throw wrongInput(flag, `${value} is not from ${count(from)} to ${count(to)}`);
    return value;
  };
  return {
    speed: factor,
    workers: within('--workers', workers, 1, 64),
    concurrency:
      concurrency === undefined
        ? factor === Number.POSITIVE_INFINITY
          ? CONCURRENCY.max
          : CONCURRENCY.spread
        : within('--concurrency', concurrency, 1, 10_000),
    limit: limit === undefined ? Number.POSITIVE_INFINITY : within('--limit', limit, 1, 1_000_000_000),
  };
}

async function replay(context: Context, file: string, workload: Workload, settings: Settings, isAppend: boolean, signal: AbortSignal): Promise<number> {
  const { io } = context;
  const db = dbOf(context, FRESH);
  if (settings.workers > 1 && db.endsWith(':memory:'))
    throw wrongInput('--workers', 'a queue in memory is of one process: give --db a file, or leave --workers out');
  if (!isAppend && context.flags.db === undefined && context.flags.url === undefined && settingFrom(io.env, 'db') === undefined) await makeRoom(db);
  await using queue = await openQueue(db);
  if (!isAppend && (await hasUnfinished(queue)))
    throw new QueueError('invalid_transition', `${db} has unfinished tasks: name another file with --db, or add to it with --append`);
  const total = Math.min(workload.jobs, settings.limit);
  note(
    context,
    `${plural(total, 'job')} of ${file} into ${db}, ${settings.speed === Number.POSITIVE_INFINITY ? 'as fast as it goes' : `${settings.speed} times as fast as it was`}`,
  );
  const { seconds, ended, peak } = await play(context, queue, db, file, workload, settings, total, signal);
  const audit = await queue.auditSummary();
  const row = {
    ...auditRow(audit),
    seconds: Number(seconds.toFixed(3)),
    tasks_per_second: Math.round(ended / seconds),
    peak_rss_mb: Math.max(peak, peakRssMb()),
  };
  answer(context, row, () => textOf(context, audit, row, hintOf(context.io, { kind: 'file', db })));
  if (signal.aborted) return 130;
  return audit.lost + audit.unexplainedDuplicates + audit.incompleteLogs === 0 ? 0 : 1;
}

interface Played {
  readonly seconds: number;
  readonly ended: number;
  readonly peak: number;
}

async function play(
  context: Context,
  queue: Queue,
  db: string,
  file: string,
  workload: Workload,
  settings: Settings,
  total: number,
  signal: AbortSignal,
): Promise<Played> {
  const { io } = context;
  const mapping = createMapping(workload.sites, settings.speed);
  const named = [...workload.sites.keys()].map((partition) => mapping.site(partition).region).filter((region) => region !== null);
  const regions = [...(await regionsLeft(queue)).union(new Set(named))];
  const warn = (message: string): void => void io.err.write(`warning: ${oneLine(message)}\n`);
  const started = performance.now();
  const crew = startCrew(queue, db, settings, regions, warn);
  const progress = createProgress(io, 'replaying', total);
  let enqueued = 0;
  let done: Done = { ended: 0, at: started };
  const look = (seen: number): void => progress.update(seen, enqueued < total ? `${count(enqueued)} enqueued` : '');
  try {
    const fed = feed(queue, {
      file,
      limit: settings.limit,
      speed: settings.speed,
      item: mapping.item,
      signal,
      fed: (n) => look(((enqueued = n), crew.ended())),
    });
    // When the crew breaks, what the feed still says is of no interest.
    fed.catch(() => undefined);
    await Promise.race([fed, crew.broken]);
    done = await untilDone(queue, crew, regions, await fed, signal, look);
  } catch (error) {
    await crew.stop();
    throw error;
  } finally {
    progress.end();
  }
  return { seconds: (done.at - started) / 1000, ended: done.ended, peak: await crew.stop() };
}

function startCrew(queue: Queue, db: string, { workers, speed, concurrency }: Settings, regions: readonly string[], warn: (message: string) => void): Crew {
  const told = (_: object, message: string): void => warn(message);
  const logger: WorkerLogger = { info: () => undefined, warn: told, error: told };
  if (workers === 1) return crewHere(queue, { speed, concurrency, regions }, logger);
  return crewOf(workers, { db, speed: speed === Number.POSITIVE_INFINITY ? null : speed, concurrency, regions }, warn);
}

/** The file of an earlier replay goes, unless somebody works on it just now. */
async function makeRoom(db: string): Promise<void> {
  if (!existsSync(db)) return;
  const queue = await openQueue(db, { janitorMs: 0 });
  const workers = await queue.admin().workers.list();
  await queue.close();
  const active = workers.find((worker) => worker.status !== 'offline' && Date.now() - worker.heartbeatUtc < ACTIVE_MS);
  if (active !== undefined)
    throw new QueueError('store_busy', `the worker ${active.workerId} may be at work on ${db}: wait for it, or name another file with --db`);
  for (const ending of ['', '-wal', '-shm']) rmSync(`${db}${ending}`, { force: true });
}

function textOf(
  { io }: Context,
  audit: AuditReport,
  row: { readonly seconds: number; readonly tasks_per_second: number; readonly peak_rss_mb: number },
  hint: string,
): string {
  const good = (n: number): { readonly text: string; readonly style: 'green' | 'red' } => ({ text: count(n), style: n === 0 ? 'green' : 'red' });
  const found = facts(io, [
    ['enqueued', audit.enqueued],
    ['completed', { text: count(audit.completed), style: 'green' }],
    ['dead letters', audit.deadLetter],
    ['cancelled', audit.cancelled],
    ['lost', good(audit.lost)],
    ['started again', audit.duplicateStarts],
    ['  without a reason', good(audit.unexplainedDuplicates)],
    ['logs that do not join', good(audit.incompleteLogs)],
    ['clients', audit.clients],
    ['categories', audit.categories],
    ['time', `${duration(row.seconds * 1000)}, ${count(row.tasks_per_second)} tasks per second`],
    ['memory', `${count(row.peak_rss_mb)} MB at most in one process`],
  ]);
  return `${found}\n\nThese numbers are read from the audit, not counted on the way. \`${io.program} stats${hint}\` shows more.`;
}
