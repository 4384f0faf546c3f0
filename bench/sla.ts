// What due times are worth on a real workload: how many are missed by strategy, and how far a forecast is from what came to pass.
//
//   npm run bench:sla -- LCG.swf.gz [--jobs 20000] [--load 0.95]
//
// A trace in the Standard Workload Format. A job is due its run time and a slack after it was submitted: an hour, six or a day, in turn;
// PRIORITY knows of the three as priorities, which is the best that it can be told. A second of the trace is ten ms of the queue's clock.
import { readJobs } from '../src/cli/replay/swf.ts';
import { quantile } from './on-file.ts';
import { simulate } from './sla-simulation.ts';
import type { Simulated, SimulatedJob } from './sla-simulation.ts';

const MS_A_SECOND = 10;
const HOUR = 3600 * MS_A_SECOND;
const MINUTE = 60 * MS_A_SECOND;
const LONGEST_MS = 3_500_000;
const CLASSES = [
  { priority: 10, slackMs: HOUR },
  { priority: 100, slackMs: 6 * HOUR },
  { priority: 500, slackMs: 24 * HOUR },
] as const;

/** Jobs as they came: when, and how long they ran, both in seconds. */
export function jobsOf(trace: readonly { readonly submitS: number; readonly runS: number }[]): readonly SimulatedJob[] {
  const known = trace.filter(({ runS, submitS }) => runS > 0 && submitS >= 0).toSorted((a, b) => a.submitS - b.submitS);
  const first = known[0]?.submitS ?? 0;
  return known.map(({ submitS, runS }, i) => {
    const atMs = Math.round((submitS - first) * MS_A_SECOND);
    const runMs = Math.min(LONGEST_MS, Math.max(1, Math.round(runS * MS_A_SECOND)));
    const { priority, slackMs } = CLASSES[i % CLASSES.length] as (typeof CLASSES)[number];
    return { atMs, runMs, priority, dueMs: atMs + Math.round(1.5 * runMs) + slackMs };
  });
}

/** So many at once that this share of them is busy, all in all. */
export function slotsFor(jobs: readonly SimulatedJob[], load: number): number {
  const work = jobs.reduce((sum, { runMs }) => sum + runMs, 0);
  return Math.max(1, Math.ceil(work / (jobs.at(-1)?.atMs ?? 1) / load));
}

export const missedOf = (done: readonly Simulated[]): number => done.filter(({ job, endMs }) => endMs > job.dueMs).length;

export interface Calibration {
  readonly foretold: number;
  /** Of those that waited: |said − was| in ms of the clock, and as a share of what was (of a minute at least). */
  readonly absolute: Readonly<Record<'p50' | 'p90', number>>;
  readonly relative: Readonly<Record<'p50' | 'p90', number>>;
  /** Share of starts between low and high. */
  readonly within: number;
  /** Of those that were said to miss, and not to: the share that did as was said; and how many were left open. */
  readonly yes: { readonly said: number; readonly right: number };
  readonly no: { readonly said: number; readonly right: number };
  readonly maybe: number;
}

export function calibrationOf(done: readonly Simulated[]): Calibration {
  const said = done.flatMap(({ job, startMs, endMs, foretold }) =>
    foretold === null ? [] : [{ wait: startMs - job.atMs, isMissed: endMs > job.dueMs, ...foretold }],
  );
  const waited = said.filter(({ wait, likely }) => wait > 0 || likely > MINUTE);
  const errors = waited.map(({ wait, likely }) => Math.abs(likely - wait));
  const shares = waited.map(({ wait, likely }) => Math.abs(likely - wait) / Math.max(wait, MINUTE));
  const of = (miss: string, isMissed: boolean): { said: number; right: number } => {
    const all = said.filter(({ willMiss }) => willMiss === miss);
    return { said: all.length, right: all.filter((one) => one.isMissed === isMissed).length };
  };
  return {
    foretold: said.length,
    absolute: { p50: quantile(errors, 0.5), p90: quantile(errors, 0.9) },
    relative: { p50: quantile(shares, 0.5), p90: quantile(shares, 0.9) },
    within: said.filter(({ wait, low, high }) => wait >= low && wait <= high).length / Math.max(1, said.length),
    yes: of('yes', true),
    no: of('no', false),
    maybe: said.filter(({ willMiss }) => willMiss === 'maybe').length,
  };
}

async function traceOf(file: string, most: number): Promise<readonly SimulatedJob[]> {
  const jobs: { submitS: number; runS: number }[] = [];
  for await (const batch of readJobs(file)) {
    jobs.push(...batch);
    if (jobs.length >= most) break;
  }
  return jobsOf(jobs.slice(0, most));
}

const minutes = (ms: number): string => `${(ms / MINUTE).toFixed(1)} min`;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function tellCalibration(name: string, { foretold, absolute, relative, within, yes, no, maybe }: Calibration): void {
  console.log(`forecast, ${name}: ${foretold} foretold`);
  console.log(
    `  off by: half under ${minutes(absolute.p50)} (${percent(relative.p50)}), nine of ten under ${minutes(absolute.p90)} (${percent(relative.p90)})`,
  );
  console.log(`  started between low and high: ${percent(within)}`);
  console.log(`  will miss: yes ${yes.right} of ${yes.said} right, no ${no.right} of ${no.said} right, maybe ${maybe}`);
}

async function main([file, ...rest]: readonly string[]): Promise<void> {
  const option = (name: string, standard: number): number => (rest.includes(name) ? Number(rest[rest.indexOf(name) + 1]) : standard);
  if (file === undefined) throw new Error('give the path of a trace in the Standard Workload Format');
  const jobs = await traceOf(file, option('--jobs', 20_000));
  const slots = slotsFor(jobs, option('--load', 0.95));
  console.log(`${jobs.length} jobs over ${((jobs.at(-1)?.atMs ?? 0) / HOUR).toFixed(1)} h of the trace, ${slots} at once`);
  for (const strategy of ['DEADLINE', 'PRIORITY', 'FIFO']) {
    const done = await simulate({ jobs, strategy, slots, every: strategy === 'PRIORITY' ? 20 : 0 });
    console.log(`${strategy.padEnd(9)} missed ${missedOf(done)} of ${jobs.length}: ${percent(missedOf(done) / jobs.length)}`);
    if (strategy === 'PRIORITY') tellCalibration('three priorities', calibrationOf(done));
  }
  const equal = jobs.map((job) => ({ ...job, priority: 100 }));
  tellCalibration('one priority', calibrationOf(await simulate({ jobs: equal, strategy: 'PRIORITY', slots, every: 20 })));
}

if (import.meta.main) await main(process.argv.slice(2));
