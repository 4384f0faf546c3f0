// `prismq schedules`: work that comes by the clock, of one client.
import type { Command } from 'commander';
import { MISSED } from '../../domain/schedule.ts';
import type { Schedule, ScheduleInput } from '../../domain/schedule.ts';
import type { ScheduleHandle } from '../../service/handles.ts';
import { collect, declare, declareList, perform } from '../command.ts';
import type { Cli, Spec } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { duration, instant, relative, table } from '../format.ts';
import type { JsonRow } from '../rows.ts';
import { row } from '../rows.ts';
import { parseDuration, parseInstant, parseInteger, parseJson, parsePairs, readText } from '../values.ts';

interface OfClient {
  readonly client?: string;
}
interface Flags extends OfClient {
  readonly cron?: string;
  readonly zone?: string;
  readonly every?: string;
  readonly at?: string;
  readonly missed?: string;
  readonly priority?: string;
  readonly maxAttempts?: string;
  readonly limitKey?: string;
  readonly metadata?: readonly string[];
  readonly paused?: true;
}

const CLIENT = ['--client <id>', 'whose it is (default `default`, or the client of the key)'] as const;

const scheduleRow = ({ options, ...schedule }: Schedule): JsonRow => ({ ...row(schedule), options: row(options) });

export function schedulesCommand(cli: Cli, program: Command): void {
  const group = program.command('schedules').description('Schedules: list, set, show, next, run, pause, resume, remove.');
  const list = declareList(cli, group, {
    summary: 'List the schedules of a client (what `schedules` alone does).',
    examples: ['schedules --client acme'],
    exits: [7],
  });
  perform<OfClient>(cli, list.option(...CLIENT), async (context, _, { client }) =>
    using(context, client, 'there', async (schedules) => {
      const items: Schedule[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page = await schedules.list({ limit: 1000, ...(cursor === '' ? {} : { cursor }) });
        items.push(...page.items);
        cursor = page.nextCursor;
      }
      answer(context, { items: items.map(scheduleRow) }, () => (items.length === 0 ? 'No schedules.' : tableOf(context, items)));
    }),
  );
  setCommand(cli, group);
  one(cli, group, 'show', { summary: 'Show one schedule.', examples: ['schedules show nightly --client acme'] }, (schedules, name) => schedules.get(name));
  one(cli, group, 'pause', { summary: 'Let a schedule fire nothing.', examples: ['schedules pause nightly'] }, (schedules, name) => schedules.pause(name));
  one(cli, group, 'resume', { summary: 'Go on with the next tick.', examples: ['schedules resume nightly'] }, (schedules, name) => schedules.resume(name));
  nextRunRemove(cli, group);
}

function setCommand(cli: Cli, group: Command): void {
  const set = declare(cli, group, 'set', {
    summary: 'Make a schedule, or give it another rule. PAYLOAD is JSON, @file, or - for standard input.',
    examples: [
      `schedules set nightly Report.Nightly '{"of":"yesterday"}' --cron '0 2 * * *' --zone Europe/Prague --client acme`,
      'schedules set poll Feed.Poll --every 5m --missed none',
      'schedules set launch Mail.Campaign @launch.json --at 2030-01-31T12:00Z',
    ],
    exits: [6, 7],
  })
    .argument('<name>')
    .argument('<type>', 'category of its tasks')
    .argument('[payload]', 'JSON, @file or -')
    .option(...CLIENT)
    .option('--cron <expression>', 'five fields, or six with seconds first')
    .option('--zone <name>', 'time zone of --cron (default UTC)')
    .option('--every <duration>', 'a tick every so often')
    .option('--at <when>', 'one tick: a date or a duration from now')
    .option('--missed <rule>', `what becomes of ticks that nobody could fire: ${MISSED.join(', ')} (default one)`)
    .option('--priority <n>', '1–1000, lower first')
    .option('--max-attempts <n>', '1–100')
    .option('--limit-key <text>', 'free key of limits')
    .option('--metadata <key=value>', 'may be given again', collect)
    .option('--paused', 'do not fire before it is resumed');
  perform<Flags>(cli, set, async (context, [name = '', type = '', payload], flags) => {
    const input = await inputOf(context, type, payload, flags);
    return using(context, flags.client, 'make', async (schedules, context) => {
      const made = await schedules.set(name, input);
      answer(context, scheduleRow(made), () => `${name} is set: the next tick is ${instant(made.nextUtc, context.io.now()) ?? 'none'}.`);
    });
  });
}

async function inputOf({ io }: Context, type: string, payload: string | undefined, flags: Flags): Promise<ScheduleInput> {
  const { cron, zone, every, at, missed, priority, maxAttempts, limitKey, metadata, paused } = flags;
  const rule = MISSED.find((one) => one === missed);
  if (missed !== undefined && rule === undefined) throw wrongInput('--missed', `${JSON.stringify(missed)} is no rule: there are ${MISSED.join(', ')}`);
  return {
    type,
    ...(payload === undefined ? {} : { payload: parseJson('payload', await readText(io, 'payload', payload)) }),
    ...(cron === undefined ? {} : { cron }),
    ...(zone === undefined ? {} : { timeZone: zone }),
    ...(every === undefined ? {} : { everyMs: parseDuration('--every', every) }),
    ...(at === undefined ? {} : { atUtc: parseInstant('--at', at, io.now()) }),
    ...(rule === undefined ? {} : { missed: rule }),
    ...(paused === undefined ? {} : { paused }),
    options: {
      ...(priority === undefined ? {} : { priority: parseInteger('--priority', priority) }),
      ...(maxAttempts === undefined ? {} : { maxAttempts: parseInteger('--max-attempts', maxAttempts) }),
      ...(limitKey === undefined ? {} : { limitKey }),
      ...(metadata === undefined ? {} : { metadata: parsePairs('--metadata', metadata) }),
    },
  };
}

function one(cli: Cli, group: Command, verb: string, spec: Spec, act: (schedules: ScheduleHandle, name: string) => Promise<Schedule>): void {
  const command = declare(cli, group, verb, { ...spec, exits: [3, 7] })
    .argument('<name>')
    .option(...CLIENT);
  perform<OfClient>(cli, command, async (context, [name = ''], { client }) =>
    using(context, client, 'there', async (schedules) => {
      const schedule = await act(schedules, name);
      answer(context, scheduleRow(schedule), () => tableOf(context, [schedule]));
    }),
  );
}

function nextRunRemove(cli: Cli, group: Command): void {
  const next = declare(cli, group, 'next', { summary: 'Show its next ticks.', examples: ['schedules next nightly -n 3'], exits: [3, 7] })
    .argument('<name>')
    .option('-n, --count <n>', '1–100', '10')
    .option(...CLIENT);
  perform<OfClient & { readonly count: string }>(cli, next, async (context, [name = ''], { client, count }) =>
    using(context, client, 'there', async (schedules) => {
      const ticks = await schedules.preview(name, parseInteger('--count', count));
      answer(context, { name, ticks_utc: ticks }, () =>
        ticks.length === 0 ? 'There is no tick any more.' : ticks.map((tick) => new Date(tick).toISOString()).join('\n'),
      );
    }),
  );
  const run = declare(cli, group, 'run', { summary: 'Enqueue its task now, beside its ticks.', examples: ['schedules run nightly'], exits: [3, 6, 7] })
    .argument('<name>')
    .option(...CLIENT);
  perform<OfClient>(cli, run, async (context, [name = ''], { client }) =>
    using(context, client, 'there', async (schedules) => {
      const { taskId, ...made } = await schedules.run(name);
      answer(context, { id: taskId, schedule: name, ...row(made) }, () => taskId);
    }),
  );
  const remove = declare(cli, group, 'remove', { summary: 'Take a schedule away; its tasks stay.', examples: ['schedules remove nightly'], exits: [3, 7] })
    .argument('<name>')
    .option(...CLIENT);
  perform<OfClient>(cli, remove, async (context, [name = ''], { client }) =>
    using(context, client, 'there', async (schedules) => {
      await schedules.delete(name);
      answer(context, { name, removed: true }, () => `${name} is removed.`);
    }),
  );
}

const using = (
  context: Context,
  client: string | undefined,
  mode: 'make' | 'there',
  act: (schedules: ScheduleHandle, context: Context) => Promise<void>,
): Promise<void> => withDesk(context, mode, async (desk, inner) => act((await desk.client(client)).schedules, inner));

function ruleText({ cron, timeZone, everyMs, atUtc }: Schedule): string {
  if (cron !== null) return `${cron} ${timeZone ?? ''}`.trim();
  return everyMs === null ? `once ${new Date(atUtc ?? 0).toISOString()}` : `every ${duration(everyMs)}`;
}

function tableOf({ io }: Context, schedules: readonly Schedule[]): string {
  const now = io.now();
  const rows = schedules.map((one) => [
    one.name,
    one.type,
    ruleText(one),
    one.paused ? 'paused' : relative(one.nextUtc, now),
    relative(one.lastUtc, now),
    one.fired,
    one.lastRefusal,
  ]);
  return table(
    io,
    [
      { title: 'SCHEDULE', whole: true },
      { title: 'TYPE' },
      { title: 'RULE' },
      { title: 'NEXT' },
      { title: 'LAST' },
      { title: 'TASKS', align: 'right' },
      { title: 'REFUSED' },
    ],
    rows,
  );
}
