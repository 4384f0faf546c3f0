// Tasks as lines of JSON, one a line, from a file or standard input of any length: what `enqueue --ndjson` reads.
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { decode } from '../contract/wire.ts';
import { QueueError } from '../domain/errors.ts';
import type { EnqueueItem } from '../service/handles.ts';
import { wrongInput } from './failure.ts';
import type { Io } from './io.ts';
import { parseJson } from './values.ts';

export interface Line {
  /** Counted from 1, empty ones too. */
  readonly number: number;
  /** The task as the HTTP interface takes it, or why the line is none. */
  readonly item: EnqueueItem | QueueError;
}

export async function* readTasks(io: Io, given: string): AsyncGenerator<Line> {
  const file = resolve(io.base, given);
  const input = given === '-' ? io.stdinStream() : createReadStream(file, { highWaterMark: 1 << 18 });
  let number = 0;
  try {
    for await (const text of linesOf(input)) {
      number++;
      if (text.trim() !== '') yield { number, item: itemOf(text, number) };
    }
  } catch (error) {
    if (error instanceof QueueError) throw error;
    throw wrongInput('--ndjson', `${given === '-' ? 'standard input' : file} can not be read: ${(error as Error).message}`);
  }
}

/** Beyond any task that would be taken. */
const LONGEST_LINE = 2_000_000;

/** One chunk at a time, and no more read than is asked for. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: false });
  let rest = '';
  for await (const chunk of input) {
    const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
    rest = lines.pop() as string;
    if (rest.length > LONGEST_LINE) throw wrongInput('--ndjson', `a line has more than ${LONGEST_LINE} characters: no task is so long`);
    yield* lines;
  }
  if (rest !== '') yield rest + decoder.decode();
}

function itemOf(text: string, number: number): EnqueueItem | QueueError {
  try {
    const value = parseJson(`line ${number}`, text);
    if (typeof value !== 'object' || value === null || Array.isArray(value) || typeof (value as { type?: unknown }).type !== 'string')
      return new QueueError('invalid_input', `line ${number}: give an object with a type, like {"type":"Mail.Send","payload":{}}`);
    return decode(value) as EnqueueItem;
  } catch (error) {
    if (error instanceof QueueError) return error;
    throw error;
  }
}
