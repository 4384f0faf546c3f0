// `prismq worker`: a process that runs the tasks of a queue with the handlers of a module.
import type { Command } from 'commander';
import { causesOf } from '../../domain/errors.ts';
import { cron } from '../../cron.ts';
import { schemas } from '../../schemas.ts';
import { openQueue } from '../../index.ts';
import type { WorkerTarget } from '../../worker/enlist.ts';
import { startWorker } from '../../worker/worker.ts';
import type { Worker, WorkerEvent, WorkerSummary } from '../../worker/types.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { count, duration } from '../format.ts';
import { row } from '../rows.ts';
import { untilSignal } from '../signals.ts';
import { oneLine } from '../text.ts';
import { planWorker } from '../working/settings.ts';
import type { WorkerFlags, WorkerPlan } from '../working/settings.ts';
import { masterKeyAt, whereOf } from '../where.ts';

type Flags = WorkerFlags & { readonly verbose?: true };

export function workerCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'worker', {
    summary: 'Run tasks. The first Ctrl+C or SIGTERM lets handlers finish, the second ends at once.',
    examples: ['worker --handlers ./handlers.ts', 'worker --config ./worker.yaml --concurrency 20', 'worker --handlers ./handlers.ts --drain --json'],
    exits: [1, 5, 7],
  })
    .option('--handlers <file>', "a module that exports handlers: { 'Mail.*': async (input, ctx) => … }")
    .option('--config <file>', 'settings in json, yaml, toml, ts or js; PRISMQ_WORKER_* and flags go over them')
    .option('--id <text>', 'name of the worker (default a fresh one)')
    .option('--concurrency <n>', 'handlers at work at once (default 10)')
    .option('--strategy <name>', 'how the next task is chosen (default PRIORITY)')
    .option('--clients <ids>', 'clients whose tasks are taken, separated by commas (default all)')
    .option('--max-tasks <n>', 'stop after so many tasks')
    .option('--drain', 'stop when nothing is left to do')
    .option('--verbose', 'say each task that ended');
  perform<Flags>(cli, command, async (context, _, flags) => {
    const plan = await planWorker(context.io, flags);
    return work(context, plan, flags.verbose === true);
  });
}

async function work(context: Context, plan: WorkerPlan, isVerbose: boolean): Promise<void> {
  const say = (text: string): void => void context.io.err.write(`${oneLine(text)}\n`);
  const where = whereOf(context, plan.place);
  if (where.kind === 'server') return workAt(where, context, plan, isVerbose, say);
  await using queue = await openQueue(where.db, { cron, schemas, ...masterKeyAt(context.io), onError: (error) => say(`janitor: ${reasonOf(error)}`) });
  await workAt(queue, context, plan, isVerbose, say);
}

const reasonOf = (error: unknown): string =>
  causesOf(error)
    .map((one) => (one instanceof Error ? one.message : String(one)))
    .join(', because: ');

async function workAt(target: WorkerTarget, context: Context, plan: WorkerPlan, isVerbose: boolean, say: (text: string) => void): Promise<void> {
  const started = performance.now();
  const summary = await untilSignal(
    async (signal) => {
      const worker: Worker = startWorker(target, plan.handlers, {
        ...plan.options,
        logger: { info: (_, message) => say(message), warn: (_, message) => say(`warning: ${message}`), error: (_, message) => say(`error: ${message}`) },
        onEvent: (event) => tell(event, isVerbose, say),
      });
      signal.addEventListener('abort', () => void worker.stop().catch(() => undefined));
      return worker.done.then((counts) => ({ workerId: worker.workerId, ...counts }));
    },
    (name) => note(context, `${name}: finishing what runs; once more to stop at once.`),
  );
  answer(context, row(summary), () => sentence(summary, performance.now() - started));
}

function tell(event: WorkerEvent, isVerbose: boolean, say: (text: string) => void): void {
  if (event.type !== 'ended') return;
  const name = `${event.taskType} ${event.taskId} of ${event.clientId}`;
  if (event.op === 'fail') say(`failed: ${name}, attempt ${event.attempt}, now ${event.status}: ${event.error?.message ?? 'no reason given'}`);
  else if (isVerbose) say(`${event.op === 'complete' ? 'completed' : 'handed back'}: ${name} in ${duration(event.runMs)}`);
}

function sentence(summary: WorkerSummary, ms: number): string {
  const rest = (['failed', 'released', 'lost', 'cancelled'] as const).filter((name) => summary[name] > 0).map((name) => `, ${count(summary[name])} ${name}`);
  return `${count(summary.completed)} completed${rest.join('')} in ${duration(ms)}.`;
}
