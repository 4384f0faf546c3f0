// How a command is declared: usage, one line of summary, an example, its exit codes; and how what it does is run.
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { EXITS, wrongInput } from './failure.ts';
import type { Exit } from './failure.ts';
import type { Io } from './io.ts';
import type { Place } from './where.ts';

export interface Cli {
  readonly io: Io;
  /** The exit code that the command asked for. */
  exit: number;
}

export interface Spec {
  readonly summary: string;
  /** Without the name of the program. */
  readonly examples: readonly string[];
  /** Beside 0 and 2, which each command has. */
  readonly exits?: readonly Exit[];
}

/** A command below `parent`. */
export function declare(cli: Cli, parent: Command, name: string, { summary, examples, exits = [] }: Spec, isDefault = false): Command {
  const codes = [0, 2, ...exits].toSorted((a, b) => a - b) as Exit[];
  return parent
    .command(name, { isDefault })
    .description(summary)
    .addHelpText(
      'after',
      () =>
        `\nExamples:\n${examples.map((example) => `  ${cli.io.program} ${example}`).join('\n')}\n\nExit codes: ${codes.map((code) => `${code} ${EXITS[code]}`).join(' · ')}`,
    );
}

/** The `list` of a group, which is also what the group does when nothing follows it. */
export function declareList(cli: Cli, group: Command, spec: Spec): Command {
  const list = declare(cli, group, 'list', spec, true).allowExcessArguments(true);
  return list.hook('preAction', () => {
    const [stray] = list.args;
    if (stray === undefined) return;
    const known = group.commands.map((command) => command.name()).join(', ');
    throw wrongInput('command', `${group.name()} has no command ${JSON.stringify(stray)}: there are ${known}`);
  });
}

type Work<Options> = (context: Context, args: readonly (string | undefined)[], options: Options) => Promise<number | void>;

/** Runs `work` with the context, the arguments and the options of the command. */
export function perform<Options extends object>(cli: Cli, command: Command, work: Work<Options>): Command {
  return command.action(async () => {
    const { db, url, keyFile, json } = command.optsWithGlobals<Place & { readonly json?: boolean }>();
    cli.exit = (await work({ io: cli.io, isJson: json === true, flags: { db, url, keyFile } }, command.args, command.opts<Options>())) ?? 0;
  });
}

/** For an option that may be given again and again. */
export const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];
