// `prismq enqueue TYPE [PAYLOAD]`: one task, its payload from the command line, a file or standard input.
import type { Command } from 'commander';
import { JsonText } from '../../domain/json-text.ts';
import type { Compatibility, EnqueueOptions } from '../../domain/task.ts';
import { collect, declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import { withDesk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import type { Io } from '../io.ts';
import { row } from '../rows.ts';
import { parseDuration, parseInstant, parseInteger, parseJson, parseObject, parsePairs, readText } from '../values.ts';

interface Flags {
  readonly client?: string;
  readonly priority?: string;
  readonly delay?: string;
  readonly key?: string;
  readonly maxAttempts?: string;
  readonly maxRun?: string;
  readonly compat?: string;
  readonly metadata?: readonly string[];
  readonly ttl?: string;
  readonly due?: string;
  readonly by?: string;
}

export function enqueueCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'enqueue', {
    summary: 'Enqueue one task. PAYLOAD is JSON, @file, or - for standard input; without it the payload is null.',
    examples: [`enqueue Mail.Send '{"to":"ada@example.org"}' --client acme`, 'enqueue Report.Monthly @july.json --priority 10 --delay 1h --key report-2030-07'],
    exits: [3, 4, 5, 6, 7],
  })
    .argument('<type>', 'category of the task, like Mail.Send')
    .argument('[payload]', 'JSON, @file or -')
    .option('--client <id>', 'whose task it is (default `default`, or the client of the key)')
    .option('--priority <n>', '1–1000, lower first (default 100)')
    .option('--delay <duration>', 'start no sooner than this from now, like 10s')
    .option('--key <text>', 'idempotency key: a repeat answers the first task')
    .option('--max-attempts <n>', '1–100 (default 5)')
    .option('--max-run <duration>', 'longest run of one attempt (default 1h)')
    .option('--compat <json>', 'what it needs of a worker, like {"region":"eu"}')
    .option('--metadata <key=value>', 'may be given again', collect)
    .option('--ttl <duration>', 'cancelled when not started within this time')
    .option('--due <when>', 'when it should be done: a date or a duration from now')
    .option('--by <name>', 'who submitted it');
  perform<Flags>(cli, command, async (context, [type = '', given], flags) => {
    const payload = given === undefined ? undefined : jsonText(await readText(context.io, 'payload', given));
    const options = enqueueOptions(context.io, flags);
    return withDesk(context, 'make', async (desk, context) => {
      const client = await desk.client(flags.client);
      const { taskId, status, createdAtUtc, deduplicated } = await client.enqueue(type, payload, options);
      answer(context, { id: taskId, client_id: client.clientId, type, ...row({ status, createdAtUtc, deduplicated }) }, () => taskId);
      note(
        context,
        deduplicated
          ? `This key was used before: the task is the earlier one (${status}).`
          : `${type} is ${status} for ${client.clientId}. See it with \`${context.io.program} task ${taskId}${desk.hint}\`.`,
      );
    });
  });
}

/** Looked at, and passed on as it was written: parsed it would lose digits, and keys that come twice. */
function jsonText(text: string): JsonText {
  parseJson('payload', text);
  return new JsonText(text.trim());
}

function enqueueOptions(io: Io, flags: Flags): EnqueueOptions {
  const { priority, delay, key, maxAttempts, maxRun, compat, metadata, ttl, due, by } = flags;
  if (key === '') throw wrongInput('--key', 'must not be empty');
  return {
    ...(priority === undefined ? {} : { priority: parseInteger('--priority', priority) }),
    ...(delay === undefined ? {} : { delayMs: parseDuration('--delay', delay) }),
    ...(key === undefined ? {} : { idempotencyKey: key }),
    ...(maxAttempts === undefined ? {} : { maxAttempts: parseInteger('--max-attempts', maxAttempts) }),
    ...(maxRun === undefined ? {} : { maxRunMs: parseDuration('--max-run', maxRun) }),
    ...(compat === undefined ? {} : { compatibility: parseObject('--compat', compat) as Compatibility }),
    ...(metadata === undefined ? {} : { metadata: parsePairs('--metadata', metadata) }),
    ...(ttl === undefined ? {} : { ttlMs: parseDuration('--ttl', ttl) }),
    ...(due === undefined ? {} : { dueAtUtc: parseInstant('--due', due, io.now()) }),
    ...(by === undefined ? {} : { createdBy: by }),
  };
}
