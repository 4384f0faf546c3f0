// `prismq security-events`: denials, and changes of who may do what.
import type { Command } from 'commander';
import type { SecurityEvent } from '../../service/handles.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { relative, state, table } from '../format.ts';
import { page, row } from '../rows.ts';
import { parseInteger } from '../values.ts';

interface Flags {
  readonly client?: string;
  readonly limit: string;
  readonly cursor?: string;
}

export function securityEventsCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'security-events', {
    summary: 'List denials and changes of clients, keys, grants and workers, newest first.',
    examples: ['security-events', 'security-events --client acme --limit 100 --json'],
    exits: [3, 7],
  })
    .option('--client <id>', 'of this client only')
    .option('--limit <n>', 'rows of a page, 1–1000', '20')
    .option('--cursor <text>', 'the next page, as the one before told');
  perform<Flags>(cli, command, async (context, _, { client, limit, cursor }) => {
    const asked = { limit: parseInteger('--limit', limit), ...(cursor === undefined ? {} : { cursor }) };
    return withDesk(context, 'there', async (desk) => {
      const { items, nextCursor } = await (await desk.of(client)).securityEvents(asked);
      answer(context, page(items.map(row), nextCursor), () => (items.length === 0 ? 'No security events.' : tableOf(context, items)));
      if (nextCursor !== null) note(context, `There are more: add --cursor ${nextCursor}`);
    });
  });
}

function tableOf({ io }: Context, items: readonly SecurityEvent[]): string {
  const now = io.now();
  const rows = items.map((event) => [
    event.eventId,
    relative(event.atUtc, now),
    event.actor,
    event.action,
    event.clientId,
    event.object,
    state(event.outcome),
    Object.keys(event.details).length === 0 ? '' : JSON.stringify(event.details),
  ]);
  const columns = [
    { title: 'EVENT', align: 'right' },
    { title: 'WHEN' },
    { title: 'ACTOR' },
    { title: 'ACTION' },
    { title: 'CLIENT' },
    { title: 'OBJECT' },
    { title: 'OUTCOME' },
    { title: 'DETAILS' },
  ] as const;
  return table(io, columns, rows);
}
