// Who waits for what, and whom a commit wakes: those whom it may concern, and of those who wait to claim no more than there is to
// be claimed. A hint: polling is the truth, so that nobody waits for ever for what a hint did not tell.
import type { Interest, Narrowing } from './waiting.ts';
import { covers } from '../domain/capability.ts';
import { intersectPatterns } from '../domain/category.ts';
import type { Result } from '../domain/errors.ts';
import type { ClaimedTask, Compatibility, GrantSpec, NewTask, SettleResult, Settlement, WorkerCapabilities } from '../domain/task.ts';
import type { EnqueueOutcome, StoreScope } from './store.ts';

/** Tasks that may be claimed from now on. Without a type: some of this client. */
export interface Ready {
  readonly clientId: string;
  readonly type?: string;
  /** As JSON text. */
  readonly compatibility?: string;
  readonly count: number;
}

/** What a commit touched. */
export interface Touched {
  /** Whose tasks have news. */
  readonly clients: readonly string[];
  /** Ids of those that moved; absent: none whose end anybody waits for. */
  readonly tasks?: readonly string[];
  readonly ready?: readonly Ready[];
  /** Something may be due earlier than what was. */
  readonly delays?: boolean;
  readonly everything?: true;
}

export const NOTHING: Touched = { clients: [] };
/** Or not known what. */
export const EVERYTHING: Touched = { clients: [], delays: true, everything: true };

/** What a worker may take. */
export interface Reach {
  readonly declared: WorkerCapabilities;
  readonly grants: readonly GrantSpec[];
}
/** Null: not known, so anything. */
export type ReachOf = (workerId: string, request: Narrowing) => Reach | null;

/** What a call says instead of what was registered, narrowed to the types that it names. */
export function declaredBy({ types, capabilities }: Narrowing, registered: WorkerCapabilities): WorkerCapabilities {
  const said = capabilities ?? registered;
  return types === undefined ? said : { ...said, categories: intersectPatterns(said.categories ?? ['*'], types) };
}

interface Waiter {
  readonly interest: Interest | undefined;
  reach: Reach | null;
  readonly wake: (changed: boolean) => void;
}

export interface Waiters {
  readonly size: number;
  /** Resolves with what woke it (true) or ended it (false: the time, the signal, the end of the store). */
  wait(interest: Interest | undefined, reach: Reach | Promise<Reach | null> | null, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  /** Whoever may be concerned. */
  touched(all: readonly Touched[]): void;
  everybody(changed: boolean): void;
  /** Who waits for work. `tells`: the claim that makes what is due ready tells whom it is for, so that one of those who claim is enough. */
  due(tells: boolean): void;
  /** Whether anybody waits for what becomes due. */
  wantsDue(): boolean;
}

export function createWaiters(): Waiters {
  const waiters = new Set<Waiter>();
  let forWork = 0;
  const wakeIf = (concerned: (waiter: Waiter) => boolean): void => {
    for (const waiter of [...waiters]) if (concerned(waiter)) waiter.wake(true);
  };
  return {
    get size() {
      return waiters.size;
    },
    wait: (interest, reach, timeoutMs, signal) =>
      new Promise((resolve) => {
        const gaveUp = (): void => waiter.wake(false);
        const timer = setTimeout(gaveUp, timeoutMs);
        const waiter: Waiter = {
          interest,
          reach: reach instanceof Promise ? null : reach,
          wake(changed) {
            clearTimeout(timer);
            if (waiters.delete(waiter) && wantsWork(interest)) forWork--;
            signal?.removeEventListener('abort', gaveUp);
            resolve(changed);
          },
        };
        waiters.add(waiter);
        // Waits from now on: a commit in the meantime would be missed.
        if (reach instanceof Promise)
          void reach.then(
            (known) => (waiter.reach = known),
            () => undefined,
          );
        if (wantsWork(interest)) forWork++;
        if (signal?.aborted === true) return gaveUp();
        signal?.addEventListener('abort', gaveUp, { once: true });
      }),
    touched(all) {
      wakeIf(all.some((one) => one.everything === true) ? () => true : concernOf(all));
    },
    everybody(changed) {
      for (const waiter of [...waiters]) waiter.wake(changed);
    },
    due(tells) {
      let claimers = 0;
      wakeIf(({ interest }) => (tells && isClaimer(interest) ? claimers++ === 0 : wantsWork(interest)));
    },
    wantsDue: () => forWork > 0,
  };
}

const wantsWork = (interest: Interest | undefined): boolean => interest === undefined || interest.for === 'work';
const isClaimer = (interest: Interest | undefined): boolean => interest?.for === 'work' && interest.claims;

interface Offer extends Ready {
  readonly asked: Compatibility | undefined;
  left: number;
}

/** Asked of each waiter once, in the order in which they came: those who claim are given out what is ready. */
function concernOf(all: readonly Touched[]): (waiter: Waiter) => boolean {
  const clients = new Set(all.flatMap((touched) => touched.clients));
  const tasks = new Set(all.flatMap((touched) => touched.tasks ?? []));
  const offers = offersOf(all);
  return ({ interest, reach }) => {
    if (interest === undefined) return true;
    if (interest.for === 'work') {
      const offer = offers.find((one) => one.left > 0 && takes(reach, one));
      if (offer !== undefined && interest.claims && offer.type !== undefined) offer.left--;
      return offer !== undefined;
    }
    if (interest.for === 'task' && !tasks.has(interest.taskId)) return false;
    return interest.clients === '*' ? clients.size > 0 : interest.clients.some((clientId) => clients.has(clientId));
  };
}

/** One a lane. */
function offersOf(all: readonly Touched[]): Offer[] {
  const offers = new Map<string, Offer>();
  for (const ready of all.flatMap((touched) => touched.ready ?? [])) {
    const key = `${ready.clientId}\n${ready.type ?? ''}\n${ready.compatibility ?? ''}`;
    const known = offers.get(key);
    if (known !== undefined) known.left += ready.count;
    else
      offers.set(key, {
        ...ready,
        asked: ready.compatibility === undefined ? undefined : (JSON.parse(ready.compatibility) as Compatibility),
        left: ready.count,
      });
  }
  return [...offers.values()];
}

function takes(reach: Reach | null, { clientId, type, asked = {} }: Offer): boolean {
  if (reach === null) return true;
  if (type === undefined) return reach.grants.some((grant) => grant.clientId === '*' || grant.clientId === clientId);
  return covers(reach.declared, reach.grants, { clientId, type, compatibility: asked });
}

const distinct = (clientIds: readonly string[]): string[] => [...new Set(clientIds)];

// What the operations touch, the same in every engine

export function enqueued(tasks: readonly NewTask[], answers: readonly Result<EnqueueOutcome>[]): Touched {
  const stored = tasks.filter((_, i) => {
    const answer = answers[i];
    return answer?.ok === true && !answer.value.deduplicated;
  });
  // An instant may be past: that is for the store's clock to say.
  const ready = stored.filter((task) => task.delayMs === 0);
  return {
    clients: distinct(stored.map(({ clientId }) => clientId)),
    ready: ready.map(({ clientId, type, compatibility }) => ({ clientId, type, compatibility, count: 1 })),
    delays: stored.some((task) => task.delayMs > 0 || task.runAfterUtc !== null),
  };
}

export function claimed(tasks: readonly ClaimedTask[]): Touched {
  return { clients: distinct(tasks.map(({ clientId }) => clientId)) };
}

export function settled(items: readonly Settlement[], answers: readonly SettleResult[]): Touched {
  const ended = items.filter((_, i) => answers[i]?.ok === true);
  const released = ended.filter(({ op }) => op === 'release');
  return {
    clients: distinct(ended.map(({ clientId }) => clientId)),
    tasks: ended.map(({ taskId }) => taskId),
    ready: distinct(released.map(({ clientId }) => clientId)).map((clientId) => ({ clientId, count: 1 })),
    delays: ended.some(({ op }) => op !== 'complete'),
  };
}

/** A task that was cancelled, requeued, changed or purged. */
export function moved({ clients }: StoreScope, taskId: string, isReady = false): Touched {
  if (clients === '*') return EVERYTHING;
  return { clients, tasks: [taskId], ready: isReady ? clients.map((clientId) => ({ clientId, count: 1 })) : [] };
}
