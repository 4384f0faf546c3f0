// `prismq enqueue TYPE [PAYLOAD]`: one task, its payload from the command line, a file or standard input.
import type { Command } from 'commander';
import { ERRORS, QueueError } from '../../domain/errors.ts';
import type { EnqueueItem, EnqueueItemResult } from '../../service/handles.ts';
import { DEFAULT_POLICY, POLICIES } from '../../domain/dependencies.ts';
import type { DependencyPolicy } from '../../domain/dependencies.ts';
import { JsonText } from '../../domain/json-text.ts';
import type { Compatibility, EnqueueOptions } from '../../domain/task.ts';
import { collect, declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import type { Io } from '../io.ts';
import { readTasks } from '../ndjson.ts';
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
  readonly ndjson?: string;
  readonly after?: readonly string[];
  readonly whenParentEnds: string;
  readonly limitKey?: string;
}

export function enqueueCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'enqueue', {
    summary: 'Enqueue one task. PAYLOAD is JSON, @file, or - for standard input; without it the payload is null.',
    examples: [
      `enqueue Mail.Send '{"to":"ada@example.org"}' --client acme`,
      'enqueue Report.Monthly @july.json --priority 10 --delay 1h --key report-2030-07',
      'enqueue --ndjson orders.ndjson --client acme',
    ],
    exits: [3, 4, 5, 6, 7],
  })
    .argument('[type]', 'category of the task, like Mail.Send')
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
    .option('--by <name>', 'who submitted it')
    .option('--ndjson <file>', 'many tasks instead: a JSON object a line, of the fields of the HTTP interface; - is standard input')
    .option('--after <id>', 'waits until this task completed; may be given again', collect)
    .option('--when-parent-ends <policy>', 'when a task that it waits for ends otherwise: cancel, ignore or wait', DEFAULT_POLICY)
    .option('--limit-key <text>', 'free key of limits: a host, an account');
  perform<Flags>(cli, command, async (context, [type = '', given], flags) => {
    if (flags.ndjson !== undefined) return enqueueLines(context, flags.ndjson, type, flags.client);
    if (type === '') throw wrongInput('type', 'give the category of the task, or --ndjson');
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

/** Each line is stored or refused by itself. With --json an answer a line; else the refusals and the count. Exit code 2 when one was refused. */
async function enqueueLines(context: Context, file: string, type: string, clientId: string | undefined): Promise<number> {
  if (type !== '') throw wrongInput('--ndjson', 'the lines name their types: leave the type out');
  return withDesk(context, 'stream', async (desk, context) => {
    const client = await desk.client(clientId);
    const waiting: number[] = [];
    let refused = 0;
    const say = (line: number, result: EnqueueItemResult): void => {
      if (!result.ok) refused++;
      if (context.isJson) context.io.out.write(`${JSON.stringify({ line, ...row(result) })}\n`);
      else if (!result.ok) note(context, `line ${line}: ${result.message}`);
    };
    const items = async function* (): AsyncGenerator<EnqueueItem> {
      for await (const { number, item } of readTasks(context.io, file)) {
        if (item instanceof QueueError) say(number, { ok: false, code: item.code, message: item.message });
        else {
          waiting.push(number);
          yield item;
        }
      }
    };
    let stored = 0;
    for await (const result of client.enqueueStream(items())) {
      say(waiting.shift() as number, result);
      if (result.ok) stored++;
    }
    note(context, `${stored} tasks enqueued for ${client.clientId}, ${refused} lines refused.`);
    return refused === 0 ? 0 : ERRORS.invalid_input.exit;
  });
}

function parsePolicy(text: string): DependencyPolicy {
  if (Object.hasOwn(POLICIES, text)) return text as DependencyPolicy;
  throw wrongInput('--when-parent-ends', `${JSON.stringify(text)} is no policy: cancel, ignore or wait`);
}

/** Looked at, and passed on as it was written: parsed it would lose digits, and keys that come twice. */
function jsonText(text: string): JsonText {
  parseJson('payload', text);
  return new JsonText(text.trim());
}

function enqueueOptions(io: Io, flags: Flags): EnqueueOptions {
  const { priority, delay, key, maxAttempts, maxRun, compat, metadata, ttl, due, by, after, whenParentEnds, limitKey } = flags;
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
    ...(after === undefined ? {} : { dependsOn: after.map((taskId) => ({ taskId, policy: parsePolicy(whenParentEnds) })) }),
    ...(limitKey === undefined ? {} : { limitKey }),
  };
}
