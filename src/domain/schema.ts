// JSON Schemas of categories: what reads them is handed in, so that the library itself needs no package.
import type { Json } from './task.ts';

/** What is wrong with a value, and where: a JSON pointer, empty for the whole. */
export interface SchemaTrouble {
  readonly path: string;
  readonly message: string;
}

/** Makes a check of a schema; throws for what is none. A check answers what is wrong, nothing when it fits. */
export type CompileSchema = (schema: Json) => (value: Json) => readonly SchemaTrouble[];
