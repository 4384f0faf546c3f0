// `prismq audit`: the trail for people, and for who proves it: verify, export, anchors, retention.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { anchorAll, anchorFile, newAnchorKey, anchorSigner } from '../../index.ts';
import type { Anchor, AnchorSink } from '../../index.ts';
import { CONFIG } from '../../server/config.ts';
import type { AnchorSource } from '../../service/handles.ts';
import { requireSigner } from '../auditing/anchors.ts';
import { writeFileOf, writeRecords } from '../auditing/export-file.ts';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk, withQueue } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { count, duration, table } from '../format.ts';
import { createProgress } from '../progress.ts';
import { row } from '../rows.ts';
import { parseDuration } from '../values.ts';
import { whereOf } from '../where.ts';
import { auditTrailCommand } from './audit-trail.ts';
import { auditVerifyCommand } from './audit-verify.ts';

export function auditCommand(cli: Cli, program: Command): void {
  const group = program.command('audit').description('The audit: trail, verify, export, anchor, key, retention.');
  auditTrailCommand(cli, group);
  auditVerifyCommand(cli, group);
  exportCommand(cli, group);
  anchorCommand(cli, group);
  keyCommand(cli, group);
  retentionCommand(cli, group);
}

function exportCommand(cli: Cli, group: Command): void {
  const command = declare(cli, group, 'export', {
    summary: 'Write every row and seal as JSON, one record a line, for a verification elsewhere. The export is on record.',
    examples: ['audit export --client acme --out acme.jsonl', 'audit export | gzip > audit.jsonl.gz'],
    exits: [3, 4, 7],
  })
    .option('--client <id>', 'of this client only')
    .option('--out <file>', 'into this file, which only you may read; else to the output');
  perform<{ readonly client?: string; readonly out?: string }>(cli, command, async (context, _, { client, out }) => {
    const { io } = context;
    return withDesk(context, 'there', async (desk) => {
      const { audit } = desk.admin();
      const of = client === undefined ? {} : { clientId: client };
      if (out === undefined) return void (await writeRecords(io.out, audit.export(of), () => undefined));
      const total = (await audit.heads(of)).reduce((sum, { seq }) => sum + seq, 0);
      const progress = createProgress(io, 'Exported', total);
      const path = resolve(io.base, out);
      const rows = await writeFileOf(path, audit.export(of), (done) => progress.update(done)).finally(() => progress.end());
      answer(context, { file: path, rows }, () => `${count(rows)} rows are in ${path}.`);
    });
  });
}

function anchorCommand(cli: Cli, group: Command): void {
  const command = declare(cli, group, 'anchor', {
    summary:
      'Sign the heads of all chains that no anchor has yet, and append them to a file or print them. Keep them where the owner of the database can not write.',
    examples: ['audit anchor --to /mnt/worm/anchors.jsonl --signing-key /etc/prismq/anchor.pem', 'audit anchor >> anchors.jsonl'],
    exits: [4, 7],
  })
    .option('--to <file>', `append to this file; default ${CONFIG.auditAnchors.env}, else the output`)
    .option('--signing-key <file>', `the key that signs; default ${CONFIG.auditKey.env}`);
  perform<{ readonly to?: string; readonly signingKey?: string }>(cli, command, async (context, _, { to, signingKey }) => {
    const { io } = context;
    const signer = requireSigner(context, signingKey);
    const file = to ?? io.env[CONFIG.auditAnchors.env];
    const sink: AnchorSink =
      file === undefined || file === '' ? (anchor: Anchor) => void io.out.write(`${JSON.stringify(anchor)}\n`) : anchorFile(resolve(io.base, file));
    const done = await withSource(context, (source) => anchorAll(source, { signer, sink }, io.now));
    if (file !== undefined && file !== '') answer(context, { file: resolve(io.base, file), ...done }, () => saidOf(done));
    else note(context, saidOf(done));
  });
}

const saidOf = ({ heads, anchors }: { readonly heads: number; readonly anchors: number }): string =>
  heads === 0
    ? 'Every head has its anchor already.'
    : `Anchored ${count(heads)} new head${heads === 1 ? '' : 's'} in ${count(anchors)} line${anchors === 1 ? '' : 's'}.`;

/** On a file, what no process sealed yet is sealed first. */
async function withSource<T>(context: Context, use: (source: AnchorSource) => Promise<T>): Promise<T> {
  const where = whereOf(context);
  if (where.kind === 'server') return withDesk(context, 'there', (desk) => use(desk.admin().audit));
  return withQueue(context, where.db, 'there', async (queue) => {
    await queue.system().seal();
    return use(queue.system());
  });
}

function keyCommand(cli: Cli, group: Command): void {
  const command = declare(cli, group, 'key', {
    summary: 'Show the public key of the anchors, or make a new key.',
    examples: ['audit key --new /etc/prismq/anchor.pem > prismq-anchor.pub', 'audit key --signing-key /etc/prismq/anchor.pem'],
  })
    .option('--new <file>', 'make a key and write it into this file, which only you may read')
    .option('--signing-key <file>', `the key; default ${CONFIG.auditKey.env}`);
  perform<{ readonly new?: string; readonly signingKey?: string }>(cli, command, async (context, _, { new: file, signingKey }) => {
    if (file === undefined) {
      const { publicKey } = requireSigner(context, signingKey);
      return answer(context, { public_key: publicKey }, () => publicKey);
    }
    const path = resolve(context.io.base, file);
    const pem = newAnchorKey();
    await writeFile(path, pem, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      throw wrongInput('--new', error.code === 'EEXIST' ? `${path} is there already: it is not written over` : `${path} can not be written: ${error.message}`);
    });
    const { publicKey } = anchorSigner(pem);
    answer(context, { file: path, public_key: publicKey }, () => publicKey);
    note(context, `The key is in ${path}. The line above is the public key: keep it where the anchors are verified.`);
  });
}

const PLATFORM = '-';

function retentionCommand(cli: Cli, group: Command): void {
  const command = declare(cli, group, 'retention', {
    summary: `Show or set how long the audit of a client is kept; ${PLATFORM} is the chain of no client. Only what was anchored goes.`,
    examples: ['audit retention', 'audit retention acme 730d', 'audit retention acme forever'],
    exits: [3, 4, 7],
  })
    .argument('[client]')
    .argument('[time]', 'like 730d, or forever');
  perform(cli, command, async (context, [client, time]) =>
    withDesk(context, 'there', async (desk) => {
      const { audit } = desk.admin();
      if (client !== undefined && time === undefined) throw wrongInput('time', 'give a time like 730d, or forever');
      if (client !== undefined && time !== undefined)
        await audit.retain(client === PLATFORM ? '' : client, time === 'forever' ? null : parseDuration('time', time));
      const clients = await audit.retention();
      answer(context, { clients: clients.map(row) }, () => tableOf(context, clients));
    }),
  );
}

function tableOf({ io }: Context, clients: readonly { readonly clientId: string; readonly keepMs: number | null }[]): string {
  if (clients.length === 0) return 'No client has a retention of its own.';
  const rows = clients.map(({ clientId, keepMs }) => [clientId === '' ? PLATFORM : clientId, keepMs === null ? 'for ever' : duration(keepMs)]);
  return table(io, [{ title: 'CLIENT', whole: true }, { title: 'KEPT' }], rows);
}
