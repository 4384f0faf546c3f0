// `prismq doctor`: looks at a queue's store for what would hurt later, and says what to do.
import type { Command } from 'commander';
import { examineStore } from '../../index.ts';
import type { CheckResult } from '../../index.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { wrongInput } from '../failure.ts';
import { plural } from '../format.ts';
import type { Style } from '../io.ts';
import { row } from '../rows.ts';
import { requireFile, whereOf } from '../where.ts';

export function doctorCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'doctor', {
    summary: 'Look at the store of a queue: who could get round its walls, whether it is whole, what the server can do. Changes nothing.',
    examples: ['doctor', 'doctor --json', 'doctor --url postgres://postgres@db.example/acme'],
    exits: [1, 7],
  });
  perform<object>(cli, command, async (context) => {
    const where = whereOf(context);
    if (where.kind === 'server') throw wrongInput('--url', 'doctor looks at a file or a database: give it where the server runs');
    requireFile(context.io, where.db);
    const checks = await examineStore(where.db);
    const isWell = checks.every(({ state }) => state !== 'failed');
    answer(context, { healthy: isWell, checks: checks.map(row) }, () => textOf(context, checks));
    return isWell ? 0 : 1;
  });
}

const MARKS = { ok: ['✔', 'green'], warning: ['!', 'yellow'], failed: ['✖', 'red'], unknown: ['?', 'gray'] } as const satisfies Record<
  CheckResult['state'],
  readonly [string, Style]
>;

function textOf({ io }: Context, checks: readonly CheckResult[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, state, found, fix }) => {
    const [mark, style] = MARKS[state];
    const line = `${io.paint(style, mark)} ${name.padEnd(width)}  ${found}`;
    return state === 'ok' || state === 'unknown' ? [line] : [line, `${' '.repeat(width + 4)}${io.paint('dim', `→ ${fix}`)}`];
  });
  const of = (state: CheckResult['state']): number => checks.filter((one) => one.state === state).length;
  return [
    ...lines,
    '',
    `${plural(checks.length, 'check')}: ${of('failed')} failed, ${plural(of('warning'), 'warning')}, ${of('unknown')} not possible with this login.`,
  ].join('\n');
}
