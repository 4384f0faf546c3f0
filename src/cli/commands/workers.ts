// `prismq workers`: who works, and how an operator lets one go.
import type { Command } from 'commander';
import type { WorkerInfo } from '../../domain/task.ts';
import { declare, declareList, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { plural, relative, state, table } from '../format.ts';
import { workerRow } from '../rows.ts';
import { parseDuration } from '../values.ts';

export function workersCommand(cli: Cli, program: Command): void {
  const group = program.command('workers').description('Workers: list, remove, prune.');
  const list = declareList(cli, group, { summary: 'List the workers (what `workers` alone does).', examples: ['workers', 'workers list --json'], exits: [7] });
  perform(cli, list, async (context) =>
    withDesk(context, 'there', async (desk) => {
      const items = await desk.admin().workers.list();
      answer(context, { items: items.map(workerRow) }, () => (items.length === 0 ? 'No workers.' : tableOf(context, items)));
    }),
  );
  const remove = declare(cli, group, 'remove', {
    summary: 'Drop a worker. What it holds is run elsewhere when its leases lapse.',
    examples: ['workers remove worker-1f2e3d4c'],
    exits: [3, 7],
  }).argument('<id>');
  perform(cli, remove, async (context, [id = '']) =>
    withDesk(context, 'there', async (desk) => {
      await desk.admin().workers.remove(id);
      answer(context, { worker_id: id, removed: true }, () => `The worker ${id} is removed.`);
    }),
  );
  const prune = declare(cli, group, 'prune', {
    summary: 'Drop the workers that gave no sign of life for a time and hold nothing.',
    examples: ['workers prune', 'workers prune --stale 1h'],
    exits: [7],
  }).option('--stale <duration>', 'without a sign for so long', '5m');
  perform<{ readonly stale: string }>(cli, prune, async (context, _, { stale }) => {
    const staleMs = parseDuration('--stale', stale);
    return withDesk(context, 'there', async (desk) => {
      const removed = await desk.admin().workers.prune(staleMs);
      answer(context, { removed }, () => `${plural(removed, 'worker')} removed.`);
    });
  });
}

function tableOf({ io }: Context, workers: readonly WorkerInfo[]): string {
  const now = io.now();
  const columns = [
    { title: 'WORKER', whole: true },
    { title: 'STATUS', whole: true },
    { title: 'HOLDS', align: 'right' },
    { title: 'LAST SIGN' },
    { title: 'STRATEGY' },
    { title: 'CATEGORIES' },
    { title: 'CLIENTS' },
  ] as const;
  const rows = workers.map(({ workerId, status, activeTasks, heartbeatUtc, strategy, capabilities }) => [
    workerId,
    state(status),
    activeTasks,
    relative(heartbeatUtc, now),
    strategy,
    capabilities.categories?.join(' ') ?? 'as granted',
    capabilities.clients?.join(' ') ?? 'as granted',
  ]);
  return table(io, columns, rows);
}
