// What is not there, said alike everywhere.
import { QueueError } from '../domain/errors.ts';

export const notFound = (): QueueError => new QueueError('not_found', 'there is no such task');

export function raise(error: Error): never {
  throw error;
}
