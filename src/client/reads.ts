// What is read of tasks over HTTP and done to one: the same for clients, admins and auditors, since the key decides what it reaches.
import { decode, pairText } from '../contract/wire.ts';
import { ENDED } from '../domain/lifecycle.ts';
import { QueueError } from '../domain/errors.ts';
import type { StreamEntry, Task } from '../domain/task.ts';
import type { EventOptions, TaskMoves, TaskReads, WaitOptions } from '../service/handles.ts';
import { sleep } from './call.ts';
import { backoffMs } from './failure.ts';
import type { Line } from './line.ts';
import { streamOf } from './stream.ts';

export function taskReads({ call, settings, headers }: Line): TaskReads {
  return {
    get: (id) => call('getTask', { path: { id }, headers }),
    async list({ metadata = {}, ...filter } = {}) {
      const pairs = Object.entries(metadata).map(([key, value]) => pairText(key.toWellFormed(), String(value).toWellFormed()));
      const { tasks, nextCursor } = await call('listTasks', { query: { ...filter, metadata: pairs }, headers });
      return { items: tasks, nextCursor };
    },
    async logs(id, page = {}) {
      const { logs, nextCursor } = await call('taskLogs', { path: { id }, query: { ...page }, headers });
      return { items: logs, nextCursor };
    },
    async dependencies(id, page = {}) {
      const { dependencies, nextCursor } = await call('taskDependencies', { path: { id }, query: { ...page }, headers });
      return { items: dependencies, nextCursor };
    },
    events: (options) => entriesOf({ settings, headers }, options),
    stats: () => call('stats', { headers }),
    unroutable: async (options = {}) => (await call('unroutable', { query: { ...options }, headers })).work,
    forecast: (id) => call('forecastTask', { path: { id }, headers }),
    explain: (id) => call('explainTask', { path: { id }, headers }),
  };
}

async function* entriesOf(line: Pick<Line, 'settings' | 'headers'>, { after, signal }: EventOptions = {}): AsyncGenerator<StreamEntry> {
  for await (const { data } of streamOf(line, 'events', { lastEventId: after === undefined ? undefined : String(after), signal }))
    yield decode(JSON.parse(data)) as StreamEntry;
}

export const taskMoves = ({ call, headers }: Line): TaskMoves => ({
  cancel: (id, reason) => call('cancelTask', { path: { id }, body: { reason }, headers }),
  requeue: (id) => call('requeueTask', { path: { id }, headers }),
});

const WAIT_MS = 30_000;
/** Below what the wire allows, and below the patience of most proxies. */
const POLL_MS = 25_000;
/** A server that answers before the time was up has a reason; it is not asked again at once. */
const EARLY_MS = 500;

/** Asks again and again, each time for as long as the server waits. A server that is away meanwhile is waited for too. */
export async function waitFor({ call, settings, headers }: Line, id: string, { timeoutMs = WAIT_MS, signal }: WaitOptions): Promise<Task> {
  const until = performance.now() + timeoutMs;
  const signals = [signal, settings.signal];
  for (let failures = 0; ; ) {
    const askedAt = performance.now();
    const waitMs = Math.max(0, Math.min(POLL_MS, Math.ceil(until - askedAt)));
    let pauseMs = EARLY_MS;
    try {
      const task = await call('waitTask', { path: { id }, query: { waitMs }, headers, signal, waitMs });
      if (ENDED.includes(task.status)) return task;
      if (performance.now() >= until)
        throw new QueueError('timeout', `the task is still ${task.status} after ${timeoutMs} ms: wait longer, or look at it later`, { status: task.status });
      failures = 0;
      if (performance.now() - askedAt >= waitMs) continue;
    } catch (error) {
      if (!isPassing(error) || performance.now() >= until) throw error;
      pauseMs = backoffMs(++failures, Math.random);
    }
    await sleep(Math.min(pauseMs, Math.max(0, until - performance.now())), signals);
  }
}

const isPassing = (error: unknown): boolean => error instanceof QueueError && error.retryable && error.code !== 'timeout' && error.code !== 'aborted';
