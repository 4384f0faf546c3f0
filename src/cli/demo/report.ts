// What came of the demo: a table per client, what was tried, and where to look next.
import { count, duration, plural, table } from '../format.ts';
import type { Column } from '../format.ts';
import type { Io } from '../io.ts';
import { auditRow } from '../rows.ts';
import type { DemoReport } from './run.ts';

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

export function jsonOf({ clients, completed, left, seconds, isolation, audit }: DemoReport, db: string): Readonly<Record<string, unknown>> {
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

export function tableOf(io: Io, report: DemoReport): string {
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
  const lines = [
    '',
    table(io, COLUMNS, rows),
    '',
    `${io.paint(['green', 'bold'], `${count(completed)} completed`)} in ${duration(seconds * 1000)}: ${count(Math.round(completed / seconds))} tasks per second, each enqueued, claimed and completed on disk.${left === 0 ? '' : ` ${plural(left, 'task')} did not complete; they are in the file.`}`,
    '',
    `${io.paint('bold', 'Isolation')}  ${isolation.asked} asked for a task of ${isolation.owner} and got ${isolation.answer}: the database filters every statement by client, the code can not forget to.`,
    `${io.paint('bold', 'Audit')}      every change of ${plural(audit.enqueued, 'task')} is on record in its own transaction: ${count(audit.lost)} lost, ${count(audit.unexplainedDuplicates)} started twice without a reason.`,
  ];
  return lines.join('\n');
}

export function nextOf(io: Io, { isolation }: DemoReport, hint: string): string {
  const next = (command: string, why: string): string => `  ${io.paint('cyan', `${io.program} ${command}${hint}`)}\n      ${io.paint('dim', why)}`;
  const lines = [
    'Look next:',
    next('tasks --limit 5', 'the newest tasks'),
    next(`task ${isolation.taskId} --payload`, 'one of them, with its result and the log of all that happened to it'),
    next('stats', 'depth, rates, run times'),
    next(`stats --client ${isolation.owner}`, 'the same, as that one client may see it'),
    next(`enqueue Mail.Send '{"to":"ada@example.org"}' --client acme`, 'a task of your own; `worker --handlers FILE` runs it'),
  ];
  return lines.join('\n');
}
