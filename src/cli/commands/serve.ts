// `prismq serve`: a server on the file of a queue, until it is told to stop.
import type { Command } from 'commander';
import { createLog } from '../../server/log.ts';
import { serve } from '../../server/serve.ts';
import type { Running } from '../../server/serve.ts';
import { serverSettings } from '../../server/settings.ts';
import { packageVersion } from '../../server/version.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import type { Context } from '../context.ts';
import { serverOptions, settingsFor } from '../serving/options.ts';
import type { ServerFlags } from '../serving/options.ts';
import { untilAborted, untilSignal } from '../signals.ts';

export function serveCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'serve', {
    summary: 'Serve a queue over HTTP. The first Ctrl+C or SIGTERM lets requests finish, the second ends at once. SIGHUP reads the certificate again.',
    examples: [
      'serve --db prismq.db',
      'serve --db prismq.db --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem',
      'serve --db prismq.db --host 0.0.0.0 --proxies 1 --log-format json',
    ],
    exits: [1, 7, 78],
  });
  perform<ServerFlags>(cli, serverOptions(command), async (context, _, flags) => {
    const settings = serverSettings(await settingsFor(context, flags));
    const { io } = context;
    const log = createLog(settings, io.out);
    await untilSignal(
      async (signal) => {
        const running = await serve(settings, { log, env: io.env, execArgv: process.execArgv, version: packageVersion(), program: io.program, now: io.now });
        welcome(context, running);
        const renew = (): void => running.renewTls();
        process.on('SIGHUP', renew);
        await untilAborted(signal);
        process.off('SIGHUP', renew);
        await running.close();
      },
      (name) => void io.err.write(`${name}: requests may finish; once more to stop at once.\n`),
    );
  });
}

/** Shown once, to people: the log has neither. */
function welcome({ io }: Context, { url, bootstrap }: Running): void {
  if (bootstrap === null) return;
  const here = url.replace(/\/\/(0\.0\.0\.0|\[::\]):/, '//127.0.0.1:');
  io.err.write(
    [
      `No admin has a key yet. For 15 minutes this makes the first one, once; it is not shown again:`,
      `  printf %s ${bootstrap.secret} | ${io.program} keys bootstrap --use --url ${here}`,
      '',
    ].join('\n'),
  );
}
