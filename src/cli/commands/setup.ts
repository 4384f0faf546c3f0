// `prismq setup`: roles, schema and logins of a queue on PostgreSQL, once, by a superuser. Again it changes nothing that is right.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isPostgres, printPostgres, setupPostgres } from '../../index.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { wrongInput } from '../failure.ts';

interface Flags {
  readonly envFile?: string;
  readonly printSql?: true;
  readonly dedicatedDatabase?: true;
}

export function setupCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'setup', {
    summary: 'Make the roles, the schema and the three logins of a queue on PostgreSQL. The URL is a superuser\u2019s, and is needed only here.',
    examples: ['setup --url postgres://postgres@db.example/acme --env-file prismq.env', 'setup --print-sql'],
    exits: [7],
  })
    .option('--env-file <file>', 'where the URLs of the logins and the signing key go, as lines that sh can source; readable by its owner alone')
    .option('--print-sql', 'print the SQL of roles and schema and change nothing')
    .option('--dedicated-database', 'the database is PrismQ\u2019s alone: also take from PUBLIC what shows or disturbs other sessions in it');
  perform<Flags>(cli, command, async (context, _, { envFile, printSql, dedicatedDatabase = false }) => {
    if (printSql === true) return void context.io.out.write(`${await printPostgres(dedicatedDatabase)}\n`);
    const { url } = context.flags;
    if (url === undefined || !isPostgres(url)) throw wrongInput('--url', 'give the URL of a superuser: postgres://\u2026');
    if (envFile === undefined) throw wrongInput('--env-file', 'name the file that gets the logins');
    await setUp(context, url, resolve(context.io.base, envFile), dedicatedDatabase);
  });
}

async function setUp(context: Context, url: string, file: string, dedicated: boolean): Promise<void> {
  const kept = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  const { lines } = await setupPostgres(url, { dedicated, ...(kept === undefined ? {} : { kept }) });
  writeFileSync(file, lines, { mode: 0o600 });
  chmodSync(file, 0o600);
  answer(
    context,
    { env_file: file, dedicated_database: dedicated },
    () => `The queue is set up. Use it with \`set -a; . ${file}; set +a\`: every command without --db or --url goes there.`,
  );
}
