// `prismq tasks`: the list with its filters, once or again and again.
import type { Command } from 'commander';
import { STATES } from '../../domain/lifecycle.ts';
import { SLA_FILTERS } from '../../domain/sla.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import type { Task } from '../../domain/task.ts';
import type { ListFilter, Page } from '../../service/handles.ts';
import { collect, declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import type { Reads } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { relative, state, table } from '../format.ts';
import type { Column } from '../format.ts';
import { page, taskRow } from '../rows.ts';
import { pause, untilSignal } from '../signals.ts';
import { parseInteger, parsePairs } from '../values.ts';
import { whereOf } from '../where.ts';

interface Flags {
  readonly status?: string;
  readonly type?: string;
  readonly client?: string;
  readonly sla?: string;
  readonly metadata?: readonly string[];
  readonly limit: string;
  readonly cursor?: string;
  readonly watch?: true;
}

const WATCH_MS = 1000;
const COLUMNS: readonly Column[] = [
  { title: 'ID', whole: true },
  { title: 'CLIENT' },
  { title: 'TYPE' },
  { title: 'STATUS', whole: true },
  { title: 'PRIORITY', align: 'right', whole: true, optional: true },
  { title: 'ATTEMPTS', align: 'right', whole: true },
  { title: 'CREATED', optional: true },
  { title: 'WORKER', optional: true },
];

export function tasksCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'tasks', {
    summary: 'List tasks, newest first.',
    examples: [
      'tasks --status dead_letter',
      "tasks --client acme --type 'Mail.*' --limit 20",
      'tasks --client acme --metadata order=4711',
      'tasks --status leased --watch',
    ],
    exits: [3, 7],
  })
    .option('--status <state>', `one of ${STATES.join(', ')}`)
    .option('--type <category>', "a category, or a pattern like 'Mail.*'")
    .option('--client <id>', 'tasks of this client only')
    .option('--sla <state>', `how they stand with their due time: one of ${SLA_FILTERS.join(', ')}; the latest due first`)
    .option('--metadata <key=value>', 'of one client: with this pair; may be given again, for tasks that have all', collect)
    .option('--limit <n>', 'rows of a page, 1–1000', '20')
    .option('--cursor <text>', 'the next page, as the one before told')
    .option('--watch', 'show it again every second until Ctrl+C');
  perform<Flags>(cli, command, async (context, _, flags) => {
    const filter = filterOf(flags);
    // The key for a server says whose it is.
    if (filter.metadata !== undefined && flags.client === undefined && whereOf(context).kind === 'file')
      throw wrongInput('--metadata', 'belongs to a client: name it with --client');
    return withDesk(context, 'there', async (desk) => {
      const reads = await desk.of(flags.client);
      if (flags.watch === true) return watch(context, reads, filter);
      show(context, await reads.list(filter));
    });
  });
}

function filterOf({ status, type, sla, metadata, limit, cursor }: Flags): ListFilter {
  const known = STATES.find((name) => name === status);
  if (status !== undefined && known === undefined) throw wrongInput('--status', `${JSON.stringify(status)} is no state: there are ${STATES.join(', ')}`);
  const stands = SLA_FILTERS.find((name) => name === sla);
  if (sla !== undefined && stands === undefined) throw wrongInput('--sla', `${JSON.stringify(sla)} is none of ${SLA_FILTERS.join(', ')}`);
  return {
    ...(stands === undefined ? {} : { sla: stands }),
    ...(known === undefined ? {} : { status: known satisfies TaskState }),
    ...(type === undefined ? {} : { type }),
    ...(metadata === undefined ? {} : { metadata: parsePairs('--metadata', metadata) }),
    limit: parseInteger('--limit', limit),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

function show(context: Context, { items, nextCursor }: Page<Task>): void {
  answer(context, page(items.map(taskRow), nextCursor), () => (items.length === 0 ? 'No tasks.' : listOf(context, items)));
  if (nextCursor !== null) note(context, `There are more: add --cursor ${nextCursor}`);
}

function listOf({ io }: Context, items: readonly Task[]): string {
  const now = io.now();
  const rows = items.map((task) => [
    task.taskId,
    task.clientId,
    task.type,
    state(task.status),
    task.priority,
    `${task.attempts}/${task.maxAttempts}`,
    relative(task.createdAtUtc, now),
    task.lockedBy,
  ]);
  return table(io, COLUMNS, rows);
}

async function watch(context: Context, reads: Reads, filter: ListFilter): Promise<void> {
  const { io, isJson } = context;
  await untilSignal(async (signal) => {
    while (!signal.aborted) {
      const found = await reads.list(filter);
      if (!isJson) io.out.write(io.out.isTTY === true ? '\x1b[H\x1b[2J' : `\n${new Date(io.now()).toISOString()}\n`);
      show(context, found);
      await pause(WATCH_MS, signal);
    }
  });
}
