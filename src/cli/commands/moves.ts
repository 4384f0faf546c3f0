// What is done to tasks: cancel, requeue, reprioritise, purge; one by its id, or many by ids or the words that `tasks` lists by.
import type { Command } from 'commander';
import type { BulkEvent } from '../../domain/bulk.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import type { Task } from '../../domain/task.ts';
import type { BulkFilter, BulkReport, ClientHandle } from '../../service/handles.ts';
import { collect, declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import type { Desk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { state, table } from '../format.ts';
import { row, taskRow } from '../rows.ts';
import { parseDuration, parseInteger, parsePairs } from '../values.ts';

const REASON = 'asked for on the command line';

interface Flags {
  readonly reason: string;
  readonly client?: string;
  readonly status?: string;
  readonly type?: string;
  readonly metadata?: readonly string[];
  readonly olderThan?: string;
  readonly error?: string;
  readonly cascade?: true;
  readonly dryRun?: true;
  readonly limit?: string;
  readonly cursor?: string;
}

interface Move {
  readonly event: BulkEvent;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly done: string;
  readonly arguments: readonly string[];
  /** The default of --reason and what it is for; null where an operator acts inside the client. */
  readonly reason: readonly [standard: string, meaning: string];
}

const MOVES = {
  cancel: {
    event: 'cancel',
    summary: 'Cancel a task that has not completed, or many. A worker that runs one is told, and its late outcome is refused.',
    examples: [
      'cancel 0190f5f0-0000-7000-8000-000000000000 --reason "asked by the customer"',
      "cancel --client acme --status queued --type 'Mail.*' --older-than 2d --dry-run",
    ],
    done: 'is cancelled',
    arguments: ['[ids...]'],
    reason: ['cancelled', 'goes into the log'],
  },
  requeue: {
    event: 'requeue',
    summary: 'Queue a dead letter or a cancelled task again, its attempts back to 0; or many.',
    examples: ['requeue 0190f5f0-0000-7000-8000-000000000000 --cascade', 'requeue --client acme --status dead_letter --error timeout'],
    done: 'is queued again',
    arguments: ['[ids...]'],
    reason: [REASON, 'recorded as a security event where you act inside a client'],
  },
  reprioritise: {
    event: 'reprioritise',
    summary: 'Change the priority of a task that waits, or of many: 1–1000, lower first. The priority comes last.',
    examples: [
      'reprioritise 0190f5f0-0000-7000-8000-000000000000 10 --reason "the customer waits on the phone"',
      "reprioritise --client acme --type 'Report.*' 900",
    ],
    done: 'has priority',
    arguments: ['[ids...]'],
    reason: [REASON, 'recorded as a security event: you act inside a client'],
  },
  purge: {
    event: 'purge',
    summary: 'Empty ended tasks: payload, result and errors go at once, the audit stays.',
    examples: ['purge --client acme --status dead_letter --older-than 30d --dry-run'],
    done: 'is purged',
    arguments: ['[ids...]'],
    reason: [REASON, 'recorded as a security event where you act inside a client'],
  },
} as const satisfies Readonly<Record<BulkEvent, Move>>;

const declareMove =
  (move: Move) =>
  (cli: Cli, program: Command): void => {
    const command = declare(cli, program, move.event, { summary: move.summary, examples: move.examples, exits: [3, 4, 5, 7] });
    for (const argument of move.arguments) command.argument(argument);
    command
      .option('--reason <text>', move.reason[1], move.reason[0])
      .option('--client <id>', 'whose tasks; wanted for many')
      .option('--status <state>', 'of many: those in this state')
      .option('--type <category>', "of many: a category, or a pattern like 'Mail.*'")
      .option('--metadata <key=value>', 'of many: with this pair; may be given again', collect)
      .option('--older-than <duration>', 'of many: enqueued longer ago than this, like 2d')
      .option('--error <text>', 'of many: with this in their last failure')
      .option('--cascade', 'with everything that waits for these')
      .option('--dry-run', 'only count, with a sample')
      .option('--limit <n>', 'of many: stop after so many')
      .option('--cursor <text>', 'of many: go on where an earlier call stopped');
    perform<Flags>(cli, command, (context, args, flags) => act(context, move, args as readonly string[], flags));
  };

export const cancelCommand = declareMove(MOVES.cancel);
export const requeueCommand = declareMove(MOVES.requeue);
export const reprioritiseCommand = declareMove(MOVES.reprioritise);
export const purgeCommand = declareMove(MOVES.purge);

async function act(context: Context, move: Move, args: readonly string[], flags: Flags): Promise<void> {
  const wanted = move.event === 'reprioritise' ? parseInteger('priority', args.at(-1) ?? '') : null;
  const ids = wanted === null ? args : args.slice(0, -1);
  const filter = filterOf(flags);
  const [only] = ids;
  if (only !== undefined && filter !== null) throw wrongInput('ids', 'give ids or what to filter by, not both');
  if (only === undefined && filter === null) throw wrongInput('ids', `give ids, or what to filter by: --status, --type, --metadata, --older-than, --error`);
  if (only !== undefined && ids.length === 1 && flags.cascade === undefined && flags.dryRun === undefined)
    return one(context, move, only, wanted, flags.reason);
  return withDesk(context, 'there', async (desk) => many(context, move, await ofClient(desk, only, flags), { ids, filter, wanted, flags }));
}

/** Many tasks are of one client: the one that is named, or that of the first id. */
async function ofClient(desk: Desk, id: string | undefined, { client, reason }: Flags): Promise<Pick<ClientHandle, 'bulk'>> {
  if (client === undefined && id === undefined) throw wrongInput('--client', 'say whose tasks');
  return desk.inside(client ?? (await desk.admin().get(id as string)).clientId, reason);
}

function filterOf({ status, type, metadata, olderThan, error }: Flags): BulkFilter | null {
  const filter = {
    ...(status === undefined ? {} : { status: status as TaskState }),
    ...(type === undefined ? {} : { type }),
    ...(metadata === undefined ? {} : { metadata: parsePairs('--metadata', metadata) }),
    ...(olderThan === undefined ? {} : { olderThanMs: parseDuration('--older-than', olderThan) }),
    ...(error === undefined ? {} : { error }),
  };
  return Object.keys(filter).length === 0 ? null : filter;
}

interface Many {
  readonly ids: readonly string[];
  readonly filter: BulkFilter | null;
  readonly wanted: number | null;
  readonly flags: Flags;
}

/** Call after call, until nothing is left or the limit of the command line is reached. */
async function many(context: Context, move: Move, client: Pick<ClientHandle, 'bulk'>, { ids, filter, wanted, flags }: Many): Promise<void> {
  const most = flags.limit === undefined ? Infinity : parseInteger('--limit', flags.limit);
  const request = {
    ...(filter === null ? { ids, ...(flags.cascade === undefined ? {} : { cascade: true }) } : { filter }),
    ...(flags.dryRun === undefined ? {} : { dryRun: true }),
    ...(wanted === null ? {} : { priority: wanted }),
    reason: flags.reason,
  };
  let cursor: string | null | undefined = flags.cursor;
  let all: BulkReport = { matched: 0, moved: 0, refused: 0, refusals: [], sample: [], nextCursor: null };
  do {
    const report: BulkReport = await client.bulk(move.event, {
      ...request,
      limit: Math.min(5000, most - all.matched),
      ...(typeof cursor === 'string' ? { cursor } : {}),
    });
    all = added(all, report);
    cursor = report.nextCursor;
    if (cursor !== null) note(context, `${all.matched} tasks so far; --cursor ${cursor} goes on from here.`);
  } while (cursor !== null && all.matched < most);
  answer(context, { ...row(all), refusals: all.refusals.map(row), sample: all.sample.map(row) }, () => said(context, move, all, flags.dryRun === true));
}

const added = (sum: BulkReport, more: BulkReport): BulkReport => ({
  matched: sum.matched + more.matched,
  moved: sum.moved + more.moved,
  refused: sum.refused + more.refused,
  refusals: [...sum.refusals, ...more.refusals].slice(0, 100),
  sample: [...sum.sample, ...more.sample].slice(0, 10),
  nextCursor: more.nextCursor,
});

function said({ io }: Context, { event }: Move, { matched, moved, refused, refusals, sample }: BulkReport, dry: boolean): string {
  const columns = [{ title: 'ID', whole: true }, { title: 'TYPE' }, { title: 'STATUS', whole: true }] as const;
  const rows = sample.map(({ taskId, type, status }) => [taskId, type, state(status)]);
  if (dry) return `${event} would take ${matched} tasks${matched > sample.length ? ', like' : ''}${rows.length === 0 ? '.' : `:\n${table(io, columns, rows)}`}`;
  const not = refusals.slice(0, 10).map(({ taskId, message }) => `${taskId}: ${message}`);
  return [`${event}: ${moved} of ${matched} tasks.`, ...(refused === 0 ? [] : [`${refused} were refused:`, ...not])].join('\n');
}

async function one(context: Context, move: Move, id: string, wanted: number | null, reason: string): Promise<void> {
  await withDesk(context, 'there', async (desk) => {
    const admin = desk.admin();
    if (move.event === 'purge') {
      await admin.purge(id);
      return answer(context, { id }, () => `${id} ${move.done}.`);
    }
    const task =
      move.event === 'cancel'
        ? await admin.cancel(id, reason)
        : move.event === 'requeue'
          ? await admin.requeue(id)
          : await reprioritised(desk, id, wanted as number, reason);
    return answer(context, taskRow(task), () => `${task.taskId} (${task.type} of ${task.clientId}) ${move.done}${wanted === null ? '' : ` ${wanted}`}.`);
  });
}

async function reprioritised(desk: Desk, id: string, wanted: number, reason: string): Promise<Task> {
  const { clientId } = await desk.admin().get(id);
  return (await desk.inside(clientId, reason)).reprioritise(id, wanted);
}
