// The handles of admins and auditors over HTTP: the same as `queue.admin()`. What the key may not do, the server refuses.
import { QueueError } from '../domain/errors.ts';
import type { AdminHandle, AuditAdmin, AuditReads, AuditorHandle, SecurityEvent, Page } from '../service/handles.ts';
import { jsonOf } from './body.ts';
import { clientHandle } from './client-handle.ts';
import { limitHandle, scheduleHandle } from './clock.ts';
import { exportOf } from './export.ts';
import type { Line } from './line.ts';
import { taskMoves, taskReads } from './reads.ts';

export function adminHandle(line: Line): AdminHandle {
  const { call } = line;
  return {
    ...taskReads(line),
    ...taskMoves(line),
    inside: (clientId, reason) => clientHandle({ ...line, headers: { ...line.headers, ...insideHeaders(clientId, reason) } }, clientId),
    payload: (id, reason) => call('taskPayload', { path: { id }, body: { reason } }),
    purge: (id) => call('purgeTask', { path: { id } }),
    clients: clientAdmin(line),
    workers: {
      list: async () => (await call('listWorkers')).workers,
      remove: (id) => call('removeWorker', { path: { id } }),
      prune: async (staleMs) => (await call('pruneWorkers', { body: { staleMs } })).removed,
    },
    grants: {
      create: (workerId, grant) => call('createGrant', { body: { workerId, ...grant } }),
      list: async (workerId) => (await call('listGrants', { query: { workerId } })).grants,
      delete: (id) => call('deleteGrant', { path: { id } }),
    },
    keys: {
      create: (key) => call('createKey', { body: key }),
      list: async () => (await call('listKeys')).keys,
      rotate: (id, options = {}) => call('rotateKey', { path: { id }, body: options }),
      revoke: (id) => call('revokeKey', { path: { id } }),
    },
    categories: categoryAdmin(line),
    schedules: scheduleHandle(line),
    limits: limitHandle(line),
    metrics: () => call('stats'),
    /** The server does these steps by itself. */
    tick: () => Promise.reject(new QueueError('forbidden', 'tick is not given over HTTP: the server does these steps by itself')),
    securityEvents: (page) => securityEvents(line, page),
    audit: auditAdmin(line),
  };
}

export function auditorHandle(line: Line): AuditorHandle {
  const { stats, logs, events } = taskReads(line);
  return { stats, logs, events, metrics: stats, audit: auditReads(line), securityEvents: (page) => securityEvents(line, page) };
}

/** A head carries no more than Latin-1: the reason goes as UTF-8 in percent signs. */
const insideHeaders = (clientId: string, reason: string): Readonly<Record<string, string>> => ({
  'prismq-client': encodeURIComponent(clientId.toWellFormed()),
  'prismq-reason': encodeURIComponent(reason.toWellFormed()),
});

async function securityEvents({ call }: Line, page: { readonly limit?: number; readonly cursor?: string } = {}): Promise<Page<SecurityEvent>> {
  const { events, nextCursor } = await call('securityEvents', { query: { ...page } });
  return { items: events, nextCursor };
}

const auditAdmin = (line: Line): AuditAdmin => ({
  ...auditReads(line),
  nextAnchor: () => line.call('nextAnchor'),
  anchored: (anchor) => line.call('anchored', { body: anchor }),
  retain: (clientId, keepMs) => line.call('retainAudit', { body: { clientId, keepMs } }),
});

const auditReads = ({ call, settings, headers }: Line): AuditReads => ({
  async trail(filter = {}) {
    const { entries, nextCursor } = await call('auditTrail', { query: { ...filter } });
    return { items: entries, nextCursor };
  },
  verify: ({ anchors, clientId, signal } = {}) => call('verifyAudit', { body: { anchors, clientId }, signal, waitMs: VERIFY_MS }),
  export: ({ clientId, signal } = {}) => exportOf({ settings, headers }, clientId, signal),
  retention: async () => (await call('auditRetention')).clients,
  heads: async (options = {}) => (await call('auditHeads', { query: { ...options } })).heads,
});

/** A million rows take seconds. */
const VERIFY_MS = 600_000;

const clientAdmin = ({ call }: Line): AdminHandle['clients'] => ({
  create: (clientId, options = {}) => call('createClient', { body: { clientId, ...options } }),
  list: async () => (await call('listClients')).clients,
  suspend: (id) => call('updateClient', { path: { id }, body: { status: 'suspended' } }),
  resume: (id) => call('updateClient', { path: { id }, body: { status: 'active' } }),
  quota: (id, quota) => call('setQuota', { path: { id }, body: { ...quota } }),
  weight: (id, weight) => call('updateClient', { path: { id }, body: { weight } }),
  encrypt: (id) => call('encryptClient', { path: { id } }),
  erase: (id, reason) => call('eraseClient', { path: { id }, body: { reason } }),
  confirmErase: (id) => call('eraseClient', { path: { id }, body: { confirm: true } }),
  exportPage: (id, options) => call('exportClient', { path: { id }, body: options }),
});

const categoryAdmin = ({ call }: Line): AdminHandle['categories'] => ({
  set: ({ pattern, schema, ...defaults }) =>
    call('setCategory', { path: { pattern }, body: { ...defaults, ...(schema === undefined ? {} : { schema: jsonOf(schema, 'schema') }) } }),
  list: async () => (await call('listCategories')).categories,
  delete: (pattern) => call('deleteCategory', { path: { pattern } }),
  mode: async (mode) => (mode === undefined ? (await call('listCategories')).mode : (await call('setCategoryMode', { body: { mode } })).mode),
});
