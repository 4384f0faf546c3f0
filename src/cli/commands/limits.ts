// `prismq limits`, `pause`, `resume`: how much of a client's work runs at once or starts in a while.
import type { Command } from 'commander';
import type { LimitInfo } from '../../domain/work-limit.ts';
import type { LimitHandle, Part } from '../../service/handles.ts';
import { declare, declareList, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { duration, table } from '../format.ts';
import { row } from '../rows.ts';
import { parseDuration, parseInteger } from '../values.ts';

interface Flags {
  readonly client?: string;
  readonly type?: string;
  readonly key?: string;
  readonly concurrency?: string;
  readonly rate?: string;
}

const CLIENT = ['--client <id>', 'whose work it is (default `default`, or the client of the key)'] as const;
const TYPE = ['--type <pattern>', 'of this category or pattern only'] as const;
const KEY = ['--key <text>', 'of this free key, or with * at its end of each that begins so'] as const;

export function limitsCommand(cli: Cli, program: Command): void {
  const group = program.command('limits').description('Limits of a client: list, set, remove.');
  const list = declareList(cli, group, { summary: 'List the limits of a client (what `limits` alone does).', examples: ['limits --client acme'], exits: [7] });
  perform<Flags>(cli, list.option(...CLIENT), async (context, _, { client }) =>
    using(context, client, async (limits) => {
      const items = await limits.list();
      answer(context, { items: items.map(row) }, () => (items.length === 0 ? 'No limits.' : tableOf(context, items)));
    }),
  );
  const set = declare(cli, group, 'set', {
    summary: 'Set how many tasks run at once, or how many start in a while: of all, of a category, of each free key.',
    examples: [
      'limits set all --concurrency 20 --client acme',
      "limits set polite --key 'host:*' --concurrency 1 --rate 1/2s",
      "limits set api --type 'Api.*' --rate 100/1m",
    ],
    exits: [3, 6, 7],
  })
    .argument('<name>')
    .option(...CLIENT)
    .option(...TYPE)
    .option(...KEY)
    .option('--concurrency <n>', 'tasks that run at once; 0 holds all back')
    .option('--rate <n/duration>', 'tasks that start within any such time, like 100/1m');
  perform<Flags>(cli, set, async (context, [name = ''], { client, concurrency, rate, ...part }) => {
    const limit = { ...partOf(part), ...(concurrency === undefined ? {} : { concurrency: parseInteger('--concurrency', concurrency) }), ...rateOf(rate) };
    return using(context, client, async (limits) => {
      const made = await limits.set(name, limit);
      answer(context, row(made), () => tableOf(context, [made]));
    });
  });
  const remove = declare(cli, group, 'remove', { summary: 'Take a limit away.', examples: ['limits remove all --client acme'], exits: [3, 7] })
    .argument('<name>')
    .option(...CLIENT);
  perform<Flags>(cli, remove, async (context, [name = ''], { client }) =>
    using(context, client, async (limits) => {
      await limits.delete(name);
      answer(context, { name, removed: true }, () => `${name} is removed.`);
    }),
  );
}

export function pauseCommand(cli: Cli, program: Command): void {
  const pause = declare(cli, program, 'pause', {
    summary: 'Let nothing of a client, a category or a free key start; what runs goes on.',
    examples: ['pause --client acme', "pause --client acme --type 'Mail.*'"],
    exits: [3, 6, 7],
  });
  perform<Flags>(
    cli,
    pause
      .option(...CLIENT)
      .option(...TYPE)
      .option(...KEY),
    async (context, _, { client, ...part }) =>
      using(context, client, async (limits) => {
        const made = await limits.pause(partOf(part));
        answer(context, row(made), () => `Paused. What runs goes on: ${made.running}.`);
      }),
  );
}

export function resumeCommand(cli: Cli, program: Command): void {
  const resume = declare(cli, program, 'resume', { summary: 'Take a pause back.', examples: ["resume --client acme --type 'Mail.*'"], exits: [3, 7] });
  perform<Flags>(
    cli,
    resume
      .option(...CLIENT)
      .option(...TYPE)
      .option(...KEY),
    async (context, _, { client, ...part }) =>
      using(context, client, async (limits) => {
        await limits.resume(partOf(part));
        answer(context, { resumed: true }, () => 'Resumed.');
      }),
  );
}

const partOf = ({ type, key }: Pick<Flags, 'type' | 'key'>): Part => ({
  ...(type === undefined ? {} : { pattern: type }),
  ...(key === undefined ? {} : { key }),
});

function rateOf(text: string | undefined): { readonly rate?: number; readonly perMs?: number } {
  if (text === undefined) return {};
  const [, rate, per] = /^(\d{1,7})\/(.+)$/.exec(text) ?? [];
  if (rate === undefined || per === undefined) throw wrongInput('--rate', `${JSON.stringify(text)} is no rate: give tasks and a time, like 100/1m`);
  return { rate: Number(rate), perMs: parseDuration('--rate', /^\d/.test(per) ? per : `1${per}`) };
}

const using = (context: Context, client: string | undefined, act: (limits: LimitHandle) => Promise<void>): Promise<void> =>
  withDesk(context, 'there', async (desk) => act((await desk.manage(client)).limits));

function tableOf({ io }: Context, limits: readonly LimitInfo[]): string {
  const rows = limits.map(({ name, pattern, key, concurrency, rate, perMs, running }) => [
    name,
    [pattern, key].filter((part) => part !== null).join(' ') || 'all',
    concurrency,
    rate === null ? null : `${rate}/${duration(perMs ?? 0)}`,
    running,
  ]);
  return table(
    io,
    [
      { title: 'LIMIT', whole: true },
      { title: 'OF' },
      { title: 'AT ONCE', align: 'right' },
      { title: 'STARTS', align: 'right' },
      { title: 'RUNNING', align: 'right' },
    ],
    rows,
  );
}
