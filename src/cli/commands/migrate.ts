// `prismq migrate`: brings the schema of a file up to date, or shows what it would run.
import type { Command } from 'commander';
import { migrateStore } from '../../index.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import { dbOf, requireFile } from '../where.ts';

export function migrateCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'migrate', {
    summary: 'Bring the schema of a queue up to date. Opening a queue does so too; this one shows it.',
    examples: ['migrate --dry-run', 'migrate --db /var/lib/acme/prismq.db'],
    exits: [7],
  }).option('--dry-run', 'print the SQL and change nothing');
  perform<{ readonly dryRun?: true }>(cli, command, async (context, _, { dryRun = false }) => {
    const db = dbOf(context);
    if (dryRun) requireFile(context.io, db);
    const { from, to, sql } = await migrateStore(db, { dryRun });
    answer(context, { from, to, dry_run: dryRun, sql }, () => {
      if (sql.length === 0) return `The schema is up to date (${to}).`;
      if (dryRun) return sql.map((one) => `-- ${one.name}\n${one.sql.trimEnd()}`).join('\n\n');
      return `The schema went from ${from} to ${to}: ${sql.map((one) => one.name).join(', ')}.`;
    });
  });
}
