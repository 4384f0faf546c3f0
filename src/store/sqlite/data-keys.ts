// Data keys of clients on SQLite.
import type { DataKeyStore, NewDataKey } from '../data-keys.ts';
import type { StoreScope } from '../store.ts';
import type { Engine } from './engine.ts';
import { bump } from './engine.ts';
import { read } from './parts.ts';
import type { Parts } from './parts.ts';
import { security } from './registry.ts';

export function dataKeyOperations({ engine }: Parts): DataKeyStore {
  const { writer } = engine;
  return {
    dataKeys: (clientId) =>
      read(() => {
        engine.wall.bind({ clients: [clientId] });
        return engine.st.rows('data_keys_of', { client_id: clientId }).map(([keyNo, wrapped]) => ({ keyNo: keyNo as number, wrapped: wrapped as string }));
      }),
    hasDataKeys: () =>
      read(() => {
        engine.wall.bind({ clients: '*' });
        return engine.st.row('data_keys_exist') !== undefined;
      }),
    addDataKey: (scope, key) => writer.one(scope.actor, () => addDataKey(engine, scope, key)),
    shredDataKeys: (scope, clientId) =>
      writer.one(scope.actor, () => {
        engine.wall.bind({ clients: [clientId] });
        bump(engine, 'categories_version');
        return engine.st.run('data_keys_shred', { client_id: clientId });
      }),
  };
}

function addDataKey(engine: Engine, scope: StoreScope, { clientId, keyNo, wrapped }: NewDataKey): boolean {
  engine.wall.bind({ clients: [clientId] });
  if (engine.st.rows('data_keys_of', { client_id: clientId }).some(([no]) => no === keyNo)) return false;
  bump(engine, 'categories_version'); // Whoever enqueues looks at it.
  engine.st.run('data_key_insert', { client_id: clientId, key_no: keyNo, wrapped, now: engine.now() });
  security(engine, { actor: scope.actor, action: 'client.encrypt', clientId, object: clientId, outcome: 'done', details: JSON.stringify({ key_no: keyNo }) });
  return true;
}
