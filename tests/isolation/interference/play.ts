// A script of two clients, their workers and their admins, and what one of the clients observes of it: every answer and every refusal, as text.
import fc from 'fast-check';
import { QueueError } from '../../../src/index.ts';
import type { AdminHandle, ClaimedTask, ClientHandle, LeaseRef, WorkerHandle } from '../../../src/index.ts';

export type Name = 'amber' | 'cobalt';

export interface Hand {
  readonly client: ClientHandle;
  readonly worker: WorkerHandle;
  readonly admin: AdminHandle;
}
export interface Hands extends Readonly<Record<Name, Hand>> {
  /** Whose ids come next: each client has a sequence of its own. */
  speakFor(name: Name): void;
  advance(ms: number): void;
  tick(): Promise<void>;
}

export interface Step {
  /** `world`: the clock and the janitor, which are there with and without a neighbour. */
  readonly who: Name | 'world';
  readonly act: Act;
  readonly n: number;
  readonly m: number;
}
export type Script = readonly Step[];

const TYPES = ['Mail.Send', 'Mail.Digest', 'Video.Cut'] as const;
const KEYS = ['order-1', 'order-2', undefined, undefined] as const;

/** What a client has met in the script. */
interface Memory {
  readonly tasks: string[];
  readonly leases: ClaimedTask[];
  /** Ids of the other client: the n-th of its sequence. */
  readonly foreign: (n: number) => string;
}

type Doing = (hand: Hand, memory: Memory, n: number, m: number) => Promise<unknown>;

const task = ({ tasks }: Memory, n: number): string => tasks[n % Math.max(tasks.length, 1)] ?? 'none';
const lease = ({ leases }: Memory, n: number): LeaseRef => leases[n % Math.max(leases.length, 1)] ?? { clientId: 'nobody', taskId: 'none', leaseId: 'none' };

async function enqueue({ client }: Hand, memory: Memory, n: number, m: number): Promise<unknown> {
  const idempotencyKey = KEYS[n % KEYS.length];
  const made = await client.enqueue(
    TYPES[m % TYPES.length] as string,
    { n },
    {
      priority: 1 + (n % 5) * 100,
      ...(m % 4 === 3 ? { delayMs: 2000 } : {}),
      ...(m % 7 === 6 ? { ttlMs: 5000 } : {}),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      metadata: { of: `${m % 3}` },
    },
  );
  memory.tasks.push(made.taskId);
  return made;
}

const ACTS = {
  enqueue,
  enqueueMany: async ({ client }, memory, n) => {
    const made = await client.enqueueMany(Array.from({ length: 1 + (n % 4) }, (_, i) => ({ type: TYPES[(n + i) % TYPES.length] as string, payload: i })));
    for (const one of made) if (one.ok) memory.tasks.push(one.taskId);
    return made;
  },
  get: ({ client }, memory, n) => client.get(task(memory, n)),
  getForeign: ({ client }, memory, n) => client.get(memory.foreign(n)),
  cancelForeign: ({ client }, memory, n) => client.cancel(memory.foreign(n)),
  list: ({ client }, _memory, n, m) => client.list({ limit: 1 + (n % 5), ...(m % 2 === 0 ? {} : { type: 'Mail.*' }) }),
  listAll: ({ client }) => client.list(),
  logs: ({ client }, memory, n) => client.logs(task(memory, n)),
  stats: ({ client }) => client.stats(),
  cancel: ({ client }, memory, n) => client.cancel(task(memory, n), 'enough'),
  requeue: ({ client }, memory, n) => client.requeue(task(memory, n)),
  reprioritise: ({ client }, memory, n, m) => client.reprioritise(task(memory, n), 1 + (m % 1000)),
  amend: ({ client }, memory, n, m) => client.amend(task(memory, n), { payload: { m } }),
  claim: async ({ worker }, memory, n, m) => {
    const tasks = await worker.claim({ max: 1 + (n % 4), leaseMs: 3000 + (m % 3) * 1000, strategy: m % 2 === 0 ? 'PRIORITY' : 'FIFO' });
    memory.leases.push(...tasks);
    return tasks;
  },
  inbox: ({ worker }) => worker.inbox(),
  complete: ({ worker }, memory, n, m) => worker.complete(lease(memory, n), { m }),
  fail: ({ worker }, memory, n, m) => worker.fail(lease(memory, n), 'broken', { retryInMs: (m % 3) * 1000 }),
  release: ({ worker }, memory, n) => worker.release(lease(memory, n)),
  heartbeat: ({ worker }, memory, n) => worker.heartbeat([lease(memory, n)], 4000),
  progress: ({ worker }, memory, n, m) => worker.progress(lease(memory, n), m),
  child: async ({ worker }, memory, n) => worker.enqueueChild(lease(memory, n), 'Mail.Child', { n }),
  events: ({ admin }) => admin.securityEvents(),
  // Between its two chains the order of what happens in one millisecond is that of the numbers.
  trail: async ({ admin }) => {
    const { items } = await admin.audit.trail();
    return (['tasks', 'security'] as const).map((chain) => items.filter((item) => item.chain === chain));
  },
  grants: ({ admin }) => admin.grants.list(),
  keys: ({ admin }) => admin.keys.list(),
  workers: ({ admin }) => admin.workers.list(),
  purge: ({ admin }, memory, n) => admin.purge(task(memory, n)),
} as const satisfies Record<string, Doing>;
type ClientAct = keyof typeof ACTS;
export type Act = ClientAct | 'advance' | 'tick';

const COMMON: readonly ClientAct[] = ['enqueue', 'enqueue', 'enqueue', 'claim', 'claim', 'complete', 'fail', 'list', 'stats'];

export function scripts(): fc.Arbitrary<Script> {
  const n = fc.nat(40);
  const act = fc.constantFrom<ClientAct>(...COMMON, ...(Object.keys(ACTS) as ClientAct[]));
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 10, arbitrary: fc.record({ who: fc.constantFrom<Name>('amber', 'cobalt'), act, n, m: n }) },
    { weight: 1, arbitrary: fc.record({ who: fc.constant('world' as const), act: fc.constantFrom<Act>('advance', 'tick'), n, m: n }) },
  );
  return fc.array(step, { minLength: 12, maxLength: 40, size: 'max' });
}

const other = (name: Name): Name => (name === 'amber' ? 'cobalt' : 'amber');

/** What the watched client observes, step by step. Alone: the steps of the other are left out. */
export async function observed(hands: Hands, script: Script, watched: Name, { alone }: { readonly alone: boolean }): Promise<readonly string[]> {
  const seen: string[] = [];
  const numbers = { amber: new Renumbered(), cobalt: new Renumbered() };
  const memories = { amber: memoryOf('cobalt'), cobalt: memoryOf('amber') };
  for (const { who, act, n, m } of script) {
    if (who === 'world') {
      if (act === 'advance') hands.advance(n * 100);
      else await hands.tick();
      continue;
    }
    if (who !== watched && alone) continue;
    hands.speakFor(who);
    const text = await answered(() => (ACTS[act as ClientAct] as Doing)(hands[who], memories[who], n, m), numbers[who]);
    if (who === watched) seen.push(`${act}: ${text}`);
  }
  return seen;
}

const memoryOf = (name: Name): Memory => ({ tasks: [], leases: [], foreign: (n) => idOf(name, n % 6) });

export const idOf = (name: Name, n: number): string => `01890000-0000-7000-8000-${name === 'amber' ? 'a' : 'c'}${n.toString(16).padStart(11, '0')}`;
export { other };

/** What is random becomes the order in which it was met; the numbers of entries, which rise over all clients by nature, are left out. */
class Renumbered {
  readonly #met = new Map<string, Map<string, number>>();
  text(value: unknown): string {
    const renumber = (key: string, one: unknown): unknown => {
      // How long a claim waited is of the real clock.
      if (one === null || one === undefined || key === 'waitedMs') return one === null ? null : undefined;
      if (RISING.has(key)) return key;
      if (RANDOM.has(key)) return this.#of(key, String(one as string));
      // The client over HTTP makes up a key where none is given.
      if (key === 'idempotencyKey' && /^[0-9a-f-]{36}$/.test(String(one as string))) return this.#of(key, String(one as string));
      return key === 'object' && /^[0-9A-Za-z]{11}$/.test(String(one as string)) ? 'the id of a key' : one;
    };
    return JSON.stringify(value, renumber) ?? 'nothing';
  }
  #of(key: string, value: string): string {
    const met = this.#met.get(key) ?? new Map<string, number>();
    this.#met.set(key, met);
    if (!met.has(value)) met.set(value, met.size);
    return `${key} #${met.get(value)}`;
  }
}
const RISING: ReadonlySet<string> = new Set(['logId', 'eventId', 'id', 'nextCursor']);
const RANDOM: ReadonlySet<string> = new Set(['leaseId', 'lease_id', 'grantId', 'grant_id', 'keyId', 'key_id', 'requestId', 'request_id']);

async function answered(act: () => Promise<unknown>, numbers: Renumbered): Promise<string> {
  try {
    return numbers.text(await act());
  } catch (error) {
    if (error instanceof QueueError) return `${error.code}: ${error.message} ${numbers.text(error.details ?? {})}`;
    throw error;
  }
}
