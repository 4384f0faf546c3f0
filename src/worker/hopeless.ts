// Which refusals end a worker. Everything else is tried again for as long as it takes.
import { type ErrorCode, QueueError } from '../domain/errors.ts';

const HOPELESS: readonly ErrorCode[] = [
  'closed',
  'store_corrupt',
  'store_newer',
  'store_refused',
  'store_moved',
  'unauthenticated',
  'forbidden',
  'not_found',
  'unknown_strategy',
  'invalid_input',
  'invalid_category',
];

export const isHopeless = (error: unknown): boolean => error instanceof QueueError && HOPELESS.includes(error.code);

/** The answer did not come: what was asked for may be committed all the same. */
const SILENT: readonly ErrorCode[] = ['store_unavailable', 'request_timeout', 'timeout', 'internal'];

export const mayBeDone = (error: unknown): boolean => !(error instanceof QueueError) || SILENT.includes(error.code);

export const isCode = (error: unknown, code: ErrorCode): boolean => error instanceof QueueError && error.code === code;
