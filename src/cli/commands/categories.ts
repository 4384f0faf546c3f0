// `prismq categories`: the registry of task types, their defaults, and how strict it is.
import type { Command } from 'commander';
import type { Json } from '../../domain/task.ts';
import type { CategoryInfo } from '../../service/handles.ts';
import { declare, declareList, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { duration, table } from '../format.ts';
import { categoryRow } from '../rows.ts';
import { parseDuration, parseInteger, parseObject, readText } from '../values.ts';

const MODES = ['open', 'hierarchical', 'registered'] as const;

interface Flags {
  readonly priority?: string;
  readonly maxAttempts?: string;
  readonly maxRun?: string;
  readonly backoff?: string;
  readonly schema?: string;
  readonly due?: string;
}

export function categoriesCommand(cli: Cli, program: Command): void {
  const group = program.command('categories').description('Categories: list, set, remove, mode.');
  listAndMode(cli, group);
  const set = declare(cli, group, 'set', {
    summary: 'Register a category or pattern with its defaults. What is not given goes back to the default of all.',
    examples: ["categories set 'Mail.*' --priority 50 --max-attempts 10", `categories set Report.Monthly --max-run 2h --backoff '{"initialMs":60000}'`],
    exits: [7],
  })
    .argument('<pattern>')
    .option('--priority <n>', '1–1000')
    .option('--max-attempts <n>', '1–100')
    .option('--max-run <duration>', 'longest run of one attempt')
    .option('--backoff <json>', 'initialMs, maxMs, multiplier, jitter')
    .option('--schema <json|@file>', 'a JSON Schema that payloads are held against')
    .option('--due <duration>', 'when its tasks are due, from their enqueue');
  perform<Flags>(cli, set, async (context, [pattern = ''], flags) => {
    const category = { pattern, ...(await defaultsOf(context, flags)) };
    return withDesk(context, 'make', async (desk, context) => {
      const stored = await desk.admin().categories.set(category);
      answer(context, categoryRow(stored), () => `${stored.pattern} is registered.`);
    });
  });
  const remove = declare(cli, group, 'remove', {
    summary: 'Take a category out of the registry; its tasks stay.',
    examples: ["categories remove 'Mail.*'"],
    exits: [3, 7],
  }).argument('<pattern>');
  perform(cli, remove, async (context, [pattern = '']) =>
    withDesk(context, 'there', async (desk) => {
      await desk.admin().categories.delete(pattern);
      answer(context, { pattern, removed: true }, () => `${pattern} is no longer registered.`);
    }),
  );
}

function listAndMode(cli: Cli, group: Command): void {
  const list = declareList(cli, group, {
    summary: 'List the registry (what `categories` alone does).',
    examples: ['categories', 'categories list --json'],
    exits: [7],
  });
  perform(cli, list, async (context) =>
    withDesk(context, 'there', async (desk) => {
      const { categories } = desk.admin();
      const [items, mode] = [await categories.list(), await categories.mode()];
      answer(
        context,
        { mode, items: items.map(categoryRow) },
        () => `The mode is ${mode}.\n${items.length === 0 ? 'No categories are registered.' : tableOf(context, items)}`,
      );
    }),
  );
  const mode = declare(cli, group, 'mode', {
    summary: 'Show or set which types may be enqueued: open (any), hierarchical (two segments of letters or more), registered.',
    examples: ['categories mode', 'categories mode registered'],
    exits: [7],
  }).argument('[mode]', MODES.join(', '));
  perform(cli, mode, async (context, [given]) => {
    const wanted = MODES.find((one) => one === given);
    if (given !== undefined && wanted === undefined) throw wrongInput('mode', `${JSON.stringify(given)} is no mode: there are ${MODES.join(', ')}`);
    return withDesk(context, given === undefined ? 'there' : 'make', async (desk, context) => {
      const now = await desk.admin().categories.mode(wanted);
      answer(context, { mode: now }, () => now);
    });
  });
}

async function defaultsOf({ io }: Context, { priority, maxAttempts, maxRun, backoff, schema, due }: Flags): Promise<Partial<CategoryInfo>> {
  return {
    ...(priority === undefined ? {} : { priority: parseInteger('--priority', priority) }),
    ...(maxAttempts === undefined ? {} : { maxAttempts: parseInteger('--max-attempts', maxAttempts) }),
    ...(maxRun === undefined ? {} : { maxRunMs: parseDuration('--max-run', maxRun) }),
    ...(due === undefined ? {} : { maxWaitMs: parseDuration('--due', due) }),
    ...(backoff === undefined ? {} : { backoff: parseObject('--backoff', backoff) as NonNullable<CategoryInfo['backoff']> }),
    ...(schema === undefined ? {} : { schema: parseObject('--schema', await readText(io, '--schema', schema)) as Json }),
  };
}

function tableOf({ io }: Context, items: readonly CategoryInfo[]): string {
  const rows = items.map(({ pattern, priority, maxAttempts, maxRunMs, backoff, schema }) => [
    pattern,
    priority,
    maxAttempts,
    maxRunMs === null ? null : duration(maxRunMs),
    backoff === null ? null : `${duration(backoff.initialMs)} × ${backoff.multiplier} to ${duration(backoff.maxMs)}`,
    schema === null ? 'no' : 'yes',
  ]);
  return table(
    io,
    [
      { title: 'PATTERN' },
      { title: 'PRIORITY', align: 'right' },
      { title: 'ATTEMPTS', align: 'right' },
      { title: 'LONGEST RUN' },
      { title: 'BACK-OFF' },
      { title: 'SCHEMA' },
    ],
    rows,
  );
}
