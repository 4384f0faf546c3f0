// Anchors and the retention of the audit: which heads no anchor has, and bounded steps that take what is behind a cut.
import type { ChainName } from '../../domain/audit-chain.ts';
import { CUT_EVERY_MS } from '../audit.ts';
import type { Store } from '../store.ts';
import { SYSTEM, actingOf } from './acting.ts';
import type { Engine } from './engine.ts';

type CutOperations = Pick<Store, 'auditCuts' | 'nextAnchor' | 'anchored' | 'auditRetention' | 'retainAudit' | 'cutAudit'>;

export function cutOperations({ pools: { admin } }: Engine): CutOperations {
  return {
    async auditCuts(scope) {
      const rows = (await admin.run('cuts_last', actingOf(scope))) as unknown as [ChainName, string, number, string, number, number][];
      return rows.map(([chain, clientId, seq, hash, lastId, atUtc]) => ({ chain, clientId, seq, hash, lastId, atUtc }));
    },
    async nextAnchor(most) {
      const rows = (await admin.run('anchor_next', SYSTEM, { most })) as unknown as [number, string, ChainName | null, string, number, string][];
      const [[n, prev] = [1, '']] = rows;
      return { n, prev, heads: rows.flatMap(([, , chain, clientId, seq, hash]) => (chain === null ? [] : [{ chain, clientId, seq, hash }])) };
    },
    async anchored({ n, digest, heads }) {
      const given = JSON.stringify(heads.map(({ chain, clientId, seq, hash }) => ({ chain, client_id: clientId, seq, hash })));
      return (await admin.row('anchor_put', SYSTEM, { n, digest, heads: given }))?.[0] as boolean;
    },
    async auditRetention() {
      return ((await admin.run('retention_list', SYSTEM)) as unknown as [string, number | null][]).map(([clientId, keepMs]) => ({ clientId, keepMs }));
    },
    retainAudit: async (scope, { clientId, keepMs }) =>
      (await admin.row('retention_put', actingOf(scope), { client_id: clientId, keep_ms: keepMs }))?.[0] as boolean,
    async cutAudit({ keepMs, most }) {
      const [rows, cuts, more] = (await admin.row('audit_cut', SYSTEM, { keep_ms: keepMs, every_ms: CUT_EVERY_MS, most })) as unknown as [
        number,
        number,
        boolean,
      ];
      return { rows, cuts, more };
    },
  };
}
