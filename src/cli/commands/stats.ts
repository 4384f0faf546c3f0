// `prismq stats`: the numbers of a queue or of one client.
import type { Command } from 'commander';
import type { QueueStats } from '../../service/handles.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { count, duration, facts, percent, state, table } from '../format.ts';
import { statsRow } from '../rows.ts';

const MOST_TYPES = 20;

export function statsCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'stats', {
    summary: 'Depth, age, rates and run times. Rates and run times look back 24 hours.',
    examples: ['stats', 'stats --client acme --json'],
    exits: [3, 7],
  }).option('--client <id>', 'of this client only');
  perform<{ readonly client?: string }>(cli, command, async (context, _, { client }) =>
    withDesk(context, 'there', async (desk) => {
      const stats = await (await desk.of(client)).stats();
      answer(context, { client_id: client ?? null, ...statsRow(stats) }, () => textOf(context, stats));
    }),
  );
}

function textOf({ io }: Context, stats: QueueStats): string {
  const states = Object.entries(stats.byStatus).filter(([, n]) => n > 0);
  const types = stats.byType.toSorted((a, b) => b.count - a.count);
  const { throughput, retries, runMs, workers, sla } = stats;
  const summary = facts(io, [
    ['tasks', stats.total],
    ...states.map(([name, n]) => [`  ${name}`, { text: count(n), style: styleOf(name) }] as const),
    ['oldest that waits', stats.oldestQueuedAgeSeconds === null ? 'nothing waits' : duration(stats.oldestQueuedAgeSeconds * 1000)],
    ['completed', `${count(throughput.lastHour)} in the last hour, ${count(throughput.perMinute)} a minute`],
    ['success', `${percent(stats.successRate)} of what ended, ${percent(stats.failureRate)} dead letters`],
    ['retries', `${percent(retries.rate)} took more than one attempt, ${count(retries.averageAttempts)} on average`],
    [
      'run time',
      runMs.count === 0 ? 'nothing ran' : `half within ${duration(runMs.p50)}, 95 % within ${duration(runMs.p95)}, 99 % within ${duration(runMs.p99)}`,
    ],
    ['due times', sla.atRisk + sla.breached + sla.met === 0 ? null : `${count(sla.met)} met, ${count(sla.breached)} breached, ${count(sla.atRisk)} at risk`],
    ['workers', `${workers.total} (${workers.active} active, ${workers.stale} stale)`],
  ]);
  if (types.length === 0) return summary;
  const rows = types.slice(0, MOST_TYPES).map((entry) => [entry.type, state(entry.status), entry.count]);
  const rest = types.length > MOST_TYPES ? `\n… and ${types.length - MOST_TYPES} more: --json has all` : '';
  return `${summary}\n\n${table(io, [{ title: 'TYPE' }, { title: 'STATUS', whole: true }, { title: 'TASKS', align: 'right' }], rows)}${rest}`;
}

function styleOf(name: string): 'red' | 'white' | 'green' {
  if (name === 'dead_letter') return 'red';
  return name === 'completed' ? 'green' : 'white';
}
