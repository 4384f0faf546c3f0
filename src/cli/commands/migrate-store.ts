// `prismq migrate-store`: a queue goes from a file to PostgreSQL, back, or to another of its kind, and is compared before it opens.
import type { Command } from 'commander';
import { isPostgres, mover } from '../../index.ts';
import type { MovePlaces, MovePlan, MoveReport, MoveStep } from '../../index.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { wrongInput } from '../failure.ts';
import { count, duration, plural, table } from '../format.ts';
import { createProgress } from '../progress.ts';
import type { Progress } from '../progress.ts';
import { row } from '../rows.ts';
import { parseDuration } from '../values.ts';
import { placeOf } from '../where.ts';

interface Flags {
  readonly from?: string;
  readonly to?: string;
  readonly leases: string;
  readonly drain: string;
  readonly dryRun?: true;
  readonly undo?: true;
}

export function migrateStoreCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'migrate-store', {
    summary:
      'Move a queue to another store. It can be read meanwhile and not written; both sides are compared before the new one opens. Stopped anywhere, the same command goes on.',
    examples: [
      'migrate-store --from prismq.db --to postgres://postgres@db.example/acme --dry-run',
      'migrate-store --from prismq.db --to postgres://postgres@db.example/acme',
      'migrate-store --from postgres://postgres@db.example/acme --to back.db',
      'migrate-store --from prismq.db --to postgres://postgres@db.example/acme --undo',
    ],
    exits: [1, 7],
  })
    .option('--from <store>', 'the file, or the URL of a superuser of the database, that the queue is in')
    .option('--to <store>', 'the same, of the place where it goes: a name that is free, or a database without a queue')
    .option('--leases <how>', 'drain: claims stop, and running tasks end first; carry: they go along, and their workers settle them there', 'drain')
    .option('--drain <duration>', 'how long running tasks are waited for; what runs longer is carried', '60s')
    .option('--dry-run', 'say what would be moved and what stands in the way, and change nothing')
    .option('--undo', 'give up a move that has not ended: the old place opens again, the new one is emptied');
  perform<Flags>(cli, command, async (context, _, flags) => {
    const places = placesOf(context, flags);
    const moving = await mover();
    if (flags.undo === true) {
      await moving.undo(places);
      return answer(context, { undone: true, from: places.from }, () => `The queue works in ${flags.from} as before.`);
    }
    if (flags.dryRun === true) return showPlan(context, await moving.plan(places));
    const bar = meter(context);
    const report = await moving.move(places, { leases: howOf(flags.leases), drainMs: parseDuration('--drain', flags.drain), told: bar.told }).finally(bar.end);
    return showReport(context, report);
  });
}

function placesOf({ io }: Context, { from, to }: Flags): MovePlaces {
  if (from === undefined) throw wrongInput('--from', 'name the store that the queue is in');
  if (to === undefined) throw wrongInput('--to', 'name the store where it goes');
  for (const [flag, given] of Object.entries({ from, to }))
    if (/^https?:/i.test(given)) throw wrongInput(`--${flag}`, 'a queue is moved where it is stored: give its file or its database, not a server');
  const places = { from: placeOf(io, from), to: placeOf(io, to) };
  if (places.from === places.to) throw wrongInput('--to', 'is the same as --from');
  return places;
}

function howOf(given: string): 'drain' | 'carry' {
  if (given === 'drain' || given === 'carry') return given;
  throw wrongInput('--leases', `${JSON.stringify(given)} is neither drain nor carry`);
}

const LABELS: Readonly<Partial<Record<MoveStep['step'], string>>> = { drain: 'waiting', load: 'moving', compare: 'comparing' };

/** A bar for each step. */
function meter({ io, isJson }: Context): { readonly told: (step: MoveStep) => void; readonly end: () => void } {
  let current: { readonly step: MoveStep['step']; readonly bar: Progress } | null = null;
  return {
    told({ step, note: what, done, total }) {
      const label = LABELS[step];
      if (isJson || label === undefined) return;
      if (current?.step !== step) {
        current?.bar.end();
        current = { step, bar: createProgress(io, label, total) };
      }
      current.bar.update(done, what);
    },
    end: () => current?.bar.end(),
  };
}

function showPlan(context: Context, plan: MovePlan): number {
  const { io } = context;
  answer(context, { ...row(plan), tables: plan.tables }, () => {
    const rows = plan.tables.filter((one) => one.rows > 0).map((one) => [one.name, one.rows]);
    const obstacles = plan.obstacles.map((one) => io.paint('red', `In the way: ${one}.`));
    return [
      table(io, [{ title: 'TABLE' }, { title: 'ROWS', align: 'right' }], rows),
      '',
      `${plan.from} → ${plan.to}: ${plural(plan.leases, 'task')} running${plan.underWay ? ', a move is under way' : ''}. Nothing was changed.`,
      ...obstacles,
    ].join('\n');
  });
  return plan.obstacles.length === 0 ? 0 : 1;
}

function showReport(context: Context, report: MoveReport): number {
  answer(context, reportRow(report), () => reportText(context, report));
  if (report.equal && isPostgres(report.to)) note(context, `Set up its logins with \`${context.io.program} setup\`, if that was not done yet.`);
  return report.equal ? 0 : 1;
}

const reportRow = ({ tables, clients, audit, ...report }: MoveReport): Readonly<Record<string, unknown>> => ({
  ...row(report),
  tables: tables.map(row),
  clients: clients.map(row),
  audit: row(audit),
});

function reportText({ io }: Context, report: MoveReport): string {
  const wrong = report.tables.filter(({ differing, orphans }) => differing + orphans > 0);
  const columns = [{ title: 'TABLE' }, { title: 'ROWS', align: 'right' }, { title: 'DIGEST' }, { title: 'DIFFERENT', align: 'right' }] as const;
  const rows = report.tables
    .filter((one) => one.rows.from + one.rows.to > 0)
    .map((one) => [
      one.name,
      one.rows.to,
      one.digest.to.slice(0, 16),
      one.differing + one.orphans === 0 ? null : { text: count(one.differing + one.orphans), style: 'red' as const },
    ]);
  const { audit } = report;
  const ends = report.equal
    ? [
        `Moved to ${report.to}${report.resumed ? ' (gone on with after a stop)' : ''}. ${report.from} can be read and takes no more writes.`,
        `It took no writes for ${duration(report.heldMs)}; ${plural(report.leases, 'running task')} went along.`,
      ]
    : [
        io.paint('red', `The two differ: ${report.to} was not opened, and ${report.from} takes no writes. Give --undo to work there again.`),
        ...wrong.flatMap(({ name, examples, orphans }) => [
          ...examples.map(({ key, why }) => `  ${name}: ${why} ${key.join(' ')}`),
          ...(orphans === 0 ? [] : [`  ${name}: ${plural(orphans, 'row')} without a task or lane`]),
        ]),
        ...audit.faults.map(({ chain, clientId, seq, why }) => `  audit: chain ${chain} of ${clientId === '' ? 'no client' : clientId}, row ${seq}: ${why}`),
      ];
  const chains = `Audit: ${plural(audit.rows, 'row')} in ${plural(audit.chains, 'chain')}, ${count(audit.sealed)} sealed, ${plural(audit.faults.length, 'fault')}.`;
  return [table(io, columns, rows), '', `${plural(report.clients.length, 'pair')} of client and status counted on both sides. ${chains}`, ...ends].join('\n');
}
