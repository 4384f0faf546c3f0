// `prismq forecast`: when a task will start and end, or one of a category that would be enqueued now.
import type { Command } from 'commander';
import type { Forecast, Span } from '../../domain/forecast.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { count, facts, instant, relative } from '../format.ts';
import { row } from '../rows.ts';
import { parseInteger } from '../values.ts';

interface Flags {
  readonly type?: string;
  readonly client?: string;
  readonly priority?: string;
}

export function forecastCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'forecast', {
    summary: 'Say when a task will start and end by what goes on now, and whether it will miss its due time.',
    examples: ['forecast 0190f5f0-0000-7000-8000-000000000000', 'forecast --client acme --type Mail.Send'],
    exits: [3, 7],
  })
    .argument('[id]')
    .option('--type <category>', 'instead of a task: one of this category that would be enqueued now')
    .option('--client <id>', 'with --type: whose it would be')
    .option('--priority <n>', 'with --type: instead of the priority of its category');
  perform<Flags>(cli, command, async (context, [id], { type, client, priority }) => {
    if ((id === undefined) === (type === undefined)) throw wrongInput('--type', 'give the id of a task, or --type: one of the two');
    await withDesk(context, 'there', async (desk) => {
      const asked = priority === undefined ? undefined : parseInteger('--priority', priority);
      const forecast = type === undefined ? await desk.admin().forecast(id ?? '') : await (await desk.client(client)).forecastType(type, asked);
      answer(context, row(forecast), () => textOf(context, forecast));
    });
  });
}

function textOf({ io }: Context, forecast: Forecast): string {
  const now = io.now();
  const span = (given: Span | null): string | null =>
    given === null ? null : `${instant(given.likely, now)}, between ${relative(given.low, now)} and ${relative(given.high, now)}`;
  return facts(io, [
    ['status', forecast.status],
    ['starts', span(forecast.startsAtUtc) ?? forecast.reason],
    ['ends', span(forecast.endsAtUtc)],
    ['due', instant(forecast.dueAtUtc, now)],
    ['will miss it', forecast.willMiss],
    ['before it', count(forecast.ahead)],
    ['starts a minute', forecast.perMinute === null ? null : count(forecast.perMinute)],
  ]);
}
