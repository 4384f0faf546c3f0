// `prismq demo [DIR]`: what a newcomer sees first. Real files, real work, several clients, and where to look next.
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { openQueue } from '../../index.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { findFiles } from '../demo/files.ts';
import { runDemo } from '../demo/run.ts';
import type { DemoReport } from '../demo/run.ts';
import { wrongInput } from '../failure.ts';
import { count, duration, plural, table } from '../format.ts';
import type { Column } from '../format.ts';
import { createProgress } from '../progress.ts';
import { auditRow } from '../rows.ts';
import { untilSignal } from '../signals.ts';
import { dbOf, hintOf } from '../where.ts';

const COLUMNS: readonly Column[] = [
  { title: 'CLIENT' },
  { title: 'FILES', align: 'right', whole: true },
  { title: 'COMPLETED', align: 'right', whole: true },
  { title: 'FAILED', align: 'right', whole: true },
  { title: 'LINES', align: 'right', whole: true },
  { title: 'BYTES', align: 'right', whole: true },
  { title: 'WORDS', align: 'right', whole: true, optional: true },
  { title: 'CATEGORIES', align: 'right', whole: true, optional: true },
];

export function demoCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'demo', {
    summary: 'Work the files of a folder (default this one) as tasks of several clients, and show what came of it.',
    examples: ['demo', 'demo ./src --db /tmp/demo.db'],
    exits: [1, 7, 130],
  }).argument('[dir]', 'the folder; a git checkout without what git ignores, at most 2,000 files');
  perform(cli, command, async (context, [dir]) => {
    const folder = resolve(context.io.base, dir ?? '.');
    const info = await stat(folder).catch(() => null);
    if (info?.isDirectory() !== true) throw wrongInput('dir', `there is no folder ${folder}`);
    return demo(context, folder);
  });
}

async function demo(context: Context, folder: string): Promise<number> {
  const { io } = context;
  const db = dbOf(context);
  const files = await findFiles(folder, db);
  if (files.length === 0) throw wrongInput('dir', `there are no files in ${folder}: name a folder that has some`);
  note(context, `${io.paint('bold', 'PrismQ demo')}: ${plural(files.length, 'file')} of ${basename(folder)} to hash and count, each a task, in ${db}`);
  await using queue = await openQueue(db);
  const progress = createProgress(io, 'working', files.length);
  return await untilSignal(async (signal) => {
    const report = await runDemo(queue, folder, files, signal, (done, what) => progress.update(done, what));
    progress.end();
    answer(context, jsonOf(report, db), () => textOf(context, report, hintOf(context.io, { kind: 'file', db })));
    if (signal.aborted) return 130;
    return report.left === 0 ? 0 : 1;
  });
}

function jsonOf({ clients, completed, left, seconds, isolation, audit }: DemoReport, db: string): Readonly<Record<string, unknown>> {
  const items = [...clients].map(([clientId, { categories, ...share }]) => ({ client_id: clientId, ...share, categories: [...categories].toSorted() }));
  return {
    db,
    clients: items,
    completed,
    left,
    seconds: Number(seconds.toFixed(3)),
    tasks_per_second: Math.round(completed / seconds),
    foreign_task_answer: isolation.answer,
    audit: auditRow(audit),
  };
}

function textOf(context: Context, report: DemoReport, hint: string): string {
  const { io } = context;
  const { clients, completed, left, seconds, isolation, audit } = report;
  const rows = [...clients]
    .toSorted((a, b) => b[1].files - a[1].files)
    .map(([clientId, share]) => [
      clientId,
      share.files,
      { text: count(share.completed), style: 'green' as const },
      share.failed,
      share.lines,
      share.bytes,
      share.words,
      share.categories.size,
    ]);
  const next = (command: string, why: string): string => `  ${io.paint('cyan', `${io.program} ${command}${hint}`)}\n      ${io.paint('dim', why)}`;
  const lines = [
    '',
    table(io, COLUMNS, rows),
    '',
    `${io.paint(['green', 'bold'], `${count(completed)} completed`)} in ${duration(seconds * 1000)}: ${count(Math.round(completed / seconds))} tasks per second, each enqueued, claimed and completed on disk.${left === 0 ? '' : ` ${plural(left, 'task')} did not complete; they are in the file.`}`,
    '',
    `${io.paint('bold', 'Isolation')}  ${isolation.asked} asked for a task of ${isolation.owner} and got ${isolation.answer}: the database filters every statement by client, the code can not forget to.`,
    `${io.paint('bold', 'Audit')}      every change of ${plural(audit.enqueued, 'task')} is on record in its own transaction: ${count(audit.lost)} lost, ${count(audit.unexplainedDuplicates)} started twice without a reason.`,
    '',
    'Look next:',
    next('tasks --limit 5', 'the newest tasks'),
    next(`task ${isolation.taskId} --payload`, 'one of them, with its result and the log of all that happened to it'),
    next('stats', 'depth, rates, run times'),
    next(`stats --client ${isolation.owner}`, 'the same, as that one client may see it'),
    next(`enqueue Mail.Send '{"to":"ada@example.org"}' --client acme`, 'a task of your own; `worker --handlers FILE` runs it'),
  ];
  return lines.join('\n');
}
