// `prismq audit trail`: what happened to tasks and what concerned security, by client, time, actor, object and action.
import type { Command } from 'commander';
import { CHAINS } from '../../domain/audit-chain.ts';
import type { TrailEntry, TrailFilter } from '../../service/handles.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { state, table } from '../format.ts';
import { page, row } from '../rows.ts';
import { parseDuration, parseInstant, parseInteger } from '../values.ts';

interface Flags {
  readonly client?: string;
  readonly chain?: string;
  readonly actor?: string;
  readonly object?: string;
  readonly action?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: string;
  readonly cursor?: string;
}

export function auditTrailCommand(cli: Cli, group: Command): void {
  const command = declare(cli, group, 'trail', {
    summary: 'What was done, by whom and to what, newest first.',
    examples: ['audit trail --client acme --since 24h', 'audit trail --object 0190a1b2-… --json', 'audit trail --chain security --action key.create'],
    exits: [3, 4, 7],
  })
    .option('--client <id>', 'of this client only')
    .option('--chain <name>', `${CHAINS.join(' or ')}; default both`)
    .option('--actor <name>', 'like client:acme, worker:mailer-1 or admin')
    .option('--object <id>', 'a task, key, grant, worker or client')
    .option('--action <name>', 'an event of a task or the name of an operation, like claim or key.create')
    .option('--since <time>', 'from then on: a date like 2030-01-31T12:00Z, or so long ago, like 2h')
    .option('--until <time>', 'before then')
    .option('--limit <n>', 'rows of a page, 1–1000', '20')
    .option('--cursor <text>', 'the next page, as the one before told');
  perform<Flags>(cli, command, async (context, _, flags) =>
    withDesk(context, 'there', async (desk) => {
      const { items, nextCursor } = await desk.admin().audit.trail(filterOf(flags, context.io.now()));
      answer(context, page(items.map(row), nextCursor), () => (items.length === 0 ? 'Nothing.' : tableOf(context, items)));
      if (nextCursor !== null) note(context, `There are more: add --cursor ${nextCursor}`);
    }),
  );
}

function filterOf({ client, chain, since, until, limit, ...rest }: Flags, now: number): TrailFilter {
  const known = CHAINS.find((name) => name === chain);
  if (chain !== undefined && known === undefined) throw wrongInput('--chain', `${JSON.stringify(chain)} is no chain: there are ${CHAINS.join(', ')}`);
  return {
    ...rest,
    limit: parseInteger('--limit', limit),
    ...(client === undefined ? {} : { clientId: client }),
    ...(known === undefined ? {} : { chain: known }),
    ...(since === undefined ? {} : { sinceUtc: pastOf('--since', since, now) }),
    ...(until === undefined ? {} : { untilUtc: pastOf('--until', until, now) }),
  };
}

/** A date, or so long ago. */
const pastOf = (flag: string, text: string, now: number): number =>
  /^\d{4}-\d\d-\d\d/.test(text) ? parseInstant(flag, text, now) : now - parseDuration(flag, text);

function tableOf({ io }: Context, items: readonly TrailEntry[]): string {
  const rows = items.map((entry) => [
    new Date(entry.atUtc).toISOString(),
    entry.clientId,
    entry.actor,
    entry.action,
    entry.object,
    state(entry.outcome),
    JSON.stringify(entry.details),
  ]);
  const columns = [
    { title: 'WHEN', whole: true },
    { title: 'CLIENT' },
    { title: 'ACTOR' },
    { title: 'ACTION' },
    { title: 'OBJECT' },
    { title: 'OUTCOME', optional: true },
    { title: 'DETAILS', optional: true },
  ] as const;
  return table(io, columns, rows);
}
