// `prismq config print`: every setting of a server as it would be, and where it comes from.
import type { Command } from 'commander';
import { CONFIG } from '../../server/config.ts';
import type { SettingName } from '../../server/config.ts';
import type { Setting } from '../../server/setting.ts';
import { SERVER_SETTINGS } from '../../server/settings.ts';
import type { FoundSetting } from '../../server/settings.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import { table } from '../format.ts';
import { serverOptions, settingsFor } from '../serving/options.ts';
import type { ServerFlags } from '../serving/options.ts';

type Flags = ServerFlags & { readonly redact: boolean };

export function configCommand(cli: Cli, program: Command): void {
  const group = program.command('config').description('The settings of a server.');
  const print = declare(cli, group, 'print', {
    summary: 'Show every setting of `serve` with these flags, this environment and this folder, and where it comes from.',
    examples: ['config print --redact', 'config print --port 8080 --json'],
    exits: [78],
  })
    .option('--redact', 'hide what is secret (default)', true)
    .option('--no-redact', 'show it');
  perform<object>(cli, serverOptions(print), async (context, _, given) => {
    const flags = given as Flags;
    const found = await settingsFor(context, flags);
    const shown = SERVER_SETTINGS.map((name) => ({ name, ...found[name], value: shownOf(name, found[name], flags.redact) }));
    answer(context, { settings: Object.fromEntries(shown.map(({ name, value, from }) => [name, { value, from }])) }, () =>
      table(
        context.io,
        [{ title: 'SETTING', whole: true }, { title: 'VALUE' }, { title: 'FROM' }],
        shown.map(({ name, value, from }) => [name, typeof value === 'string' ? value : value === null ? null : JSON.stringify(value), from]),
      ),
    );
  });
}

const HIDDEN = '[hidden]';

function shownOf(name: SettingName, { value }: FoundSetting, redact: boolean): unknown {
  const row: Setting = CONFIG[name];
  if (value === undefined) return null;
  if (!redact) return value;
  if (row.secret === true) return HIDDEN;
  // A password in an address is as secret as one by itself.
  return typeof value === 'string' ? value.replace(/^([a-z][a-z0-9+.-]*:\/\/[^:@/?#]*):[^@/?#]*@/i, `$1:${HIDDEN}@`) : value;
}
