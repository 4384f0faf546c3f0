// What is done about the audit beside reading it: noting anchors that are kept elsewhere, and how long it is kept.
import { MOST_HEADS } from '../domain/audit-anchor.ts';
import { QueueError, unwrap } from '../domain/errors.ts';
import { checkInt } from '../domain/limits.ts';
import { checkClientId } from '../domain/names.ts';
import type { Principal } from '../domain/principal.ts';
import type { StoreScope } from '../store/store.ts';
import type { AnchorSource, AuditAdmin } from './audit-handle.ts';
import { auditReads } from './audit.ts';
import { authorize } from './deps.ts';
import type { Deps } from './deps.ts';

export function anchorSource(deps: Deps, principal: Principal): AnchorSource {
  return {
    async nextAnchor() {
      await authorize(deps, principal, 'audit.anchor');
      return deps.store.nextAnchor(MOST_HEADS);
    },
    async anchored(anchor) {
      await authorize(deps, principal, 'audit.anchor');
      if (await deps.store.anchored(anchor)) return;
      throw new QueueError('invalid_input', 'a head of the anchor is not on its chain, or its number is not the next: verify the audit', {
        fields: [{ field: 'heads', message: 'not on the chain' }],
      });
    },
  };
}

export function auditAdmin(deps: Deps, principal: Principal, scope: StoreScope): AuditAdmin {
  return {
    ...auditReads(deps, principal, scope),
    ...anchorSource(deps, principal),
    async retain(clientId, keepMs) {
      await authorize(deps, principal, 'audit.retain');
      const retention = {
        clientId: clientId === '' ? '' : unwrap(checkClientId(clientId)),
        keepMs: keepMs === null ? null : unwrap(checkInt('keepMs', keepMs, 'auditRetentionMs')),
      };
      if (!(await deps.store.retainAudit(scope, retention))) throw new QueueError('not_found', `there is no client ${clientId}`);
    },
  };
}
