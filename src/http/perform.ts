// What each operation does, over the handles of the service: the one place where a route meets a handle. The role was
// authorised before; what the call may name is bound inside its handle.
import type { OperationName } from '../contract/operations.ts';
import type { NextAnchor } from '../domain/audit-anchor.ts';
import type { BulkEvent } from '../domain/bulk.ts';
import { QueueError } from '../domain/errors.ts';
import type { Quota } from '../domain/quota.ts';
import { JsonText } from '../domain/json-text.ts';
import type { KeyPrincipal } from '../domain/principal.ts';
import type {
  AuditReads,
  AuditRetention,
  AuditorHandle,
  BookReads,
  BulkRequest,
  ClientHandle,
  EnqueueItem,
  GrantInfo,
  NewKey,
  RotateOptions,
  TaskReads,
  TrailFilter,
  VerifyOptions,
} from '../service/handles.ts';
import { LOOK_MS, given, handleOf, itemOf } from './bench.ts';
import type { Bench, Performer } from './bench.ts';
import { adminOf, clientOf } from './insides.ts';
import { enqueueLines } from './enqueue-stream.ts';
import { clockPerformers } from './perform-clock.ts';
import type { Answer, Call } from './reply.ts';
import { lines } from './lines.ts';
import { workerPerformers } from './perform-worker.ts';
import { inWireWords } from './words.ts';

/** Reads and moves: an admin of the platform reaches every client, or the one that it names. */
function reader(call: Call, bench: Bench): TaskReads & Pick<ClientHandle, 'cancel' | 'requeue'> {
  return call.inside === null ? (handleOf(call, bench) as ClientHandle) : clientOf(call, bench);
}

/** Who reads of the book: an admin of the platform may see no more than one client. */
const narrowed = ({ principal, inside }: Call): KeyPrincipal => (inside === null ? principal : { ...principal, role: 'admin', clientId: inside.clientId });
const bookOf = (call: Call, bench: Bench): BookReads => bench.queue.book(narrowed(call));

const idOf = (call: Call): string => call.params['id'] as string;
const value = (answer: unknown): Answer => ({ value: answer });
const page = <T>(name: string, { items, nextCursor }: { readonly items: readonly T[]; readonly nextCursor: string | null }): Answer =>
  value({ [name]: items, nextCursor });
const done: Answer = { status: 204 };

const enqueued = (answer: { readonly deduplicated: boolean; readonly taskId: string; readonly status: string; readonly createdAtUtc: number }): Answer => {
  const { taskId, status, createdAtUtc, deduplicated } = answer;
  return { status: deduplicated ? 200 : 201, value: { taskId, status, createdAtUtc, deduplicated } };
};

const bulked =
  (event: BulkEvent): Performer =>
  async (call, bench) =>
    value(await clientOf(call, bench).bulk(event, { ...given<BulkRequest>(call), signal: call.signal() }));

const taskPerformers = {
  async enqueue(call, bench) {
    const { type, payload, ...options } = itemOf(call);
    return enqueued(await clientOf(call, bench).enqueue(type, payload ?? NULL, options));
  },
  async enqueueMany(call, bench) {
    const { tasks, atomic = false } = given<{ tasks: readonly EnqueueItem[]; atomic?: boolean }>(call);
    const results = await clientOf(call, bench).enqueueMany(
      tasks.map((task) => ({ ...task, payload: task.payload ?? NULL })),
      { atomic },
    );
    return value({ results: results.map((result) => (result.ok ? result : { ...result, message: inWireWords(result.message) })) });
  },
  enqueueStream: (call, bench) => enqueueLines(call, bench),
  listTasks: async (call, bench) => page('tasks', await reader(call, bench).list(call.input)),
  async taskDependencies(call, bench) {
    return page('dependencies', await reader(call, bench).dependencies(idOf(call), call.input));
  },
  getTask: async (call, bench) => value(await reader(call, bench).get(idOf(call))),
  bulkCancel: bulked('cancel'),
  bulkRequeue: bulked('requeue'),
  bulkReprioritise: bulked('reprioritise'),
  bulkPurge: bulked('purge'),
  async updateTask(call, bench) {
    const { priority, ...rest } = given<{ priority?: number }>(call);
    const amends = Object.keys(rest).length > 0;
    if ((priority === undefined) === !amends)
      throw new QueueError('invalid_input', 'give a priority, or what is to be amended: one of the two', {
        fields: [{ field: 'priority', message: 'alone or not at all' }],
      });
    await bench.queue.authorize(call.principal, amends ? 'task.amend' : 'task.reprioritise');
    const client = clientOf(call, bench);
    return value(amends ? await client.amend(idOf(call), rest) : await client.reprioritise(idOf(call), priority as number));
  },
  async taskPayload(call, bench) {
    const { principal } = call;
    if (principal.role === 'admin') return value(await adminOf(call, bench).payload(idOf(call), given<{ reason?: string }>(call).reason ?? ''));
    if (principal.role === 'client') return value(await reader(call, bench).get(idOf(call)));
    await bench.queue.refused(principal, 'task.payload', 'role');
    throw new QueueError('forbidden', 'a worker is given the payload with its claim');
  },
  async purgeTask(call, bench) {
    await adminOf(call, bench).purge(idOf(call));
    return done;
  },
  cancelTask: async (call, bench) => value(await reader(call, bench).cancel(idOf(call), given<{ reason?: string }>(call).reason)),
  requeueTask: async (call, bench) => value(await reader(call, bench).requeue(idOf(call))),
  taskLogs: async (call, bench) => page('logs', await reader(call, bench).logs(idOf(call), call.input)),
  async waitTask(call, bench) {
    const client = clientOf(call, bench);
    const until = performance.now() + (given<{ waitMs?: number }>(call).waitMs ?? 0);
    for (;;) {
      const left = until - performance.now();
      // A server that drains answers the task as it is.
      if (left <= 0 || call.isGone()) return value(await client.get(idOf(call)));
      try {
        return value(await client.wait(idOf(call), { timeoutMs: Math.min(left, LOOK_MS), signal: call.signal() }));
      } catch (error) {
        if (!(error instanceof QueueError) || (error.code !== 'timeout' && error.code !== 'aborted')) throw error;
        await call.stillOpen();
      }
    }
  },
  explainTask: async (call, bench) => value(await reader(call, bench).explain(idOf(call))),
  unroutable: async (call, bench) => value({ work: await reader(call, bench).unroutable(call.input) }),
  forecastTask: async (call, bench) => value(await reader(call, bench).forecast(idOf(call))),
  async forecastType(call, bench) {
    const { type, priority } = given<{ type: string; priority?: number }>(call);
    return value(await clientOf(call, bench).forecastType(type, priority));
  },
  stats: async (call, bench) => value(await (call.inside === null ? (handleOf(call, bench) as AuditorHandle) : clientOf(call, bench)).stats()),
  async events(call, bench) {
    const last = call.header('last-event-id') ?? given<{ lastEventId?: string }>(call).lastEventId;
    if (last !== undefined && !/^\d{1,16}$/.test(last)) throw new QueueError('malformed_request', '`Last-Event-ID` is the id of an event');
    return { stream: bench.events(call, reader(call, bench), last === undefined ? {} : { after: Number(last) }) };
  },
} satisfies Partial<Record<OperationName, Performer>>;

const keyPerformers = {
  async whoami({ principal }) {
    const { role, keyId = null, scopes = null } = principal;
    const clientId = 'clientId' in principal ? (principal.clientId ?? null) : null;
    return value({ role, clientId, workerId: role === 'worker' ? principal.workerId : null, keyId, scopes });
  },
} satisfies Partial<Record<OperationName, Performer>>;

const serverPerformers = {
  metrics: async ({ principal }, bench) => ({ text: await bench.metrics(principal) }),
} satisfies Partial<Record<OperationName, Performer>>;

const NULL = new JsonText('null');

const bookPerformers = {
  async createClient(call, bench) {
    const { clientId, ...options } = given<{ clientId: string; weight?: number }>(call);
    return { status: 201, value: await adminOf(call, bench).clients.create(clientId, options) };
  },
  listClients: async (call, bench) => value({ clients: await bookOf(call, bench).clients() }),
  async updateClient(call, bench) {
    const { status, weight } = given<{ status?: 'active' | 'suspended'; weight?: number }>(call);
    const { clients } = adminOf(call, bench);
    if (status === undefined && weight === undefined)
      throw new QueueError('invalid_input', 'give a status or a weight', { fields: [{ field: 'status', message: 'missing' }] });
    // Both or neither: a key whose scopes have one of the two changes nothing.
    if (weight !== undefined) await bench.queue.authorize(call.principal, 'client.weight');
    if (status !== undefined) await bench.queue.authorize(call.principal, 'client.suspend');
    const changed = weight === undefined ? null : await clients.weight(idOf(call), weight);
    if (status === undefined) return value(changed);
    return value(await (status === 'active' ? clients.resume(idOf(call)) : clients.suspend(idOf(call))));
  },
  setQuota: async (call, bench) => value(await adminOf(call, bench).clients.quota(idOf(call), given<Partial<Quota>>(call))),
  quota: async (call, bench) => value(await clientOf(call, bench).quota()),
  encryptClient: async (call, bench) => ({ status: 201, value: await adminOf(call, bench).clients.encrypt(idOf(call)) }),
  async eraseClient(call, bench) {
    const { confirm = false, reason = '' } = given<{ confirm?: boolean; reason?: string }>(call);
    const { clients } = adminOf(call, bench);
    return value(await (confirm ? clients.confirmErase(idOf(call)) : clients.erase(idOf(call), reason)));
  },
  async exportClient(call, bench) {
    const { reason = '', cursor } = given<{ reason?: string; cursor?: string }>(call);
    return page('items', await adminOf(call, bench).clients.exportPage(idOf(call), { reason, ...(cursor === undefined ? {} : { cursor }) }));
  },
  listWorkers: async (call, bench) => value({ workers: await bookOf(call, bench).workers() }),
  async removeWorker(call, bench) {
    await adminOf(call, bench).workers.remove(idOf(call));
    return done;
  },
  pruneWorkers: async (call, bench) => value({ removed: await adminOf(call, bench).workers.prune(given<{ staleMs?: number }>(call).staleMs) }),
  async createGrant(call, bench) {
    const { workerId, ...grant } = given<GrantInfo>(call);
    return { status: 201, value: await adminOf(call, bench).grants.create(workerId, grant) };
  },
  listGrants: async (call, bench) => value({ grants: await bookOf(call, bench).grants(given<{ workerId?: string }>(call).workerId) }),
  async deleteGrant(call, bench) {
    await adminOf(call, bench).grants.delete(idOf(call));
    return done;
  },
  createKey: async (call, bench) => ({ status: 201, value: await adminOf(call, bench).keys.create(given<NewKey>(call)) }),
  listKeys: async (call, bench) => value({ keys: await bookOf(call, bench).keys() }),
  rotateKey: async (call, bench) => ({ status: 201, value: await adminOf(call, bench).keys.rotate(idOf(call), given<RotateOptions>(call)) }),
  async revokeKey(call, bench) {
    await adminOf(call, bench).keys.revoke(idOf(call));
    return done;
  },
  setCategory: async (call, bench) => value(await adminOf(call, bench).categories.set({ ...call.input, pattern: call.params['pattern'] as string })),
  listCategories: async (call, bench) => value(await bookOf(call, bench).categories()),
  async deleteCategory(call, bench) {
    await adminOf(call, bench).categories.delete(call.params['pattern'] as string);
    return done;
  },
  setCategoryMode: async (call, bench) => value({ mode: await adminOf(call, bench).categories.mode(given<{ mode: 'open' }>(call).mode) }),
  securityEvents: async (call, bench) => page('events', await (bench.queue.as(narrowed(call)) as AuditorHandle).securityEvents(call.input)),
  auditTrail: async (call, bench) => page('entries', await auditOf(call, bench).trail(given<TrailFilter>(call))),
  auditHeads: async (call, bench) => value({ heads: await auditOf(call, bench).heads(call.input) }),
  verifyAudit: async (call, bench) => value(await auditOf(call, bench).verify(given<VerifyOptions>(call))),
  exportAudit: async (call, bench) => ({ stream: await lines(call, auditOf(call, bench).export({ ...call.input, signal: call.signal() })) }),
  nextAnchor: async (call, bench) => value(await adminOf(call, bench).audit.nextAnchor()),
  async anchored(call, bench) {
    await adminOf(call, bench).audit.anchored(given<NextAnchor & { digest: string }>(call));
    return done;
  },
  auditRetention: async (call, bench) => value({ clients: await auditOf(call, bench).retention() }),
  async retainAudit(call, bench) {
    const { clientId, keepMs } = given<AuditRetention>(call);
    await adminOf(call, bench).audit.retain(clientId, keepMs);
    return done;
  },
} satisfies Partial<Record<OperationName, Performer>>;

const auditOf = (call: Call, bench: Bench): AuditReads => (handleOf(call, bench) as AuditorHandle).audit;

export const PERFORM = {
  ...taskPerformers,
  ...workerPerformers,
  ...keyPerformers,
  ...serverPerformers,
  ...bookPerformers,
  ...clockPerformers,
} satisfies Partial<Record<OperationName, Performer>>;
