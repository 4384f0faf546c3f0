// Quotas in SQLite: what is left is kept as it was counted, less what was enqueued since, so that it is never more than there is. It is
// counted anew when it does not do; where there is much to count, once a second at most.
import type { Refusal } from '../../domain/errors.ts';
import { QUOTA_COUNT_MS, QUOTA_SMALL, quotaExceeded } from '../../domain/quota.ts';
import type { Quota, QuotaInfo } from '../../domain/quota.ts';
import type { QuotaStore } from '../quotas.ts';
import { bump } from './engine.ts';
import type { Engine } from './engine.ts';
import { read } from './parts.ts';
import type { Parts } from './parts.ts';
import { security } from './registry.ts';
import type { Statements } from './statements.ts';

const ANY = Number.MAX_SAFE_INTEGER;

/** What is left of one client's quota in one batch. */
export interface Room extends Quota {
  roomTasks: number;
  roomBytes: number;
  countedAtUtc: number;
  /** Let in by this batch and in no place yet. */
  takenTasks: number;
  takenBytes: number;
}

export function roomOf({ st }: Engine, client_id: string): Room | null {
  const row = st.row('quota_of', { client_id });
  if (row === undefined) return null;
  const [tasks = null, bytes = null, roomTasks, roomBytes, countedAtUtc] = row as readonly (number | null)[];
  return { tasks, bytes, roomTasks: roomTasks ?? 0, roomBytes: roomBytes ?? 0, countedAtUtc: countedAtUtc ?? 0, takenTasks: 0, takenBytes: 0 };
}

/** Takes the room of one task, or refuses it. */
export function takeRoom(engine: Engine, clientId: string, room: Room, payload: string, now: number): Refusal | null {
  const size = Buffer.byteLength(payload);
  const fits = (): boolean => room.roomTasks >= 1 && room.roomBytes >= size;
  if (!fits() && isOld(room, now)) count(engine.st, clientId, room, now);
  if (!fits()) return quotaExceeded(clientId, room);
  room.roomTasks -= 1;
  room.roomBytes -= size;
  room.takenTasks += 1;
  room.takenBytes += size;
  return null;
}

const isOld = ({ tasks, countedAtUtc }: Room, now: number): boolean =>
  countedAtUtc === 0 || now - countedAtUtc >= QUOTA_COUNT_MS || (tasks ?? ANY) <= QUOTA_SMALL;

function count(st: Statements, client_id: string, room: Room, now: number): void {
  const used = usedOf(st, client_id, room.bytes !== null);
  room.roomTasks = (room.tasks ?? ANY) - used.tasks - room.takenTasks;
  room.roomBytes = (room.bytes ?? ANY) - used.bytes - room.takenBytes;
  room.countedAtUtc = now;
}

const usedOf = (st: Statements, client_id: string, withBytes: boolean): { readonly tasks: number; readonly bytes: number } => ({
  tasks: st.row('quota_tasks', { client_id })?.[0] as number,
  bytes: withBytes ? (st.row('quota_bytes', { client_id })?.[0] as number) : 0,
});

export function keepRoom({ st }: Engine, client_id: string, { roomTasks, roomBytes, countedAtUtc }: Room): void {
  st.run('quota_put', { client_id, tasks: roomTasks, bytes: roomBytes, at: countedAtUtc });
}

export function quotaOperations({ engine, own }: Parts): QuotaStore {
  const info = (st: Statements, client_id: string): QuotaInfo | null => {
    const row = st.row('quota_of', { client_id });
    if (row === undefined) return null;
    const [tasks = null, bytes = null] = row as readonly (number | null)[];
    const used = usedOf(st, client_id, true);
    return { clientId: client_id, tasks, bytes, usedTasks: used.tasks, usedBytes: used.bytes };
  };
  return {
    get: (_scope, clientId) =>
      read(() => {
        own.wall.bind({ clients: [clientId] });
        return info(own.st, clientId);
      }),
    set: (scope, clientId, { tasks, bytes }) =>
      engine.writer.one(scope.actor, () => {
        engine.wall.bind({ clients: scope.clients });
        if (engine.st.run('quota_set', { client_id: clientId, tasks, bytes }) === 0) return null;
        engine.st.run('quota_reset', { client_id: clientId });
        bump(engine, 'lanes_version');
        security(engine, {
          actor: scope.actor,
          action: 'client.quota',
          clientId,
          object: clientId,
          outcome: 'done',
          details: JSON.stringify({ tasks, bytes }),
        });
        return info(engine.st, clientId);
      }),
  };
}
