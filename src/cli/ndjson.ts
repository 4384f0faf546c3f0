// Tasks as lines of JSON, one a line, from a file or standard input of any length: what `enqueue --ndjson` reads.
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
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
  const input = given === '-' ? io.stdinStream() : createReadStream(file);
  const missing = new Promise<never>((_, reject) =>
    input.once('error', (error: Error) => reject(wrongInput('--ndjson', `${file} can not be read: ${error.message}`))),
  );
  missing.catch(() => undefined);
  const lines = createInterface({ input, crlfDelay: Infinity })[Symbol.asyncIterator]();
  for (let number = 1; ; number++) {
    const next = await Promise.race([lines.next(), missing]);
    if (next.done === true) return;
    if (next.value.trim() !== '') yield { number, item: itemOf(next.value, number) };
  }
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
