// `prismq clients`: the tenants of a queue.
import type { Command } from 'commander';
import type { AdminHandle, ClientInfo } from '../../service/handles.ts';
import { declare, declareList, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { count, relative, state, table } from '../format.ts';
import { row } from '../rows.ts';
import { privacyCommands } from './clients-privacy.ts';
import { parseInteger } from '../values.ts';

export function clientsCommand(cli: Cli, program: Command): void {
  const group = program.command('clients').description('Clients: create, list, suspend, resume, weight, quota, encrypt, erase, export.');
  const list = declareList(cli, group, { summary: 'List the clients (what `clients` alone does).', examples: ['clients', 'clients list --json'], exits: [7] });
  perform(cli, list, async (context) =>
    withDesk(context, 'there', async (desk) => {
      const items = await desk.admin().clients.list();
      answer(context, { items: items.map(row) }, () => (items.length === 0 ? 'No clients.' : tableOf(context, items)));
    }),
  );
  const create = declare(cli, group, 'create', { summary: 'Make a client.', examples: ['clients create acme --weight 3'], exits: [5, 7] })
    .argument('<id>', '1–63 letters, digits, ., _ and -')
    .option('--weight <n>', 'share of the claims under contention, 1–1000', '1');
  perform<{ readonly weight: string }>(cli, create, async (context, [id = ''], flags) => {
    const weight = parseInteger('--weight', flags.weight);
    return change(context, 'make', (clients) => clients.create(id, { weight }), 'is made');
  });
  const suspend = declare(cli, group, 'suspend', {
    summary: 'Let a client enqueue nothing until it is resumed, and let nothing of it be claimed.',
    examples: ['clients suspend acme'],
    exits: [3, 7],
  }).argument('<id>');
  perform(cli, suspend, async (context, [id = '']) => change(context, 'there', (clients) => clients.suspend(id), 'is suspended'));
  const resume = declare(cli, group, 'resume', { summary: 'Take a suspension back.', examples: ['clients resume acme'], exits: [3, 7] }).argument('<id>');
  perform(cli, resume, async (context, [id = '']) => change(context, 'there', (clients) => clients.resume(id), 'is active'));
  quotaCommand(cli, group);
  privacyCommands(cli, group);
  const weigh = declare(cli, group, 'weight', { summary: 'Change the share of a client.', examples: ['clients weight acme 3'], exits: [3, 7] })
    .argument('<id>')
    .argument('<n>', '1–1000');
  perform(cli, weigh, async (context, [id = '', n = '']) => {
    const weight = parseInteger('weight', n);
    return change(context, 'there', (clients) => clients.weight(id, weight), `has weight ${weight}`);
  });
}

const BYTES: Readonly<Record<string, number>> = { '': 1, k: 1000, m: 1_000_000, g: 1_000_000_000 };

function parseBytes(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,12})([kmg]?)b?$/i.exec(text) ?? [];
  if (number === '') throw wrongInput('--bytes', `${JSON.stringify(text)} is no size: give bytes, or like 500k, 20m, 1g`);
  return Number(number) * (BYTES[unit.toLowerCase()] as number);
}

function quotaCommand(cli: Cli, group: Command): void {
  const quota = declare(cli, group, 'quota', {
    summary: 'Say how much of a client may be unfinished at once; without options: any.',
    examples: ['clients quota acme --tasks 100000 --bytes 500m', 'clients quota acme'],
    exits: [3, 7],
  })
    .argument('<id>')
    .option('--tasks <n>', 'tasks that wait, are put off, blocked or running')
    .option('--bytes <size>', 'of their payloads: 500k, 20m, 1g');
  perform<{ readonly tasks?: string; readonly bytes?: string }>(cli, quota, async (context, [id = ''], { tasks, bytes }) => {
    const wanted = { ...(tasks === undefined ? {} : { tasks: parseInteger('--tasks', tasks) }), ...(bytes === undefined ? {} : { bytes: parseBytes(bytes) }) };
    await withDesk(context, 'there', async (desk) => {
      const info = await desk.admin().clients.quota(id, wanted);
      const of = (used: number, most: number | null): string => `${count(used)} of ${most === null ? 'any' : count(most)}`;
      answer(context, row(info), () => `${of(info.usedTasks, info.tasks)} tasks, ${of(info.usedBytes, info.bytes)} bytes.`);
    });
  });
}

async function change(context: Context, mode: 'make' | 'there', act: (clients: AdminHandle['clients']) => Promise<ClientInfo>, done: string): Promise<void> {
  await withDesk(context, mode, async (desk, context) => {
    const client = await act(desk.admin().clients);
    answer(context, row(client), () => `The client ${client.clientId} ${done}.`);
  });
}

function tableOf({ io }: Context, clients: readonly ClientInfo[]): string {
  const now = io.now();
  const rows = clients.map((client) => [client.clientId, state(client.status), client.weight, relative(client.createdAtUtc, now)]);
  return table(io, [{ title: 'CLIENT', whole: true }, { title: 'STATUS' }, { title: 'WEIGHT', align: 'right' }, { title: 'MADE' }], rows);
}
