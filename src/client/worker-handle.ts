// The handle of a worker over HTTP: the same as `queue.worker(id)`. Leases are receipts that only the server reads; every write
// names one and may be sent again.
import type { JsonText } from '../domain/json-text.ts';
import type { ClaimedTask, LeaseRef, ParentResult, Settlement, SettleResult } from '../domain/task.ts';
import type { ClaimOptions, EnqueueItem, InboxItem, WorkerHandle } from '../service/handles.ts';
import { failureBody, jsonOf, newKey, settlementBody, taskBody } from './body.ts';
import { sleep } from './call.ts';
import type { Line } from './line.ts';

/** Over so many tasks the heartbeat is sent in parts: the wire takes 10,000. */
const MOST_LEASES = 10_000;

/** `self` answers the worker's id; it is asked at most once. */
export function workerHandle(line: Line, given: string, self: () => Promise<string>): WorkerHandle {
  const { call, settings } = line;
  let workerId = given;
  const path = async (): Promise<{ id: string }> => {
    if (workerId === '') workerId = await self();
    return { id: workerId };
  };
  return {
    get workerId() {
      return workerId;
    },
    waitsInClaim: true,
    register: async (input = {}) => call('register', { path: await path(), body: input }),
    beat: async (status) => void (await call('beat', { path: await path(), body: { status } })),
    deregister: async () => call('deregister', { path: await path() }),
    async inbox(limit) {
      const { tasks } = await call('inbox', { query: { limit } });
      return tasks.map((task) => ({ ...(task as InboxItem), compatibility: textOf((task as InboxItem).compatibility) }));
    },
    claim: (options = {}) => claim(line, options),
    async heartbeat(leases, leaseMs) {
      const where = await path();
      const parts = Array.from({ length: Math.max(1, Math.ceil(leases.length / MOST_LEASES)) }, (_, i) => leases.slice(i * MOST_LEASES, (i + 1) * MOST_LEASES));
      const answers = await Promise.all(parts.map((part) => call('beat', { path: where, body: { leases: part.map(namesOf), leaseMs } })));
      const all = (list: 'extended' | 'lost' | 'cancelled' | 'timedOut'): readonly string[] => answers.flatMap((answer) => answer[list]);
      return { extended: all('extended'), lost: all('lost'), cancelled: all('cancelled'), timedOut: all('timedOut') };
    },
    ...endings(line),
    ...insideLease(line),
    /** Nothing is asked: a claim that waits is the hint. */
    wake: (timeoutMs, signal) => sleep(timeoutMs, [signal, settings.signal]).catch(() => undefined),
  };
}

const namesOf = ({ taskId, leaseId }: LeaseRef): object => ({ taskId, leaseId });
const textOf = (value: unknown): string => JSON.stringify(value);

/** A body is bounded: many large results go in several. */
const PART_CHARACTERS = 1_000_000;
const PART_ITEMS = 500;

function* partsOf(items: readonly Settlement[]): Generator<readonly Settlement[]> {
  let part: Settlement[] = [];
  let characters = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (part.length > 0 && (part.length >= PART_ITEMS || characters + size > PART_CHARACTERS)) {
      yield part;
      part = [];
      characters = 0;
    }
    part.push(item);
    characters += size;
  }
  if (part.length > 0) yield part;
}

function sizeOf(item: Settlement): number {
  if (item.op === 'complete') return item.result?.length ?? 0;
  return item.op === 'fail' ? item.error.message.length + (item.error.stack?.length ?? 0) : 0;
}

function endings({ call }: Line): Pick<WorkerHandle, 'settle' | 'complete' | 'fail' | 'release'> {
  return {
    async settle(items) {
      const results: SettleResult[] = [];
      for (const part of partsOf(items)) results.push(...(await call('settle', { body: { items: part.map(settlementBody) } })).results);
      return results;
    },
    async complete({ taskId, leaseId }, result, timing = {}) {
      const text = result === undefined ? {} : { result: jsonOf(result, 'result') };
      await call('completeTask', { path: { id: taskId }, body: { leaseId, ...text, ...timing } });
    },
    async fail({ taskId, leaseId }, error, options = {}) {
      return (await call('failTask', { path: { id: taskId }, body: { leaseId, error: failureBody(error), ...options } })).status;
    },
    release: async ({ taskId, leaseId }, options = {}) => void (await call('releaseTask', { path: { id: taskId }, body: { leaseId, ...options } })),
  };
}

function insideLease({ call }: Line): Pick<WorkerHandle, 'progress' | 'log' | 'parents' | 'enqueueChild' | 'enqueueChildren'> {
  return {
    progress: ({ taskId, leaseId }, value) => call('progressTask', { path: { id: taskId }, body: { leaseId, progress: jsonOf(value, 'progress') } }),
    log: ({ taskId, leaseId }, message, details) =>
      call('logTask', { path: { id: taskId }, body: { leaseId, message, ...(details === undefined ? {} : { details: jsonOf(details, 'details') }) } }),
    async enqueueChild({ taskId, leaseId }, type, payload, options = {}) {
      const { idempotencyKey = newKey() } = options;
      const made = await call('enqueueChild', { path: { id: taskId }, body: { leaseId, ...taskBody({ ...options, type, payload, idempotencyKey }) } });
      return options.idempotencyKey === undefined ? { ...made, deduplicated: false } : made;
    },
    async enqueueChildren({ taskId, leaseId }, items, { then: next } = {}) {
      const keyed = (item: EnqueueItem): object => taskBody({ ...item, idempotencyKey: item.idempotencyKey ?? newKey() });
      const body = { leaseId, tasks: items.map(keyed), ...(next === undefined ? {} : { next: keyed(next) }) };
      return call('enqueueChildren', { path: { id: taskId }, body });
    },
    async parents({ taskId, leaseId }, { limit, cursor } = {}) {
      const body = { leaseId, limit, after: cursor === undefined ? undefined : Number(cursor) };
      const { parents, nextAfter } = await call('leaseParents', { path: { id: taskId }, body, raw: true });
      const textOfResult = (result: unknown): string | null => (result === null || (result as JsonText).text === 'null' ? null : (result as JsonText).text);
      return {
        items: (parents as readonly ParentResult[]).map((parent) => ({ ...parent, result: textOfResult(parent.result) })),
        nextCursor: nextAfter === null ? null : String(nextAfter),
      };
    },
  };
}

/** A claim whose answer was lost is not repeated here: what it took comes back when its leases end. */
async function claim({ call }: Line, { signal, ...options }: ClaimOptions): Promise<readonly ClaimedTask[]> {
  const { tasks, waitedMs } = await call('claim', { body: options, signal, waitMs: options.waitMs ?? 0, raw: true });
  return tasks.map((task) => claimedOf(task as WireTask, waitedMs));
}

type WireTask = Omit<ClaimedTask, 'payload' | 'compatibility' | 'metadata'> & {
  readonly payload: JsonText;
  readonly compatibility: unknown;
  readonly metadata: unknown;
};

/** As text, which the handle in process has too; the payload byte for byte. */
const claimedOf = ({ payload, compatibility, metadata, ...task }: WireTask, waitedMs: number | undefined): ClaimedTask => ({
  ...task,
  payload: payload.text,
  compatibility: textOf(compatibility),
  metadata: metadata === null ? null : textOf(metadata),
  ...(waitedMs === undefined ? {} : { waitedMs }),
});
