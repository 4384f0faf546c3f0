// Which engine a suite runs on. The suites are for SQLite in memory; tests/postgres takes this over and loads them again.
import { openQueue } from '../../src/index.ts';
import type { OpenOptions, Queue } from '../../src/index.ts';

export const opener: {
  /** A queue with nothing in it. */
  open: (options: OpenOptions) => Promise<Queue>;
  /** Random histories of the model test, of 100 commands each. */
  histories: number;
} = {
  open: (options) => openQueue(':memory:', options),
  histories: 100,
};
