// The work of the demo: a file is read, hashed and counted.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { deadLetter } from '../../worker/outcome.ts';
import type { Outcome } from '../../worker/outcome.ts';
import type { HandlerContext } from '../../worker/types.ts';

export interface FileTask {
  readonly folder: string;
  readonly path: string;
}
export interface FileCounts {
  readonly sha256: string;
  readonly bytes: number;
  readonly lines: number;
  readonly words: number;
}

export async function countFile(input: FileTask, ctx: HandlerContext): Promise<FileCounts | Outcome> {
  let content: Buffer;
  try {
    content = await readFile(resolve(input.folder, input.path), { signal: ctx.signal });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return deadLetter(`${input.path} is gone`);
    throw error;
  }
  return { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length, ...countText(content) };
}

const NEWLINE = 10;
const SPACE = 32;

/** Lines and words in one pass over the bytes; a word is what stands between blanks. */
export function countText(content: Uint8Array): { readonly lines: number; readonly words: number } {
  let lines = content.length > 0 && content.at(-1) !== NEWLINE ? 1 : 0;
  let words = 0;
  let isInside = false;
  for (const byte of content) {
    if (byte === NEWLINE) lines++;
    const isBlank = byte === SPACE || (byte >= 9 && byte <= 13);
    if (!isBlank && !isInside) words++;
    isInside = !isBlank;
  }
  return { lines, words };
}
