// The HTTP interface as one table: routes, validation, OpenAPI, the typed client and the docs page come from it. A row names
// its operation of the access table; `public` rows want no key and tell nothing.
import type { ErrorCode } from '../domain/errors.ts';
import { AUDIT_OPERATIONS } from './audit-operations.ts';
import { CLOCK_OPERATIONS } from './clock-operations.ts';
import { OUTLOOK_OPERATIONS } from './outlook-operations.ts';
import { ENQUEUE, LEASE, MOVE, TASK, bulk, get, post, remove, row } from './row.ts';
import type { OperationRow } from './row.ts';

export type { Method, OperationRow } from './row.ts';

export const OPERATIONS = {
  // tasks of a client
  enqueue: post('/queue/enqueue', 'task.enqueue', 'Enqueued', {
    body: 'Enqueue',
    status: [201, 200],
    errors: ENQUEUE,
    hot: true,
    inside: true,
    summary: 'Enqueues a task. A repeat of an idempotency key answers 200 with the first one.',
  }),
  enqueueMany: post('/queue/enqueue/bulk', 'task.enqueue', 'EnqueuedMany', {
    body: 'EnqueueMany',
    errors: ENQUEUE,
    inside: true,
    summary: 'Enqueues up to 1,000 tasks in one transaction, each answered by itself; `atomic`: all or none.',
  }),
  enqueueStream: post('/queue/enqueue/stream', 'task.enqueue', 'EnqueueLine', {
    query: 'StreamQuery',
    body: 'Enqueue',
    lines: true,
    contentType: 'application/x-ndjson',
    errors: ENQUEUE,
    inside: true,
    summary:
      'Enqueues one task a line, in a body of any length. Answers a line for each that is refused, or with `outcomes=all` for each; the last says how many.',
  }),
  listTasks: get('/queue/tasks', 'task.list', 'TaskPage', { query: 'TaskQuery', inside: true, summary: 'Tasks, newest first.' }),
  getTask: get('/queue/tasks/{id}', 'task.get', 'Task', { errors: TASK, inside: true, summary: 'One task.' }),
  updateTask: row({
    method: 'PATCH',
    path: '/queue/tasks/{id}',
    access: ['task.reprioritise', 'task.amend'],
    body: 'TaskChange',
    answer: 'Task',
    status: [200],
    errors: [...MOVE, 'invalid_payload', 'payload_too_large'],
    inside: true,
    summary: 'Gives a task that waits another priority, or replaces its payload or options; not both at once.',
  }),
  taskPayload: post('/queue/tasks/{id}/payload', 'task.payload', 'Task', {
    body: 'Look',
    errors: TASK,
    summary: 'One task with payload, result and error. A look of an admin of the platform wants a reason, and is on record where the client sees it.',
  }),
  purgeTask: remove('/queue/tasks/{id}', 'task.purge', 'Empties a task that has ended: payload, result and errors go at once.', { errors: MOVE }),
  cancelTask: post('/queue/tasks/{id}/cancel', 'task.cancel', 'Task', {
    body: 'Cancel',
    errors: MOVE,
    inside: true,
    summary: 'Cancels a task. One that runs is told; its late writes are refused.',
  }),
  requeueTask: post('/queue/tasks/{id}/requeue', 'task.requeue', 'Task', {
    errors: MOVE,
    inside: true,
    summary: 'A new generation of a dead or cancelled task, its attempts back to 0.',
  }),
  bulkCancel: bulk('cancel', 'Cancels many tasks'),
  bulkRequeue: bulk('requeue', 'Begins many dead or cancelled tasks anew'),
  bulkReprioritise: bulk('reprioritise', 'Gives many tasks another priority'),
  bulkPurge: bulk('purge', 'Empties many ended tasks'),
  taskLogs: get('/queue/tasks/{id}/logs', 'task.logs', 'LogPage', {
    query: 'PageQuery',
    errors: TASK,
    inside: true,
    summary: 'Everything that happened to a task, oldest first.',
  }),
  taskDependencies: get('/queue/tasks/{id}/dependencies', 'task.dependencies', 'DependencyPage', {
    query: 'DependencyQuery',
    errors: TASK,
    inside: true,
    summary: 'Whom a task waits for (`direction=parents`, the default), or who waits for it (`children`).',
  }),
  waitTask: get('/queue/tasks/{id}/wait', 'task.wait', 'Task', {
    query: 'WaitQuery',
    errors: TASK,
    waits: true,
    summary: 'The task as it is when it has ended, or after `wait_ms`.',
  }),
  explainTask: get('/queue/tasks/{id}/explain', 'task.explain', 'Explanation', { errors: TASK, inside: true, summary: 'Why a task does not run.' }),
  stats: get('/queue/stats', 'task.stats', 'Stats', { inside: true, summary: 'Depth, age, rates and run times.' }),
  events: get('/queue/events', 'task.events', 'Event', {
    query: 'EventQuery',
    stream: true,
    inside: true,
    summary: 'What happens to tasks, as server-sent events. `Last-Event-ID` goes on where a stream broke off.',
  }),

  // workers
  register: row({
    method: 'PUT',
    path: '/queue/workers/{id}',
    access: 'worker.register',
    body: 'Registration',
    answer: 'Worker',
    status: [200],
    errors: ['not_found', 'unknown_strategy'],
    summary: 'Registers the worker whose key this is, with what it declares.',
  }),
  beat: post('/queue/workers/{id}/heartbeat', ['worker.heartbeat', 'lease.heartbeat'], 'Beat', {
    body: 'Heartbeat',
    errors: ['not_found', 'worker_outdated'],
    summary: 'A sign of life; extends the named leases.',
  }),
  deregister: remove('/queue/workers/{id}', 'worker.deregister', 'The worker goes; what it still holds expires.'),
  inbox: get('/queue/inbox', 'inbox.list', 'Inbox', { query: 'LimitQuery', summary: 'What the worker may claim now, without payloads.' }),
  claim: post('/queue/claim', 'lease.claim', 'Claimed', {
    body: 'Claim',
    errors: ['unknown_strategy', 'invalid_category'],
    hot: true,
    waits: true,
    summary: 'Leases up to `max` tasks inside declared ∩ granted; an empty list when there are none.',
  }),
  completeTask: post('/queue/tasks/{id}/complete', 'lease.complete', 'Settled', {
    body: 'Complete',
    errors: [...LEASE, 'invalid_payload', 'payload_too_large'],
    summary: 'The attempt is done; stores its result.',
  }),
  failTask: post('/queue/tasks/{id}/fail', 'lease.fail', 'Settled', {
    body: 'Fail',
    errors: LEASE,
    summary: 'The attempt failed: retried after back-off, or buried.',
  }),
  releaseTask: post('/queue/tasks/{id}/release', 'lease.release', 'Settled', {
    body: 'Release',
    errors: LEASE,
    summary: 'Hands a task back; the attempt is not counted.',
  }),
  progressTask: post('/queue/tasks/{id}/progress', 'lease.progress', null, { body: 'Progress', errors: LEASE, summary: 'How far the attempt is.' }),
  logTask: post('/queue/tasks/{id}/logs', 'lease.log', null, { body: 'Message', errors: LEASE, summary: 'A line of the handler.' }),
  enqueueChild: post('/queue/tasks/{id}/children', 'lease.enqueue', 'Enqueued', {
    body: 'Child',
    status: [201, 200],
    errors: [...LEASE, ...ENQUEUE],
    summary: 'Enqueues for the client and under the submitter of the leased task.',
  }),
  enqueueChildren: post('/queue/tasks/{id}/children/bulk', 'lease.enqueue', 'Children', {
    body: 'ManyChildren',
    status: [201],
    errors: [...LEASE, ...ENQUEUE],
    summary: 'The same for several, all or none; `next` is one more that waits for all of them.',
  }),
  leaseParents: post('/queue/tasks/{id}/parents', 'lease.parents', 'ParentPage', {
    body: 'ParentsAsked',
    errors: LEASE,
    summary: 'How the parents of the leased task ended, with their results.',
  }),
  settle: post('/queue/settle', ['lease.complete', 'lease.fail', 'lease.release'], 'SettledMany', {
    body: 'Settle',
    errors: ['invalid_payload', 'payload_too_large'],
    hot: true,
    summary: 'Ends up to 1,000 attempts, each answered by itself.',
  }),

  // any key
  whoami: get('/queue/whoami', [], 'Identity', { summary: 'Whose key this is.' }),

  // the book
  createClient: post('/queue/admin/clients', 'client.create', 'Client', {
    body: 'NewClient',
    status: [201],
    errors: ['already_exists'],
    summary: 'A new client.',
  }),
  listClients: get('/queue/admin/clients', 'client.list', 'Clients', { summary: 'All clients.' }),
  updateClient: row({
    method: 'PATCH',
    path: '/queue/admin/clients/{id}',
    access: ['client.suspend', 'client.weight'],
    body: 'ClientChange',
    answer: 'Client',
    status: [200],
    errors: TASK,
    summary: 'Suspends or resumes a client, or gives it another weight.',
  }),
  encryptClient: post('/queue/admin/clients/{id}/encrypt', 'client.encrypt', 'DataKey', {
    status: [201],
    errors: TASK,
    summary: 'From now on payloads, results, errors, progress and messages of this client are sealed under a key of its own; again: under a new one.',
  }),
  eraseClient: post('/queue/admin/clients/{id}/erase', 'client.erase', 'Erasure', {
    body: 'Erase',
    errors: MOVE,
    summary: 'Asks for the erasure of a client, or with `confirm` does what another admin asked for: shreds its keys and empties its tasks. The audit stays.',
  }),
  exportClient: post('/queue/admin/clients/{id}/export', 'client.export', 'ExportPage', {
    body: 'Export',
    errors: TASK,
    summary: 'Everything of a client, some at a time: tasks with payload and result, what happened to them, security events, each with its SHA-256.',
  }),
  listWorkers: get('/queue/admin/workers', 'worker.list', 'Workers', { inside: true, summary: 'Workers that may take work of the caller.' }),
  removeWorker: remove('/queue/admin/workers/{id}', 'worker.remove', 'Drops a worker; its leases expire by themselves.'),
  pruneWorkers: post('/queue/admin/workers/prune', 'worker.remove', 'Pruned', {
    body: 'Prune',
    summary: 'Removes workers without a sign of life that hold nothing.',
  }),
  createGrant: post('/queue/admin/grants', 'grant.create', 'Grant', {
    body: 'NewGrant',
    status: [201],
    errors: ['not_found', 'already_exists', 'invalid_category'],
    summary: 'Lets a worker take tasks of a client under a pattern.',
  }),
  listGrants: get('/queue/admin/grants', 'grant.list', 'Grants', { query: 'GrantQuery', inside: true, summary: 'What workers were granted.' }),
  deleteGrant: remove('/queue/admin/grants/{id}', 'grant.delete', 'Takes a grant back, from the next claim on.'),
  createKey: post('/queue/admin/keys', 'key.create', 'KeyMade', {
    body: 'NewKey',
    status: [201],
    errors: ['not_found'],
    summary: 'A new key, shown this once.',
  }),
  listKeys: get('/queue/admin/keys', 'key.list', 'Keys', { inside: true, summary: 'Keys, without what opens.' }),
  rotateKey: post('/queue/admin/keys/{id}/rotate', 'key.rotate', 'KeyMade', {
    body: 'Rotate',
    status: [201],
    errors: MOVE,
    summary: 'A new key like this one; this one ends after `overlap_ms`.',
  }),
  revokeKey: remove('/queue/admin/keys/{id}', 'key.revoke', 'The key opens nothing any more.'),
  setCategory: row({
    method: 'PUT',
    path: '/queue/admin/categories/{pattern}',
    access: 'category.set',
    body: 'CategoryChange',
    answer: 'Category',
    status: [200],
    errors: ['invalid_category'],
    summary: 'Registers a category or pattern with its defaults.',
  }),
  listCategories: get('/queue/admin/categories', 'category.list', 'Categories', { summary: 'The registry and its mode.' }),
  deleteCategory: remove('/queue/admin/categories/{pattern}', 'category.delete', 'Takes a category out of the registry.'),
  setCategoryMode: row({
    method: 'PUT',
    path: '/queue/admin/category-mode',
    access: 'category.set',
    body: 'CategoryMode',
    answer: 'CategoryMode',
    status: [200],
    errors: [],
    summary: 'Which types are taken: `open`, `hierarchical`, `registered`.',
  }),
  ...AUDIT_OPERATIONS,
  ...CLOCK_OPERATIONS,
  ...OUTLOOK_OPERATIONS,

  // of the server
  metrics: get('/metrics', 'metrics.read', 'Metrics', {
    contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    errors: TASK,
    summary: 'Numbers of the queue and, for the platform, of this server. On its own machine no key is needed, unless the server is told otherwise.',
  }),

  // without a key
  bootstrap: post('/queue/admin/bootstrap', 'public', 'KeyMade', {
    body: 'Bootstrap',
    status: [201],
    errors: ['unauthenticated', 'invalid_input', 'rate_limited'],
    summary: 'Trades the one-time secret of a new server for the key of its first admin.',
  }),
  livez: get('/livez', 'public', 'Alive', { summary: 'The process answers.' }),
  readyz: get('/readyz', 'public', 'Alive', { errors: ['store_unavailable'], summary: 'It can serve: the store answers and it is not draining.' }),
  openapi: get('/openapi.json', 'public', 'OpenApi', { summary: 'This interface as OpenAPI 3.1.' }),
} as const satisfies Record<string, OperationRow>;

export type OperationName = keyof typeof OPERATIONS;
export const OPERATION_LIST = Object.keys(OPERATIONS) as readonly OperationName[];
export const rowOf = (name: OperationName): OperationRow => OPERATIONS[name];

/** What every row with a key may answer. */
export const COMMON_ERRORS = [
  'invalid_input',
  'malformed_request',
  'unauthenticated',
  'forbidden',
  'client_suspended',
  'rate_limited',
  'issuer_unavailable',
  'store_busy',
  'store_full',
  'store_read_only',
  'store_unavailable',
  'closed',
  'internal',
] as const satisfies readonly ErrorCode[];

export const PROTOCOL = '1';
