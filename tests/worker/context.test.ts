// What a handler is given: read from the claim, made when asked for, and harmless when nobody waits for it.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ClaimedTask } from '../../src/domain/task.ts';
import type { WorkerHandle } from '../../src/service/handles.ts';
import { TaskContext } from '../../src/worker/context.ts';
import { Held, type HeldState, TaskAborted } from '../../src/worker/held.ts';

const task: ClaimedTask = {
  clientId: 'acme',
  taskId: 'task-1',
  leaseId: 'lease-1',
  type: 'Mail.Send',
  payload: '{}',
  compatibility: '{}',
  priority: 100,
  attempt: 3,
  maxAttempts: 5,
  leaseUntilUtc: 30_000,
  leaseMs: 30_000,
  fence: 7,
  maxRunMs: 3_600_000,
  createdAtUtc: 0,
  createdBy: null,
  metadata: null,
  traceparent: null,
};
const ref = { clientId: 'acme', taskId: 'task-1', leaseId: 'lease-1' };

/** The three calls that a handler can make, written down. */
function recorder(answer: (call: string) => Promise<never> | Promise<unknown> = async () => undefined) {
  const calls: unknown[][] = [];
  const record =
    (name: string) =>
    (...args: unknown[]) => {
      calls.push([name, ...args]);
      return answer(name);
    };
  return { calls, handle: { progress: record('progress'), log: record('log'), enqueueChild: record('enqueueChild') } as unknown as WorkerHandle };
}

function contextOf(handle: WorkerHandle, state: HeldState = 'running'): { readonly held: Held; readonly ctx: TaskContext } {
  const held = new Held(task, 0, 1);
  held.state = state;
  return { held, ctx: new TaskContext(held, handle) };
}

describe('the context of a handler', () => {
  let made = 0;
  const original = globalThis.AbortController;
  beforeEach(() => {
    made = 0;
    globalThis.AbortController = class extends original {
      constructor() {
        super();
        made += 1;
      }
    };
  });
  afterEach(() => {
    globalThis.AbortController = original;
  });

  it('tells of the attempt', () => {
    const { ctx } = contextOf(recorder().handle);
    assert.equal(ctx.task, task);
    assert.deepEqual([ctx.attempt, ctx.fence, ctx.idempotencyKey], [3, 7, 'task-1']);
  });

  it('makes no controller before its signal is asked for, and then one', () => {
    const { ctx, held } = contextOf(recorder().handle);
    assert.ok(ctx.attempt > 0 && ctx.progress !== undefined);
    assert.equal(made, 0);
    const { signal } = ctx;
    assert.equal(ctx.signal, signal);
    assert.equal(made, 1);
    assert.equal(signal.aborted, false);
    held.abort('cancelled', 5);
    assert.equal(signal.aborted, true);
  });

  it('makes none for an abort that nobody looks at, and a signal asked for later has fired already', () => {
    const { ctx, held } = contextOf(recorder().handle);
    held.abort('timed_out', 5);
    assert.equal(made, 0);
    assert.equal(ctx.signal.aborted, true);
    assert.equal((ctx.signal.reason as TaskAborted).code, 'timed_out');
  });

  it('gives the first cause as the reason, an AbortError with a code', () => {
    const { ctx, held } = contextOf(recorder().handle);
    const reasons: unknown[] = [];
    ctx.signal.addEventListener('abort', () => reasons.push(ctx.signal.reason));
    held.abort('shutdown', 5);
    held.abort('lease_lost', 6);
    const [reason, ...more] = reasons;
    assert.ok(reason instanceof TaskAborted && more.length === 0);
    assert.deepEqual([reason.name, reason.code, held.cause, held.abortedAt], ['AbortError', 'shutdown', 'shutdown', 5]);
  });

  it('names the lease, and nothing else of the task, in what it writes', async () => {
    const { handle, calls } = recorder();
    const { ctx } = contextOf(handle);
    await ctx.progress(0.5);
    await ctx.log('half', { done: 1 });
    await ctx.enqueueChild('Mail.Bounce', { to: 'x' }, { priority: 1 });
    assert.deepEqual(calls, [
      ['progress', ref, 0.5],
      ['log', ref, 'half', { done: 1 }],
      ['enqueueChild', ref, 'Mail.Bounce', { to: 'x' }, { priority: 1 }],
    ]);
  });

  it('can be taken apart', async () => {
    const { handle, calls } = recorder();
    const { progress, log, enqueueChild, signal, attempt } = contextOf(handle).ctx;
    await Promise.all([progress(1), log('x'), enqueueChild('A')]);
    assert.equal(calls.length, 3);
    assert.deepEqual([signal.aborted, attempt], [false, 3]);
  });

  it('hands on what the store answers', async () => {
    const answer = { taskId: 'child' };
    assert.equal(await contextOf(recorder(async () => answer).handle).ctx.enqueueChild('A'), answer);
  });

  for (const state of ['ending', 'gone'] as const) {
    it(`writes nothing once the attempt is ${state}`, async () => {
      const { handle, calls } = recorder();
      const { ctx } = contextOf(handle, state);
      await assert.rejects(ctx.progress(1), { code: 'lease_lost' });
      await assert.rejects(ctx.log('x'), { code: 'lease_lost' });
      await assert.rejects(ctx.enqueueChild('A'), { code: 'lease_lost' });
      assert.deepEqual(calls, []);
    });
  }

  it('a refusal reaches who waits for it, and nobody else', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const { ctx } = contextOf(recorder(async () => Promise.reject(new Error('the store is away'))).handle);
      void ctx.progress(1);
      void ctx.log('x');
      void ctx.enqueueChild('A');
      await assert.rejects(ctx.progress(2), /the store is away/);
      // Unhandled rejections are told at the end of the turn in which they came about.
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(unhandled, []);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('a handle that throws at once refuses like one that rejects', async () => {
    const { ctx } = contextOf(
      recorder(() => {
        throw new Error('at once');
      }).handle,
    );
    await assert.rejects(ctx.progress(1), /at once/);
  });
});
