// `prismq unroutable`: work that waits for a worker that there is not.
import type { Command } from 'commander';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import { withDesk } from '../desk.ts';
import { table } from '../format.ts';
import { row } from '../rows.ts';
import { parseInteger } from '../values.ts';

export function unroutableCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'unroutable', {
    summary: 'List work that is due and that no live worker may take, with the reason.',
    examples: ['unroutable', 'unroutable --client acme --json'],
    exits: [3, 7],
  })
    .option('--client <id>', 'of this client only')
    .option('--limit <n>', 'kinds of work, 1–1000', '100');
  perform<{ readonly client?: string; readonly limit: string }>(cli, command, async (context, _, { client, limit }) =>
    withDesk(context, 'there', async (desk) => {
      const work = await (await desk.of(client)).unroutable({ limit: parseInteger('--limit', limit) });
      const columns = [{ title: 'CLIENT' }, { title: 'TYPE' }, { title: 'WAITING', align: 'right', whole: true }, { title: 'WHY' }] as const;
      const rows = work.map(({ clientId, type, waiting, message }) => [clientId, type, waiting, message.replace('no live worker can run this, because ', '')]);
      answer(context, { items: work.map(row) }, () =>
        rows.length === 0 ? 'A live worker may take everything that is due.' : table(context.io, columns, rows),
      );
    }),
  );
}
