// The audit as a file: written whole or not at all, and read back without the queue, a line at a time.
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { decode, encode } from '../../contract/wire.ts';
import { AUDIT_VERSION } from '../../domain/audit-chain.ts';
import type { AuditRecord } from '../../domain/audit-check.ts';
import type { ExportHeader } from '../../service/handles.ts';
import { wrongInput } from '../failure.ts';
import type { Sink } from '../io.ts';
import { unreadable } from './anchors.ts';

const CHUNK = 65_536;

/** To a sink, at its pace; how many rows. */
export async function writeRecords(out: Sink, records: AsyncIterable<ExportHeader | AuditRecord>, onRows: (rows: number) => void): Promise<number> {
  let rows = 0;
  let text = '';
  const flush = async (): Promise<void> => {
    if (out.write(text) === false && 'once' in out) await once(out as unknown as EventEmitter, 'drain');
    text = '';
  };
  for await (const record of records) {
    text += `${encode(record)}\n`;
    if (record.kind === 'row') onRows(++rows);
    if (text.length >= CHUNK) await flush();
  }
  await flush();
  return rows;
}

/** Under another name until it is whole. Others may not read it. */
export async function writeFileOf(path: string, records: AsyncIterable<ExportHeader | AuditRecord>, onRows: (rows: number) => void): Promise<number> {
  const partial = `${path}.partial`;
  const file = createWriteStream(partial, { mode: 0o600 });
  try {
    await once(file, 'open');
    const rows = await writeRecords(file, records, onRows);
    file.end();
    await once(file, 'finish');
    await rename(partial, path);
    return rows;
  } catch (error) {
    file.destroy();
    await rm(partial, { force: true });
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw wrongInput('--out', `${path} can not be written: ${(error as Error).message}`);
  }
}

/** The records of an export. Throws when it is none, or not whole. */
export async function* readExport(path: string, onBytes: (bytes: number) => void): AsyncGenerator<ExportHeader | AuditRecord> {
  const input = createReadStream(path, 'utf8');
  let number = 0;
  let bytes = 0;
  let rows = 0;
  let ended = false;
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number += 1;
      bytes += Buffer.byteLength(line) + 1;
      if (line === '') continue;
      const record = recordIn(line, number, path);
      if (ended) throw wrongInput('--export', `line ${number} of ${path} is behind the end`);
      if (record.kind === 'row') rows += 1;
      ended = record.kind === 'end' && record.rows === rows;
      yield record;
      onBytes(bytes);
    }
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : unreadable('--export', path, error);
  }
  if (!ended) throw wrongInput('--export', `${path} is not whole: it ends before its end`);
}

const KINDS: readonly unknown[] = ['audit', 'row', 'seal', 'cut', 'passed', 'end'];

function recordIn(line: string, number: number, path: string): ExportHeader | AuditRecord {
  let record: ExportHeader | AuditRecord;
  try {
    record = decode(JSON.parse(line)) as ExportHeader | AuditRecord;
  } catch {
    throw wrongInput('--export', `line ${number} of ${path} is no record of an export`);
  }
  if (typeof record !== 'object' || record === null || !KINDS.includes(record.kind))
    throw wrongInput('--export', `line ${number} of ${path} is no record of an export`);
  if (number === 1 && (record.kind !== 'audit' || record.version !== AUDIT_VERSION))
    throw wrongInput('--export', `${path} is no export of the form ${AUDIT_VERSION}`);
  return record;
}

export const sizeOf = async (path: string): Promise<number> =>
  (
    await stat(path).catch((error: unknown) => {
      throw unreadable('--export', path, error);
    })
  ).size;
