// `prismq audit verify`: recomputes the chains, here or at a server or on an export without the queue, and holds them against anchors.
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCheck } from '../../domain/audit-check.ts';
import type { AuditFault } from '../../domain/audit-chain.ts';
import type { AnchoredHead, AuditRecord, AuditVerdict } from '../../domain/audit-check.ts';
import type { AnchorReading } from '../../index.ts';
import type { ExportHeader } from '../../service/handles.ts';
import { publicKeysOf, readAnchorFiles } from '../auditing/anchors.ts';
import { readExport, sizeOf } from '../auditing/export-file.ts';
import { collect, declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { reportFailure, wrongInput } from '../failure.ts';
import { count } from '../format.ts';
import { createProgress } from '../progress.ts';
import type { Progress } from '../progress.ts';
import { row } from '../rows.ts';
import { whereOf } from '../where.ts';

interface Flags {
  readonly client?: string;
  readonly anchors?: readonly string[];
  readonly publicKey?: readonly string[];
  readonly signingKey?: string;
  readonly export?: string;
  readonly byServer?: true;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function auditVerifyCommand(cli: Cli, group: Command): void {
  const command = declare(cli, group, 'verify', {
    summary: 'Recompute the audit and name the first row of each chain that is wrong. Exit code 0: whole, 1: broken, 2: it could not be checked.',
    examples: [
      'audit verify',
      'audit verify --client acme --anchors /var/log/prismq-anchors.jsonl --public-key prismq-anchor.pub',
      'audit verify --export acme.jsonl --anchors anchors.jsonl --public-key prismq-anchor.pub',
    ],
    exits: [1],
  })
    .option('--client <id>', 'of this client only')
    .option('--anchors <file>', 'signed heads, or a log that has them; may be given again', collect)
    .option('--public-key <key>', 'who signed the anchors: what `audit key` shows, or a file with it; may be given again', collect)
    .option('--signing-key <file>', 'instead of --public-key: the key itself')
    .option('--export <file>', 'verify this export, without a queue')
    .option('--by-server', 'take the word of the server instead of reading every row here');
  perform<Flags>(cli, command, async (context, _, flags) => {
    try {
      const anchors =
        flags.anchors === undefined ? null : await readAnchorFiles(context, flags.anchors, publicKeysOf(context, flags.publicKey ?? [], flags.signingKey));
      const heads = (anchors?.heads ?? []).filter(({ clientId }) => flags.client === undefined || clientId === flags.client);
      const verdict = await verify(context, flags, heads);
      return tell(context, verdict, anchors);
    } catch (error) {
      // Whatever the reason: nothing was found out.
      reportFailure(context.io, error, context.isJson);
      return 2;
    }
  });
}

async function verify(context: Context, flags: Flags, anchors: readonly AnchoredHead[]): Promise<AuditVerdict> {
  if (flags.export !== undefined) return verifyExport(context, flags, anchors);
  const of = flags.client === undefined ? {} : { clientId: flags.client };
  const isServer = whereOf(context).kind === 'server';
  return withDesk(context, 'there', async (desk) => {
    const { audit } = desk.admin();
    if (isServer && flags.byServer === true) return audit.verify({ ...of, anchors });
    const total = (await audit.heads(of)).reduce((sum, { seq }) => sum + seq, 0);
    return shown(createProgress(context.io, 'Verified', total), (onRows) =>
      isServer ? check(audit.export(of), anchors, onRows) : audit.verify({ ...of, anchors, onProgress: onRows }),
    );
  });
}

async function verifyExport({ io }: Context, { export: file = '', client }: Flags, anchors: readonly AnchoredHead[]): Promise<AuditVerdict> {
  const path = resolve(io.base, file);
  const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6);
  const progress = createProgress(io, 'Verified MB', megabytes(await sizeOf(path)));
  return shown(progress, (onMegabytes) =>
    check(
      readExport(path, (bytes) => onMegabytes(megabytes(bytes))),
      anchors,
      () => undefined,
      client,
    ),
  );
}

async function shown<T>(progress: Progress, work: (on: (done: number) => void) => Promise<T>): Promise<T> {
  try {
    return await work((done) => progress.update(done));
  } finally {
    progress.end();
  }
}

type Records = AsyncIterable<ExportHeader | AuditRecord>;

/** Anchors are of everybody; what is held against them is what the export has. */
async function check(records: Records, anchors: readonly AnchoredHead[], onRows: (rows: number) => void, client?: string): Promise<AuditVerdict> {
  let checking = createCheck(sha256, anchors);
  let of = client;
  let isSeen = false;
  let rows = 0;
  for await (const record of records) {
    if (record.kind === 'audit') {
      of = record.clientId ?? client;
      checking = createCheck(
        sha256,
        anchors.filter(({ clientId }) => of === undefined || clientId === of),
      );
      continue;
    }
    if (record.kind !== 'end') {
      isSeen ||= record.clientId === client;
      if (of !== undefined && record.clientId !== of) continue;
    }
    checking.take(record);
    if (record.kind === 'row') onRows(++rows);
  }
  if (client !== undefined && !isSeen) throw wrongInput('--client', `there is nothing of ${client}`);
  return checking.verdict();
}

function tell(context: Context, verdict: AuditVerdict, anchors: AnchorReading | null): number {
  const broken = verdict.faults.length + (anchors?.faults.length ?? 0) > 0;
  const signed =
    anchors === null
      ? null
      : { anchors: anchors.anchors, heads: verdict.anchors, keys: anchors.keys, other_lines: anchors.others, faults: anchors.faults, notes: anchors.notes };
  const json = { ...row(verdict), faults: verdict.faults.map(row), notes: verdict.notes.map(row), whole: !broken, anchors: signed };
  answer(context, json, () => textOf(context, verdict, anchors, broken));
  return broken ? 1 : 0;
}

function textOf({ io }: Context, verdict: AuditVerdict, anchors: AnchorReading | null, broken: boolean): string {
  const { rows, sealed, unsealed, chains, cuts } = verdict;
  const against =
    anchors === null
      ? 'Without anchors a cut end and a chain made anew by its owner do not show: give --anchors.'
      : `Held against ${count(verdict.anchors)} heads of ${count(anchors.anchors)} anchors, signed by ${anchors.keys.join(', ') || 'nobody'}.`;
  return [
    broken ? io.paint(['red', 'bold'], 'The audit is broken.') : io.paint(['green', 'bold'], 'The audit is whole.'),
    `${count(rows)} rows of ${count(chains)} chains: ${count(sealed)} proven by their seals, ${count(unsealed)} younger than the last seal.${cuts === 0 ? '' : ` ${count(cuts)} chains begin at a cut.`}`,
    ...verdict.faults.map(lineOf),
    ...(anchors?.faults ?? []),
    ...verdict.notes.map((note) => `note: ${lineOf(note)}`),
    ...(anchors?.notes ?? []).map((note) => `note: ${note}`),
    io.paint('dim', against),
  ].join('\n');
}

const lineOf = ({ clientId, chain, seq, id, why }: AuditFault): string =>
  `${clientId === '' ? 'the platform' : clientId}, chain ${chain}, row ${seq}${id === null ? '' : ` (id ${id})`}: ${why}`;
