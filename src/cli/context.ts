// What every command is given: where it works and how to answer; and the words in which it does.
import type { Io } from './io.ts';
import type { JsonRow } from './rows.ts';
import type { Place } from './where.ts';

export interface Context {
  readonly io: Io;
  readonly isJson: boolean;
  /** Where, as the flags said; what is undefined is left to the environment and the default. */
  readonly flags: Place;
}

/** One document for programs, or text for people, on the output stream. */
export function answer({ io, isJson }: Context, json: JsonRow, text: () => string): void {
  io.out.write(`${isJson ? JSON.stringify(json) : text()}\n`);
}

/** A word to people beside the data. */
export function note({ io, isJson }: Context, text: string): void {
  if (!isJson) io.err.write(`${text}\n`);
}
