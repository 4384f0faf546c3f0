// `prismq explain ID`: why a task does not run.
import type { Command } from 'commander';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import { withDesk } from '../desk.ts';
import { row } from '../rows.ts';

export function explainCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'explain', {
    summary: 'Say why a task does not run: its time, its limits, its client, the workers there are.',
    examples: ['explain 0190f5f0-0000-7000-8000-000000000000'],
    exits: [3, 7],
  }).argument('<id>');
  perform(cli, command, async (context, [id = '']) =>
    withDesk(context, 'there', async (desk) => {
      const explanation = await desk.admin().explain(id);
      answer(context, row(explanation), () => `${explanation.status}\n${explanation.reasons.map(({ message }) => `- ${message}`).join('\n')}`);
    }),
  );
}
