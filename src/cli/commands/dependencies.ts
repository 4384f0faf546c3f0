// `prismq dependencies ID`: whom a task waits for, or who waits for it.
import type { Command } from 'commander';
import type { DependencyInfo } from '../../domain/task.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { state, table } from '../format.ts';
import { page, row } from '../rows.ts';
import { parseInteger } from '../values.ts';

interface Flags {
  readonly children?: true;
  readonly limit: string;
  readonly cursor?: string;
}

const COLUMNS = [
  { title: 'ID', whole: true },
  { title: 'TYPE' },
  { title: 'STATUS', whole: true },
  { title: 'WHEN IT ENDS OTHERWISE' },
  { title: 'EDGE' },
] as const;

export function dependenciesCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'dependencies', {
    summary: 'Show whom a task waits for, or with --children who waits for it.',
    examples: ['dependencies 0190f5f0-0000-7000-8000-000000000000', 'dependencies 0190f5f0-0000-7000-8000-000000000000 --children'],
    exits: [3, 7],
  })
    .argument('<id>')
    .option('--children', 'who waits for it')
    .option('--limit <n>', 'rows of a page, 1–1000', '100')
    .option('--cursor <text>', 'the next page, as the one before told');
  perform<Flags>(cli, command, async (context, [id = ''], { children, limit, cursor }) =>
    withDesk(context, 'there', async (desk) => {
      const direction = children === true ? 'children' : 'parents';
      const asked = { direction, limit: parseInteger('--limit', limit), ...(cursor === undefined ? {} : { cursor }) } as const;
      const { items, nextCursor } = await desk.admin().dependencies(id, asked);
      answer(context, page(items.map(row), nextCursor), () => listOf(context, items, direction));
    }),
  );
}

function listOf({ io }: Context, items: readonly DependencyInfo[], direction: 'parents' | 'children'): string {
  if (items.length === 0) return direction === 'parents' ? 'It waits for no task.' : 'No task waits for it.';
  return table(
    io,
    COLUMNS,
    items.map((edge) => [direction === 'parents' ? edge.parentId : edge.taskId, edge.type, state(edge.status), edge.policy, edge.state]),
  );
}
