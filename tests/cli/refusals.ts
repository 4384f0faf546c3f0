// What an error of the product must look like, for assert.throws and assert.rejects.
import type { ErrorCode } from '../../src/domain/errors.ts';
import { QueueError } from '../../src/domain/errors.ts';

export const isQueueError =
  (code: ErrorCode, message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof QueueError && error.code === code && message.test(error.message);
