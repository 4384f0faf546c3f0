// `prismq demo [DIR]`: what a newcomer sees first. Real files, real work, several clients, and where to look next.
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { openQueue } from '../../index.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { findFiles } from '../demo/files.ts';
import { jsonOf, nextOf, tableOf } from '../demo/report.ts';
import { inProcess, runDemo } from '../demo/run.ts';
import { wrongInput } from '../failure.ts';
import { plural } from '../format.ts';
import { createProgress } from '../progress.ts';
import { untilSignal } from '../signals.ts';
import { dbOf, hintOf } from '../where.ts';

export function demoCommand(cli: Cli, program: Command): void {
  const command = declare(cli, program, 'demo', {
    summary: 'Work the files of a folder (default this one) as tasks of several clients, and show what came of it.',
    examples: ['demo', 'demo ./src --db /tmp/demo.db'],
    exits: [1, 7, 130],
  }).argument('[dir]', 'the folder; a git checkout without what git ignores, at most 2,000 files');
  perform(cli, command, async (context, [dir]) => {
    return demo(context, await folderOf(context, dir));
  });
}

export async function folderOf({ io }: Context, dir: string | undefined): Promise<string> {
  const folder = resolve(io.base, dir ?? '.');
  const info = await stat(folder).catch(() => null);
  if (info?.isDirectory() !== true) throw wrongInput('dir', `there is no folder ${folder}`);
  return folder;
}

async function demo(context: Context, folder: string): Promise<number> {
  const { io } = context;
  const db = dbOf(context);
  const files = await findFiles(folder, db);
  if (files.length === 0) throw wrongInput('dir', `there are no files in ${folder}: name a folder that has some`);
  note(context, `${io.paint('bold', 'PrismQ demo')}: ${plural(files.length, 'file')} of ${basename(folder)} to hash and count, each a task, in ${db}`);
  await using queue = await openQueue(db);
  const progress = createProgress(io, 'working', files.length);
  return await untilSignal(async (signal) => {
    const report = await runDemo(inProcess(queue), folder, files, signal, (done, what) => progress.update(done, what));
    progress.end();
    answer(context, jsonOf(report, db), () => `${tableOf(io, report)}\n\n${nextOf(io, report, hintOf(io, { kind: 'file', db }))}`);
    if (signal.aborted) return 130;
    return report.left === 0 ? 0 : 1;
  });
}
