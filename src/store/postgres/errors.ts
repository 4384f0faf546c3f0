// PostgreSQL's errors as ours: the one place where SQLSTATE is read.
import { QueueError } from '../../domain/errors.ts';
import type { ErrorCode } from '../../domain/errors.ts';

interface DatabaseError extends Error {
  readonly code?: string;
}

/** By the class (first two characters) or the whole code. */
const MEANING: Readonly<Record<string, { readonly code: ErrorCode; readonly message: string }>> = {
  '08': { code: 'store_unavailable', message: 'the connection to the database was lost: what was not acknowledged may or may not be stored; try again' },
  '28': { code: 'store_unavailable', message: 'the database refused the login: check user, password and pg_hba.conf' },
  '3D': { code: 'store_unavailable', message: 'there is no such database on the server' },
  '3F': { code: 'store_refused', message: 'the database has no schema `prismq`: run `prismq setup` or `prismq migrate`' },
  '40': { code: 'store_busy', message: 'the database undid the change because of another one at the same time; try again' },
  '53': { code: 'store_full', message: 'the database has no room or no connections left: free some; what was acknowledged is kept' },
  '55': { code: 'store_busy', message: 'another transaction holds what this one needs; try again' },
  '57': { code: 'store_unavailable', message: 'the database is stopping, starting or cancelled the statement; try again' },
  '25006': { code: 'store_read_only', message: 'the database can not be written: it is a replica or read-only' },
  '42501': { code: 'forbidden', message: 'the database refused it: not for this role' },
  '42P01': { code: 'store_refused', message: 'the schema `prismq` is not complete: run `prismq migrate`' },
  '42883': { code: 'store_refused', message: 'the schema `prismq` is of another version: run `prismq migrate`' },
  XX001: { code: 'store_corrupt', message: 'the database reports damaged data: restore it from a backup' },
  XX002: { code: 'store_corrupt', message: 'the database reports a damaged index: rebuild it' },
};

const codeOf = (error: unknown): string => String((error as DatabaseError)?.code ?? '');

/** The database said no, so nothing was stored: the same call may be tried anew. */
export const isUndone = (error: unknown): boolean => /^(40|22|23|42|PQ)/.test(codeOf(error)) || error instanceof QueueError;

/** Two transactions met: a repeat may succeed at once. */
export const isConflict = (error: unknown): boolean => codeOf(error) === '40P01' || codeOf(error) === '40001';

export function asQueueError(error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  const code = codeOf(error);
  if (code === 'PQ001') {
    const {
      code: ours,
      message,
      details,
    } = JSON.parse((error as Error).message) as { code: ErrorCode; message: string; details: Record<string, unknown> | null };
    return new QueueError(ours, message, details ?? {});
  }
  const known = MEANING[code] ?? MEANING[code.slice(0, 2)];
  if (known !== undefined && /^[0-9A-Z]{5}$/.test(code)) return new QueueError(known.code, known.message, {}, error);
  if (/^E[A-Z]+$/.test(code) || /Connection terminated|not queryable|connection error/i.test((error as Error)?.message ?? ''))
    return new QueueError('store_unavailable', 'the database can not be reached, or the connection was cut: try again', {}, error);
  return new QueueError('internal', 'something went wrong inside the store; the change was not made', {}, error);
}
