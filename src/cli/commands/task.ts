// `prismq task ID` with its log, and nothing else: what is done to tasks is in moves.ts.
import type { Command } from 'commander';
import { allowedEvents } from '../../domain/lifecycle.ts';
import type { LogEntry, Task } from '../../domain/task.ts';
import type { TaskReads } from '../../service/handles.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { duration, facts, instant, state, table } from '../format.ts';
import { logRow, taskRow } from '../rows.ts';

const LOG_PAGE = 1000;
const REASON = 'asked for on the command line';

export function taskCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'task', {
    summary: 'Show one task with its log. Payload, result and error belong to its client: --payload reads them, and that is recorded.',
    examples: ['task 0190f5f0-0000-7000-8000-000000000000', 'task 0190f5f0-0000-7000-8000-000000000000 --payload --reason "ticket 7"'],
    exits: [3, 7],
  })
    .argument('<id>')
    .option('--payload', 'with payload, result, progress and error; recorded as a security event of its client')
    .option('--reason <text>', 'why they are read: goes into the record', REASON);
  perform<{ readonly payload?: true; readonly reason: string }>(cli, command, async (context, [id = ''], flags) =>
    withDesk(context, 'there', async (desk) => {
      const admin = desk.admin();
      const task = flags.payload === true ? await admin.payload(id, flags.reason) : withoutContent(await admin.get(id));
      const logs = await allLogs(admin, id);
      answer(context, { ...taskRow(task), logs: logs.map(logRow) }, () => `${factsOf(context, task)}\n\n${logOf(context, logs)}`);
      if (flags.payload !== true) note(context, `\nPayload, result and error belong to the client ${task.clientId}: --payload shows them.`);
    }),
  );
}

/** A key of the client is answered all of it; what was not asked for is not shown, wherever the queue is. */
function withoutContent({ payload: _payload, result: _result, ...task }: Task): Task {
  return { ...task, errorMessage: null, progress: null, idempotencyKey: null, metadata: {} };
}

async function allLogs(reads: TaskReads, id: string): Promise<readonly LogEntry[]> {
  const logs: LogEntry[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await reads.logs(id, { limit: LOG_PAGE, ...(typeof cursor === 'string' ? { cursor } : {}) });
    logs.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return logs;
}

function factsOf({ io }: Context, task: Task): string {
  const now = io.now();
  const json = (value: unknown): string | null => (value === undefined || value === null ? null : JSON.stringify(value));
  return facts(io, [
    ['id', task.taskId],
    ['client', task.clientId],
    ['type', task.type],
    ['status', state(task.status)],
    ['may happen', allowedEvents(task.status).join(', ')],
    ['priority', task.effectivePriority === task.priority ? task.priority : `${task.priority}, now ${task.effectivePriority}`],
    [
      'attempts',
      `${task.attempts} of ${task.maxAttempts}${task.generation === 0 ? '' : `, requeued ${task.generation} times`}${task.releases === 0 ? '' : `, handed back ${task.releases} times`}`,
    ],
    ['needs', Object.keys(task.compatibility).length === 0 ? null : JSON.stringify(task.compatibility)],
    ['waits for', task.waitingFor === 0 ? null : `${task.waitingFor} tasks: see \`${io.program} dependencies ${task.taskId}\``],
    ['child of', task.parentTaskId],
    ['worker', task.lockedBy],
    ['submitted by', task.createdBy],
    ['key', task.idempotencyKey],
    [
      'metadata',
      Object.entries(task.metadata)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    ],
    ['created', instant(task.createdAtUtc, now)],
    ['run after', task.runAfterUtc > task.createdAtUtc ? instant(task.runAfterUtc, now) : null],
    ['due', task.dueAtUtc === null ? null : `${instant(task.dueAtUtc, now)}${task.sla === null ? '' : `, ${task.sla}`}`],
    ['expires', instant(task.expiresAtUtc, now)],
    ['claimed', instant(task.reservedAtUtc, now)],
    ['lease until', instant(task.leaseUntilUtc, now)],
    ['started', instant(task.processingStartedUtc, now)],
    ['finished', instant(task.finishedAtUtc, now)],
    ['longest run', duration(task.maxRunMs)],
    ['progress', json(task.progress)],
    ['error', task.errorMessage === null ? null : { text: task.errorMessage, style: 'red' }],
    ['payload', json(task.payload)],
    ['result', json(task.result)],
  ]);
}

function logOf({ io }: Context, logs: readonly LogEntry[]): string {
  const first = logs[0]?.atUtc ?? 0;
  const rows = logs.map((entry) => [
    new Date(entry.atUtc).toISOString().slice(11, 23),
    entry.atUtc === first ? '' : `+${duration(entry.atUtc - first)}`,
    entry.event,
    entry.fromStatus === null ? 'new' : state(entry.fromStatus),
    entry.toStatus === null ? 'gone' : state(entry.toStatus),
    entry.actor,
    entry.attempt,
    Object.keys(entry.details).length === 0 ? '' : JSON.stringify(entry.details),
  ]);
  const columns = [
    { title: 'TIME (UTC)', whole: true },
    { title: 'AFTER' },
    { title: 'EVENT', whole: true },
    { title: 'FROM' },
    { title: 'TO' },
    { title: 'ACTOR' },
    { title: 'ATTEMPT', align: 'right' },
    { title: 'DETAILS' },
  ] as const;
  return table(io, columns, rows);
}
