// What every topic of the conformance suite is given: a way to open a store with a replaced clock, and what is asked of it often.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { OpenOptions } from '../../../src/index.ts';
import type { ClaimedTask, LogEntry } from '../../../src/domain/task.ts';
import type { ClientHandle, Queue } from '../../../src/service/handles.ts';

/** `queue` and `other` are two connections to one store where the engine can have them, else the same one twice. */
export interface Opened {
  readonly queue: Queue;
  readonly other: Queue;
  readonly clock: { now: number };
}

export interface Conformance {
  readonly name: string;
  readonly capabilities: { readonly connections: 1 | 2 };
  /** Closed at the end of the test. */
  open(t: TestContext, options?: OpenOptions): Promise<Opened>;
}

let clients = 0;
/** A client id that no other test has. */
export const freshClient = (): string => `c${++clients}`;

export interface Setting extends Opened {
  readonly id: string;
  readonly client: ClientHandle;
}

export async function settle(suite: Conformance, t: TestContext, options?: OpenOptions): Promise<Setting> {
  const opened = await suite.open(t, options);
  const id = freshClient();
  return { ...opened, id, client: opened.queue.client(id) };
}

/** The one task that a claim must give. */
export function only(tasks: readonly ClaimedTask[]): ClaimedTask {
  assert.equal(tasks.length, 1, 'the claim gives one task');
  return tasks[0] as ClaimedTask;
}

/** Every event of a task, which must join up from the first row to the state that it is in. */
export async function history(client: ClientHandle, taskId: string): Promise<string[]> {
  const { items } = await client.logs(taskId, { limit: 1000 });
  let state: LogEntry['toStatus'] = null;
  for (const row of items) {
    assert.equal(row.fromStatus, state, `${row.event} starts where the row before it ended`);
    state = row.toStatus;
  }
  assert.equal(state, (await client.get(taskId)).status, 'the log ends in the state of the task');
  return items.map((row) => row.event);
}
