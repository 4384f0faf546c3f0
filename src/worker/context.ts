// What a handler is given beside its input. Everything is made when it is first asked for, since most handlers ask for little;
// the calls are functions of their own, so that `async (input, { signal, progress }) => …` works.
import { QueueError } from '../domain/errors.ts';
import type { ClaimedTask, Json, LeaseRef } from '../domain/task.ts';
import type { WorkerHandle } from '../service/handles.ts';
import { type Held, refOf } from './held.ts';
import { promised } from './promised.ts';
import type { HandlerContext, ParentOutcome } from './types.ts';

export class TaskContext implements HandlerContext {
  readonly #held: Held;
  readonly #handle: WorkerHandle;

  constructor(held: Held, handle: WorkerHandle) {
    this.#held = held;
    this.#handle = handle;
  }

  get task(): ClaimedTask {
    return this.#held.task;
  }
  get attempt(): number {
    return this.#held.task.attempt;
  }
  get fence(): number {
    return this.#held.task.fence;
  }
  get idempotencyKey(): string {
    return this.#held.task.taskId;
  }
  get signal(): AbortSignal {
    return this.#held.signal;
  }
  get progress(): HandlerContext['progress'] {
    return (value) => this.#call((lease) => this.#handle.progress(lease, value));
  }
  get log(): HandlerContext['log'] {
    return (message, details) => this.#call((lease) => this.#handle.log(lease, message, details));
  }
  get enqueueChild(): HandlerContext['enqueueChild'] {
    return (type, payload, options) => this.#call((lease) => this.#handle.enqueueChild(lease, type, payload, options));
  }

  get enqueueChildren(): HandlerContext['enqueueChildren'] {
    return (items, options) => this.#call((lease) => this.#handle.enqueueChildren(lease, items, options));
  }
  get parents(): HandlerContext['parents'] {
    return () => this.#call((lease) => allParents(this.#handle, lease));
  }

  /** A handler need not await these: a refusal that nobody looks at must not end the process. */
  #call<T>(write: (lease: LeaseRef) => Promise<T>): Promise<T> {
    const call =
      this.#held.state === 'running'
        ? promised(() => write(refOf(this.#held.task)))
        : Promise.reject<T>(new QueueError('lease_lost', 'This attempt has ended: nothing more is accepted from it.'));
    call.catch(() => undefined);
    return call;
  }
}

/** In pages: a task may have thousands of parents with results of their own. */
async function allParents(handle: WorkerHandle, lease: LeaseRef): Promise<readonly ParentOutcome[]> {
  const found: ParentOutcome[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await handle.parents(lease, cursor === undefined ? {} : { cursor });
    found.push(...page.items.map(({ result, ...parent }) => ({ ...parent, result: result === null ? null : (JSON.parse(result) as Json) })));
    cursor = page.nextCursor;
  }
  return found;
}
