// The rows of the table of operations that are about the audit and what concerns security.
import { TASK, get, post, row } from './row.ts';

export const AUDIT_OPERATIONS = {
  securityEvents: get('/queue/admin/security-events', 'audit.events', 'SecurityEvents', {
    query: 'PageQuery',
    inside: true,
    summary: 'Logins, refusals, changes of keys, grants and clients; newest first.',
  }),

  auditTrail: get('/queue/admin/audit', 'audit.trail', 'TrailPage', {
    query: 'TrailQuery',
    summary: 'What happened to tasks and what concerned security, by client, time, actor, object and action; newest first.',
  }),
  auditHeads: get('/queue/admin/audit/heads', 'audit.verify', 'AuditHeads', {
    query: 'OfClientQuery',
    errors: TASK,
    summary: 'The end of each chain of the audit, to be signed and kept elsewhere.',
  }),
  verifyAudit: post('/queue/admin/audit/verify', 'audit.verify', 'AuditVerdict', {
    body: 'Verify',
    errors: TASK,
    summary: 'Reads every row of the audit and recomputes its chains.',
  }),

  exportAudit: get('/queue/admin/audit/export', 'audit.export', 'AuditRecord', {
    query: 'OfClientQuery',
    contentType: 'application/x-ndjson',
    errors: TASK,
    summary:
      'Every row, seal and cut of the audit, one record a line, for a verification elsewhere: docs/audit-format.md. It is whole when the last one is `end`.',
  }),
  nextAnchor: get('/queue/admin/audit/anchors', 'audit.anchor', 'NextAnchor', {
    summary: 'Heads that no anchor has yet, with the number of the next anchor and the digest that it follows.',
  }),
  anchored: post('/queue/admin/audit/anchors', 'audit.anchor', null, {
    body: 'Anchored',
    summary: 'Notes an anchor that is kept elsewhere: retention cuts at anchored points only.',
  }),
  auditRetention: get('/queue/admin/audit/retention', 'audit.retention', 'AuditRetention', { summary: 'Clients whose audit has a retention of its own.' }),
  retainAudit: row({
    method: 'PUT',
    path: '/queue/admin/audit/retention',
    access: 'audit.retain',
    body: 'Retain',
    answer: null,
    status: [204],
    errors: TASK,
    summary: 'How long the audit of a client is kept; null is for ever, and an empty client the chain of none.',
  }),
} as const;
