// What a handler writes while it holds its lease: progress, messages, and whose task it is. Nothing without the current lease.
import type { LeaseRef } from '../../domain/task.ts';
import type { Store, StoreScope } from '../store.ts';
import type { Engine } from './engine.ts';
import type { Row } from './statements.ts';

/** Rows of `lease_find`: task_no, client, attempt, submitter, trace, priority, due. */
function held(engine: Engine, scope: StoreScope, lease: LeaseRef): Row | undefined {
  const workerId = scope.workerId as string;
  engine.wall.bind({ clients: [lease.clientId], workerId });
  return engine.st.row('lease_find', { client_id: lease.clientId, task_id: lease.taskId, lease_id: lease.leaseId, worker_id: workerId, now: engine.now() });
}

export function setProgress(engine: Engine, scope: StoreScope, lease: LeaseRef, value: string): boolean {
  const found = held(engine, scope, lease);
  if (found === undefined) return false;
  engine.st.run('progress_set', { task_no: found[0] as number, client_id: lease.clientId, now: engine.now(), value });
  return true;
}

export function addMessage(engine: Engine, scope: StoreScope, lease: LeaseRef, message: string, details: string | null): boolean {
  const found = held(engine, scope, lease);
  if (found === undefined) return false;
  engine.st.run('message_add', { task_no: found[0] as number, client_id: lease.clientId, now: engine.now(), attempt: found[2] as number, message, details });
  return true;
}

export function holderOf(engine: Engine, scope: StoreScope, lease: LeaseRef): Awaited<ReturnType<Store['holder']>> {
  const found = held(engine, scope, lease);
  if (found === undefined) return null;
  return { createdBy: found[3] as string | null, traceparent: found[4] as string | null, priority: found[5] as number, dueAtUtc: found[6] as number | null };
}
