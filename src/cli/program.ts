// The whole command line: every command, the options that all share, and how a run ends.
import { Command, CommanderError } from 'commander';
import { ERRORS, QueueError } from '../domain/errors.ts';
import { CONFIG } from '../server/config.ts';
import { packageVersion } from '../server/version.ts';
import type { Cli } from './command.ts';
import { auditCommand } from './commands/audit.ts';
import { categoriesCommand } from './commands/categories.ts';
import { clientsCommand } from './commands/clients.ts';
import { configCommand } from './commands/config.ts';
import { demoCommand } from './commands/demo.ts';
import { devCommand } from './commands/dev.ts';
import { dependenciesCommand } from './commands/dependencies.ts';
import { doctorCommand } from './commands/doctor.ts';
import { enqueueCommand } from './commands/enqueue.ts';
import { grantsCommand } from './commands/grants.ts';
import { limitsCommand, pauseCommand, resumeCommand } from './commands/limits.ts';
import { schedulesCommand } from './commands/schedules.ts';
import { explainCommand } from './commands/explain.ts';
import { forecastCommand } from './commands/forecast.ts';
import { unroutableCommand } from './commands/unroutable.ts';
import { keysCommand } from './commands/keys.ts';
import { migrateStoreCommand } from './commands/migrate-store.ts';
import { migrateCommand } from './commands/migrate.ts';
import { replayCommand } from './commands/replay.ts';
import { securityEventsCommand } from './commands/security-events.ts';
import { setupCommand } from './commands/setup.ts';
import { serveCommand } from './commands/serve.ts';
import { statsCommand } from './commands/stats.ts';
import { cancelCommand, purgeCommand, reprioritiseCommand, requeueCommand } from './commands/moves.ts';
import { taskCommand } from './commands/task.ts';
import { tasksCommand } from './commands/tasks.ts';
import { workerCommand } from './commands/worker.ts';
import { workersCommand } from './commands/workers.ts';
import { reportFailure, wantsDebug } from './failure.ts';
import type { Io } from './io.ts';

const COMMANDS = [
  devCommand,
  demoCommand,
  serveCommand,
  enqueueCommand,
  workerCommand,
  tasksCommand,
  taskCommand,
  dependenciesCommand,
  cancelCommand,
  requeueCommand,
  reprioritiseCommand,
  purgeCommand,
  explainCommand,
  forecastCommand,
  unroutableCommand,
  statsCommand,
  workersCommand,
  clientsCommand,
  grantsCommand,
  keysCommand,
  categoriesCommand,
  schedulesCommand,
  limitsCommand,
  pauseCommand,
  resumeCommand,
  securityEventsCommand,
  auditCommand,
  setupCommand,
  migrateCommand,
  migrateStoreCommand,
  doctorCommand,
  replayCommand,
  configCommand,
] as const;

export function buildProgram(cli: Cli): Command {
  const { io } = cli;
  const program = new Command('prismq')
    .description('A task queue for many clients, on an embedded SQLite file, on PostgreSQL or at a server.')
    .version(packageVersion(), '-V, --version')
    .option('--db <file>', `the file of the queue (default ${CONFIG.db.default}, or ${CONFIG.db.env})`)
    .option(
      '--url <url>',
      `the server to work at, or a PostgreSQL database, instead of a file (or ${CONFIG.url.env}); the key of a server comes from ${CONFIG.key.env}`,
    )
    .option('--key-file <file>', `the file with the key (or ${CONFIG.keyFile.env})`)
    .option('--json', 'answer in JSON, errors too')
    .option('--debug', `say what is behind an error, with its stack, on the error stream (or ${CONFIG.debug.env})`)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => void io.out.write(text), writeErr: (text) => void io.err.write(text), outputError: () => undefined })
    .exitOverride();
  for (const add of COMMANDS) add(cli, program);
  return program.addHelpText('after', () => `\nNew here? \`${io.program} dev\` starts a server with demo clients and a worker on the files of this folder.`);
}

/** Runs one command line and answers its exit code. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const cli: Cli = { io, exit: 0 };
  const program = buildProgram(cli);
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: 'user' });
    return cli.exit;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // Options without a command: the help was shown in place of an answer.
    if (error instanceof CommanderError && error.code === 'commander.help') return ERRORS.invalid_input.exit;
    return reportFailure(io, error instanceof CommanderError ? usageError(error, io) : error, argv.includes('--json'), wantsDebug(argv, io));
  }
}

function usageError(error: CommanderError, io: Io): QueueError {
  const message = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
  return new QueueError(
    'invalid_input',
    message.endsWith('?)') ? message : `${message}; \`${io.program} --help\` and \`${io.program} COMMAND --help\` show what there is`,
  );
}
