// The sealed chain and the trail are not on PostgreSQL yet: nothing is sealed, and who asks for them is told so. The audit rows
// themselves, their order within each task and their append-only tables are (sql/postgres).
import { QueueError } from '../../domain/errors.ts';
import type { Store } from '../store.ts';

const notHere = (): Promise<never> =>
  Promise.reject(
    new QueueError('store_unavailable', 'the sealed audit is not on PostgreSQL yet: the logs of tasks and the security events are, and neither can be changed'),
  );

export const auditOperations = (): Pick<Store, 'seal' | 'audit' | 'auditHeads' | 'trail'> => ({
  seal: () => Promise.resolve(0),
  audit: notHere,
  auditHeads: notHere,
  trail: notHere,
});
