// How each operation is asked about a subject: its path, its body, and who is named in it.
import { rowOf } from '../../../src/contract/operations.ts';
import type { OperationName } from '../../../src/contract/operations.ts';
import type { Asked } from '../stand.ts';
import type { Subject } from './world.ts';

export interface CubeCall {
  readonly path: string;
  readonly body?: unknown;
}
export type MakeCall = (subject: Subject) => CubeCall;

const leased =
  (verb: string, body: Record<string, unknown> = {}): MakeCall =>
  ({ heldId, lease }) => ({ path: `/queue/tasks/${heldId}/${verb}`, body: { lease_id: lease, ...body } });
const end = (op: string, more: Record<string, unknown> = {}): MakeCall => {
  return ({ heldId, lease }) => ({ path: '/queue/settle', body: { items: [{ op, task_id: heldId, lease_id: lease, ...more }] } });
};
const plain =
  (path: string, body?: unknown): MakeCall =>
  () =>
    body === undefined ? { path } : { path, body };

/** What the cube has no column for, with where it is tested. */
export const APART = {
  whoami: 'any key, about itself: tests/client',
  metrics: 'no JSON, and no key on its own machine: tests/server',
  bootstrap: 'no key yet: tests/server',
  enqueueStream: 'a body of lines: tests/http/enqueue-stream.test.ts',
  taskPayload: 'named by a reason in its body: the end of cube/suite.ts',
} as const satisfies Partial<Record<OperationName, string>>;
export type CubeName = Exclude<OperationName, keyof typeof APART>;

/** An operation that does several things is asked for each of them. */
export const CALLS: Readonly<Record<CubeName, Readonly<Record<string, MakeCall>>>> = {
  enqueue: { one: plain('/queue/enqueue', { type: 'T.New', payload: 'new' }) },
  enqueueMany: { two: plain('/queue/enqueue/bulk', { tasks: [{ type: 'T.New' }, { type: 'T.New', payload: 2 }] }) },
  listTasks: { all: plain('/queue/tasks'), queued: plain('/queue/tasks?status=queued'), typed: plain('/queue/tasks?type=T.*') },
  getTask: { waiting: ({ taskId }) => ({ path: `/queue/tasks/${taskId}` }), held: ({ heldId }) => ({ path: `/queue/tasks/${heldId}` }) },
  updateTask: {
    reprioritise: ({ taskId }) => ({ path: `/queue/tasks/${taskId}`, body: { priority: 3 } }),
    amend: ({ taskId }) => ({ path: `/queue/tasks/${taskId}`, body: { payload: 'amended' } }),
  },
  purgeTask: { ended: ({ endedId }) => ({ path: `/queue/tasks/${endedId}` }) },
  cancelTask: { waiting: ({ taskId }) => ({ path: `/queue/tasks/${taskId}/cancel`, body: { reason: 'enough' } }) },
  requeueTask: { ended: ({ endedId }) => ({ path: `/queue/tasks/${endedId}/requeue` }) },
  bulkCancel: { waiting: ({ taskId }) => ({ path: '/queue/bulk/cancel', body: { ids: [taskId] } }) },
  bulkRequeue: { ended: ({ endedId }) => ({ path: '/queue/bulk/requeue', body: { ids: [endedId] } }) },
  bulkReprioritise: { waiting: ({ taskId }) => ({ path: '/queue/bulk/reprioritise', body: { ids: [taskId], priority: 3 } }) },
  bulkPurge: { ended: ({ endedId }) => ({ path: '/queue/bulk/purge', body: { ids: [endedId] } }) },
  taskLogs: { waiting: ({ taskId }) => ({ path: `/queue/tasks/${taskId}/logs` }) },
  taskDependencies: { waiting: ({ taskId }) => ({ path: `/queue/tasks/${taskId}/dependencies` }) },
  waitTask: { ended: ({ endedId }) => ({ path: `/queue/tasks/${endedId}/wait?wait_ms=30000` }) },
  explainTask: { waiting: ({ taskId }) => ({ path: `/queue/tasks/${taskId}/explain` }), held: ({ heldId }) => ({ path: `/queue/tasks/${heldId}/explain` }) },
  setQuota: { one: ({ clientId }) => ({ path: `/queue/admin/clients/${clientId}/quota`, body: { tasks: 100 } }) },
  quota: { own: plain('/queue/quota') },
  unroutable: { all: plain('/queue/unroutable') },
  forecastTask: { waiting: ({ taskId }) => ({ path: `/queue/tasks/${taskId}/forecast` }) },
  forecastType: { one: plain('/queue/forecast?type=T.New') },
  stats: { all: plain('/queue/stats') },
  events: { all: plain('/queue/events?last_event_id=0') },
  register: { one: ({ workerId }) => ({ path: `/queue/workers/${workerId}`, body: { strategy: 'FIFO' } }) },
  beat: {
    sign: ({ workerId }) => ({ path: `/queue/workers/${workerId}/heartbeat`, body: { status: 'busy' } }),
    leases: ({ workerId, heldId, lease }) => ({
      path: `/queue/workers/${workerId}/heartbeat`,
      body: { leases: [{ task_id: heldId, lease_id: lease }], lease_ms: 60_000 },
    }),
  },
  deregister: { one: ({ workerId }) => ({ path: `/queue/workers/${workerId}` }) },
  inbox: { all: plain('/queue/inbox') },
  claim: { all: plain('/queue/claim', { max: 500 }) },
  completeTask: { held: leased('complete', { result: { done: true } }) },
  failTask: { held: leased('fail', { error: 'no' }) },
  releaseTask: { held: leased('release') },
  progressTask: { held: leased('progress', { progress: 50 }) },
  logTask: { held: leased('logs', { message: 'hello' }) },
  enqueueChild: { held: leased('children', { type: 'T.Child', payload: 1 }) },
  enqueueChildren: { held: leased('children/bulk', { tasks: [{ type: 'T.Child', payload: 1 }], next: { type: 'T.Then' } }) },
  leaseParents: { held: leased('parents') },
  settle: { complete: end('complete', { result: 1 }), fail: end('fail', { error: { message: 'no' } }), release: end('release') },
  createClient: { fresh: plain('/queue/admin/clients', { client_id: 'fresh' }) },
  listClients: { all: plain('/queue/admin/clients') },
  updateClient: {
    status: ({ clientId }) => ({ path: `/queue/admin/clients/${clientId}`, body: { status: 'suspended' } }),
    weight: ({ clientId }) => ({ path: `/queue/admin/clients/${clientId}`, body: { weight: 7 } }),
  },
  encryptClient: { one: ({ clientId }) => ({ path: `/queue/admin/clients/${clientId}/encrypt` }) },
  eraseClient: { ask: ({ clientId }) => ({ path: `/queue/admin/clients/${clientId}/erase`, body: { reason: 'a request' } }) },
  exportClient: { all: ({ clientId }) => ({ path: `/queue/admin/clients/${clientId}/export`, body: { reason: 'a request' } }) },
  listWorkers: { all: plain('/queue/admin/workers') },
  removeWorker: { one: ({ workerId }) => ({ path: `/queue/admin/workers/${workerId}` }) },
  pruneWorkers: { all: plain('/queue/admin/workers/prune', {}) },
  createGrant: { one: ({ clientId }) => ({ path: '/queue/admin/grants', body: { worker_id: 'newbie', client_id: clientId, pattern: 'New.*' } }) },
  listGrants: { all: plain('/queue/admin/grants') },
  deleteGrant: { one: ({ grantId }) => ({ path: `/queue/admin/grants/${grantId}` }) },
  createKey: { client: ({ clientId }) => ({ path: '/queue/admin/keys', body: { role: 'client', client_id: clientId } }) },
  listKeys: { all: plain('/queue/admin/keys') },
  rotateKey: { one: ({ keyId }) => ({ path: `/queue/admin/keys/${keyId}/rotate`, body: {} }) },
  revokeKey: { one: ({ keyId }) => ({ path: `/queue/admin/keys/${keyId}` }) },
  setCategory: { one: plain('/queue/admin/categories/New.*', { priority: 5 }) },
  listCategories: { all: plain('/queue/admin/categories') },
  deleteCategory: { one: plain('/queue/admin/categories/Known.*') },
  setCategoryMode: { one: plain('/queue/admin/category-mode', { mode: 'hierarchical' }) },
  securityEvents: { all: plain('/queue/admin/security-events') },
  auditTrail: { all: plain('/queue/admin/audit') },
  auditHeads: { all: plain('/queue/admin/audit/heads') },
  verifyAudit: { all: plain('/queue/admin/audit/verify', {}) },
  exportAudit: { all: plain('/queue/admin/audit/export') },
  nextAnchor: { all: plain('/queue/admin/audit/anchors') },
  anchored: { none: plain('/queue/admin/audit/anchors', { n: 1, prev: '', digest: '0'.repeat(64), heads: [] }) },
  auditRetention: { all: plain('/queue/admin/audit/retention') },
  retainAudit: { one: ({ clientId }) => ({ path: '/queue/admin/audit/retention', body: { client_id: clientId, keep_ms: null } }) },
  listSchedules: { all: plain('/queue/admin/schedules') },
  getSchedule: { one: ({ schedule }) => ({ path: `/queue/admin/schedules/${schedule}` }) },
  setSchedule: { one: plain('/queue/admin/schedules/fresh', { every_ms: 60_000, type: 'T.Tick', payload: 'new' }) },
  deleteSchedule: { one: ({ schedule }) => ({ path: `/queue/admin/schedules/${schedule}` }) },
  pauseSchedule: { one: ({ schedule }) => ({ path: `/queue/admin/schedules/${schedule}/pause` }) },
  resumeSchedule: { one: ({ schedule }) => ({ path: `/queue/admin/schedules/${schedule}/resume` }) },
  runSchedule: { one: ({ schedule }) => ({ path: `/queue/admin/schedules/${schedule}/run` }) },
  previewSchedule: { one: ({ schedule }) => ({ path: `/queue/admin/schedules/${schedule}/preview` }) },
  listLimits: { all: plain('/queue/admin/limits') },
  setLimit: { one: plain('/queue/admin/limits/fresh', { concurrency: 3 }) },
  deleteLimit: { one: ({ limit }) => ({ path: `/queue/admin/limits/${limit}` }) },
  pauseWork: { category: plain('/queue/admin/pause', { pattern: 'T.*' }) },
  resumeWork: { category: plain('/queue/admin/resume', { pattern: 'Held.*' }) },
  livez: { one: plain('/livez') },
  readyz: { one: plain('/readyz') },
  openapi: { one: plain('/openapi.json') },
};

/** What names an object that may be another's or nobody's. */
export const NAMES_AN_OBJECT: ReadonlySet<OperationName> = new Set<OperationName>([
  'getTask',
  'updateTask',
  'purgeTask',
  'cancelTask',
  'requeueTask',
  'taskLogs',
  'waitTask',
  'taskDependencies',
  'enqueueChildren',
  'leaseParents',
  'register',
  'beat',
  'deregister',
  'completeTask',
  'failTask',
  'releaseTask',
  'progressTask',
  'logTask',
  'enqueueChild',
  'settle',
  'updateClient',
  'encryptClient',
  'eraseClient',
  'exportClient',
  'removeWorker',
  'createGrant',
  'deleteGrant',
  'createKey',
  'rotateKey',
  'revokeKey',
  'explainTask',
  'forecastTask',
  'getSchedule',
  'deleteSchedule',
  'pauseSchedule',
  'resumeSchedule',
  'runSchedule',
  'previewSchedule',
  'deleteLimit',
]);

export const asked = ({ body }: CubeCall, key: string | undefined, headers?: Record<string, string>): Asked => ({
  key,
  ...(body === undefined ? {} : { body }),
  ...(headers === undefined ? {} : { headers }),
});

/** One call of an operation, those without a column in the cube by their bare path. */
export function callOf(name: OperationName, subject: Subject): CubeCall {
  const calls = (CALLS as Readonly<Partial<Record<OperationName, Readonly<Record<string, MakeCall>>>>>)[name] ?? {};
  return Object.values(calls)[0]?.(subject) ?? { path: rowOf(name).path };
}
