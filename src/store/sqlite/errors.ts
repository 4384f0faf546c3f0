// SQLite's errors as ours: the one place where result codes are read.
import { QueueError } from '../../domain/errors.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import { heldOf } from '../move/held.ts';

interface SqliteError extends Error {
  readonly errcode?: number;
}

/** Primary result codes that mean something to a caller. */
const MEANING: Readonly<Record<number, { readonly code: ErrorCode; readonly message: string }>> = {
  5: { code: 'store_busy', message: 'another process holds the database; try again' },
  6: { code: 'store_busy', message: 'the database is locked; try again' },
  8: { code: 'store_read_only', message: 'the database can not be written: check the permissions of the file and of its folder' },
  10: { code: 'store_unavailable', message: 'reading or writing the database file failed' },
  11: { code: 'store_corrupt', message: 'the database file is damaged: restore it from a backup' },
  13: { code: 'store_full', message: 'the disk or the database is full: free some room; what was acknowledged is kept' },
  14: { code: 'store_unavailable', message: 'the database file can not be opened: check that its folder exists and may be written' },
  26: { code: 'store_corrupt', message: 'the file is not a SQLite database' },
};

/** A trigger said no: SQLITE_CONSTRAINT_TRIGGER. */
const RAISED = 1811;

export const isBusy = (error: unknown): boolean => {
  const primary = ((error as SqliteError)?.errcode ?? 0) & 0xff;
  return primary === 5 || primary === 6;
};

/** A typed error for what SQLite threw; errors of ours pass through. */
export function asQueueError(error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  const errcode = (error as SqliteError)?.errcode ?? 0;
  const held = errcode === RAISED ? heldOf((error as Error).message) : null;
  if (held !== null) return new QueueError(held.code, held.message);
  const known = MEANING[errcode & 0xff];
  if (known !== undefined) return new QueueError(known.code, known.message, {}, error);
  return new QueueError('internal', 'something went wrong inside the store; the change was not made', {}, error);
}
