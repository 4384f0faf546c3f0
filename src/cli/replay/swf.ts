// The Standard Workload Format: one job a line, 18 numbers, -1 for what is missing, comments begin with `;`.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { QueueError } from '../../domain/errors.ts';
import { wrongInput } from '../failure.ts';

export interface SwfJob {
  /** Of the file, from 1. */
  readonly line: number;
  readonly job: number;
  /** Seconds since the start of the log. */
  readonly submitS: number;
  readonly runS: number;
  readonly user: number;
  readonly group: number;
  readonly partition: number;
}

const FIELDS = 18;
/** Places of what is used: job, submit, run time, user, group, partition. */
const USED = [0, 1, 3, 11, 12, 15] as const;
const NAMES = [
  'job number',
  'submit time',
  'wait time',
  'run time',
  'processors',
  'CPU time',
  'memory',
  'requested processors',
  'requested time',
  'requested memory',
  'status',
  'user',
  'group',
  'executable',
  'queue',
  'partition',
  'preceding job',
  'think time',
] as const;
const NUMBER = /^[-+]?(?:\d{1,15}(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,2})?$/;
const PARTITION = /^;\s*Partition:\s*(\d{1,15})\s+(\S+)/;
const LONGEST_LINE = 100_000;

const malformed = (line: number, message: string): QueueError =>
  new QueueError('invalid_input', `line ${line} is malformed: ${message}; nothing was enqueued`, {
    line,
    fields: [{ field: 'file', message: `line ${line}: ${message}` }],
  });

/** The job of a line; null for a blank one or a comment. */
export function parseJob(text: string, line: number): SwfJob | null {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.startsWith(';')) return null;
  const fields = trimmed.split(/\s+/);
  if (fields.length !== FIELDS) throw malformed(line, `${fields.length} ${fields.length === 1 ? 'field' : 'fields'} instead of ${FIELDS}`);
  for (const [i, field] of fields.entries())
    if (!NUMBER.test(field)) throw malformed(line, `field ${i + 1} (${NAMES[i] as string}) is ${JSON.stringify(field.slice(0, 40))} and no number`);
  const [job, submitS, runS, user, group, partition] = USED.map((i) => usedNumber(fields, i, line)) as [number, number, number, number, number, number];
  return { line, job, submitS, runS, user, group, partition };
}

function usedNumber(fields: readonly string[], i: number, line: number): number {
  const value = Number(fields[i]);
  if (value >= 0 || value === -1) return value;
  throw malformed(line, `field ${i + 1} (${NAMES[i] as string}) is ${fields[i] as string}: below 0 there is only -1, for missing`);
}

/** The name of a site in a comment of the header: `; Partition: 2 lancs.ac.uk`. */
export function parsePartition(text: string): readonly [number: number, name: string] | null {
  const [, number, name] = PARTITION.exec(text.trim()) ?? [];
  return number === undefined || name === undefined ? null : [Number(number), name];
}

/** The lines of a file in batches, gzip or plain as its first bytes say. */
export async function* readLines(file: string): AsyncGenerator<readonly string[]> {
  let rest = '';
  try {
    for await (const chunk of await openText(file)) {
      const lines = (rest + (chunk as string)).split('\n');
      rest = lines.pop() as string;
      if (rest.length > LONGEST_LINE) throw wrongInput('file', `${file} has a line of more than ${LONGEST_LINE} characters: it is no workload`);
      yield lines;
    }
  } catch (error) {
    throw readFailure(file, error);
  }
  if (rest !== '') yield [rest];
}

async function openText(file: string): Promise<Readable> {
  const isGzip = await startsAsGzip(file);
  const raw = createReadStream(file);
  // An error of either stream destroys the other, and reaches who reads.
  const text = isGzip ? pipeline(raw, createGunzip(), () => undefined) : raw;
  return text.setEncoding('utf8');
}

async function startsAsGzip(file: string): Promise<boolean> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE(0) === 0x1f8b;
  } finally {
    await handle?.close();
  }
}

function readFailure(file: string, error: unknown): unknown {
  if (error instanceof QueueError || !(error instanceof Error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ENOENT') return wrongInput('file', `there is no file ${file}`);
  if (code === 'EISDIR') return wrongInput('file', `${file} is a folder`);
  return wrongInput('file', code.startsWith('Z_') ? `${file} is damaged: ${error.message}` : `${file} can not be read: ${error.message}`);
}

/** The jobs of a file, in batches. */
export async function* readJobs(file: string): AsyncGenerator<readonly SwfJob[]> {
  let line = 0;
  for await (const texts of readLines(file)) yield texts.map((text) => parseJob(text, ++line)).filter((job) => job !== null);
}

export interface Workload {
  readonly jobs: number;
  readonly sites: ReadonlyMap<number, string>;
}

/** The first pass: every line is checked, and the names of the sites are collected. */
export async function inspect(file: string): Promise<Workload> {
  const sites = new Map<number, string>();
  let jobs = 0;
  let line = 0;
  for await (const texts of readLines(file)) {
    for (const text of texts) {
      if (parseJob(text, ++line) !== null) jobs++;
      const site = text.startsWith(';') ? parsePartition(text) : null;
      if (site !== null) sites.set(...site);
    }
  }
  if (jobs === 0) throw wrongInput('file', `${file} has no jobs: it is not in the Standard Workload Format`);
  return { jobs, sites };
}
