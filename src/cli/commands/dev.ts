// `prismq dev [DIR]`: a server on this machine with demo clients, keys and a worker on real files. Goes on where somebody sits
// at a terminal; elsewhere it does its work, shows what came of it and ends.
import { basename } from 'node:path';
import type { Command } from 'commander';
import { QueueError } from '../../domain/errors.ts';
import { CONFIG } from '../../server/config.ts';
import { createLog } from '../../server/log.ts';
import { serve } from '../../server/serve.ts';
import type { Running } from '../../server/serve.ts';
import { findSettings, serverSettings } from '../../server/settings.ts';
import { packageVersion } from '../../server/version.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { findFiles } from '../demo/files.ts';
import type { FoundFile } from '../demo/files.ts';
import { jsonOf, tableOf } from '../demo/report.ts';
import { runDemo } from '../demo/run.ts';
import type { DemoReport } from '../demo/run.ts';
import { makeKeys } from '../dev/keys.ts';
import type { DevKeys } from '../dev/keys.ts';
import { atServer, keepWorking } from '../dev/stage.ts';
import { wrongInput } from '../failure.ts';
import { plural } from '../format.ts';
import type { Io } from '../io.ts';
import { createProgress } from '../progress.ts';
import { untilAborted, untilSignal } from '../signals.ts';
import { dbOf } from '../where.ts';
import { folderOf } from './demo.ts';

export function devCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'dev', {
    summary:
      'Start a server on this machine, with demo clients, their keys and a worker on the files of a folder. Without a terminal it ends when they are worked.',
    examples: ['dev', 'dev ./src --port 8080'],
    exits: [1, 7, 78, 130],
  })
    .argument('[dir]', 'the folder; a git checkout without what git ignores, at most 2,000 files')
    .option('--port <n>', `the port to listen on (default ${CONFIG.port.default}, or one that is free)`);
  perform<{ readonly port?: string }>(cli, command, async (context, [dir], { port }) => {
    const folder = await folderOf(context, dir);
    const files = await findFiles(folder, dbOf(context));
    if (files.length === 0) throw wrongInput('dir', `there are no files in ${folder}: name a folder that has some`);
    return untilSignal((signal) => dev(context, folder, files, port, signal));
  });
}

async function dev(context: Context, folder: string, files: readonly FoundFile[], port: string | undefined, signal: AbortSignal): Promise<number> {
  const { io } = context;
  const db = dbOf(context);
  const running = await start(io, db, port);
  const keys = await makeKeys(running.queue);
  try {
    note(
      context,
      `${io.paint('bold', 'PrismQ dev')}: a server at ${running.url} on ${db}; ${plural(files.length, 'file')} of ${basename(folder)} to hash and count, each a task over HTTP`,
    );
    const progress = createProgress(io, 'working', files.length);
    const report = await runDemo(atServer(running, keys, folder), folder, files, signal, (done, what) => progress.update(done, what));
    progress.end();
    answer(context, { url: running.url, ...jsonOf(report, db), keys: keysOf(keys) }, () => textOf(io, running, keys, report));
    if (signal.aborted) return 130;
    if (io.isInteractive !== true) return report.left === 0 ? 0 : 1;
    note(context, io.paint('dim', 'The server and a worker for Demo.* go on until Ctrl+C, which also ends the keys.'));
    await using _ = keepWorking(running, keys, folder);
    await untilAborted(signal);
    return 0;
  } finally {
    await keys.end();
    await running.close();
  }
}

/** On this machine only, whatever the environment says; on another port where the usual one is taken. */
async function start(io: Io, db: string, port: string | undefined): Promise<Running> {
  const open = async (at: string | undefined): Promise<Running> => {
    const settings = serverSettings(await findSettings({ flags: { db, port: at, logLevel: 'warn' }, env: {}, base: io.base, configFile: null }));
    return serve(settings, { log: createLog(settings, io.err), env: {}, execArgv: [], version: packageVersion(), program: io.program, now: io.now });
  };
  try {
    return await open(port);
  } catch (error) {
    if (port !== undefined || !(error instanceof QueueError) || error.code !== 'address_unavailable') throw error;
    return open('0');
  }
}

const keysOf = ({ worker, admin, clients }: DevKeys): Readonly<Record<string, unknown>> => ({ admin, worker, clients: Object.fromEntries(clients) });

function textOf(io: Io, { url }: Running, keys: DevKeys, report: DemoReport): string {
  const { owner } = report.isolation;
  const key = keys.clients.get(owner) ?? '';
  const named = (name: string, value: string): string => `  ${io.paint('dim', name.padEnd(16))}  ${value}`;
  const goes = io.isInteractive === true ? 'Try it:' : 'On a terminal it goes on, and this tries it:';
  const lines = [
    tableOf(io, report),
    '',
    io.paint('bold', 'Keys, good while this runs:'),
    named(`client ${owner}`, key),
    named('worker', keys.worker),
    named('admin', keys.admin),
    '',
    goes,
    io.paint('cyan', `  KEY=${key}`),
    io.paint(
      'cyan',
      `  curl -s ${url}/queue/enqueue -H "authorization: Bearer $KEY" -H 'content-type: application/json' -d '{"type":"Demo.Hello","payload":{"name":"Ada"}}'`,
    ),
    io.paint('cyan', `  curl -s '${url}/queue/tasks?limit=1' -H "authorization: Bearer $KEY"`),
    io.paint('cyan', `  curl -s ${url}/metrics`),
    io.paint('cyan', `  PRISMQ_KEY=$KEY ${io.program} tasks --limit 5 --url ${url}`),
  ];
  return lines.join('\n');
}
