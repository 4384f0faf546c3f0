// Data keys of clients on PostgreSQL: by functions of the database, which show no other client's.
import type { DataKeyStore } from '../data-keys.ts';
import { SYSTEM, actingOf } from './acting.ts';
import type { Engine } from './engine.ts';

export function dataKeyOperations({ pools: { admin } }: Engine): DataKeyStore {
  return {
    dataKeys: async (clientId) =>
      (await admin.run('data_keys_of', SYSTEM, { client_id: clientId })).map(([keyNo, wrapped]) => ({ keyNo: keyNo as number, wrapped: wrapped as string })),
    hasDataKeys: async () => (await admin.row('data_keys_exist', SYSTEM))?.[0] === true,
    addDataKey: async (scope, { clientId, keyNo, wrapped }) =>
      (await admin.row('data_key_insert', actingOf(scope), { client_id: clientId, key_no: keyNo, wrapped }))?.[0] === true,
    shredDataKeys: async (scope, clientId) => ((await admin.row('data_keys_shred', actingOf(scope), { client_id: clientId }))?.[0] ?? 0) as number,
  };
}
