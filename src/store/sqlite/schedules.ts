// Schedules in SQLite: the rows of the book, and one transaction that moves ticks on and enqueues what they make.
import { refuse } from '../../domain/errors.ts';
import type { Refusal } from '../../domain/errors.ts';
import { LATE_MS, SCHEDULES_PER_CLIENT } from '../../domain/schedule.ts';
import type { Schedule } from '../../domain/schedule.ts';
import { clientOf, readerOf } from '../pages.ts';
import { SCHEDULE_COLUMNS, dueOf, scheduleOf } from '../schedules.ts';
import type { Firing, ScheduleRow, ScheduleStore } from '../schedules.ts';
import type { StoreScope } from '../store.ts';
import type { Engine } from './engine.ts';
import { enqueueBatch } from './enqueue.ts';
import { read } from './parts.ts';
import type { Parts } from './parts.ts';
import { security } from './registry.ts';

export function scheduleOperations(parts: Parts): ScheduleStore {
  const { engine } = parts;
  const { writer } = engine;
  return {
    set: (scope, row, nextUtc, reason) => writer.one(scope.actor, () => setSchedule(engine, scope, row, nextUtc, reason)),
    get: (scope, name) => read(() => select(parts, scope, 's.client_id = :client_id AND s.name = :name', { name })[0] ?? null),
    list: (scope, { limit, after: [from, name] }) =>
      read(() => {
        const where = scope.clients === '*' ? '(s.client_id, s.name) > (:from, :name)' : 's.client_id = :client_id AND s.name > :name';
        return select(parts, scope, `${where} ORDER BY s.client_id, s.name LIMIT :most`, { from, name, most: limit });
      }),
    delete: (scope, name, reason) =>
      writer.one(scope.actor, () => {
        engine.wall.bind({ clients: scope.clients });
        const client_id = clientOf(scope);
        return engine.st.run('schedule_delete', { client_id, name }) > 0 && told(engine, scope, 'schedule.delete', name, { reason });
      }),
    pause: (scope, seen, paused, nextUtc, reason) =>
      writer.one(scope.actor, () => {
        engine.wall.bind({ clients: scope.clients });
        const at = { client_id: clientOf(scope), name: seen.name, seen: seen.changedAtUtc, now: engine.now() };
        const done = engine.st.run('schedule_pause', { ...at, paused: paused ? 1 : 0, next_utc: nextUtc }) > 0;
        return done && told(engine, scope, 'schedule.pause', seen.name, { paused, reason });
      }),
    content: (clientId, name) =>
      read(() => {
        engine.wall.bind({ clients: [clientId] });
        const row = engine.st.row('schedule_content', { client_id: clientId, name }) as [string, string, string] | undefined;
        return row === undefined ? null : { type: row[0], payload: row[1], options: row[2] };
      }),
    due: (most, withCron) =>
      read(() => {
        engine.wall.bind({ clients: '*' });
        const now = engine.now();
        const with_cron = withCron ? 1 : 0;
        const due = engine.st.rows('schedules_due', { now, with_cron, most });
        const ahead = due.length < most ? engine.st.rows('schedules_ahead', { late: now + LATE_MS, with_cron, most: most - due.length }) : [];
        return { nowUtc: now, items: [...due, ...ahead].map(dueOf) };
      }),
    fire: (firings) => writer.one('schedule', () => fire(parts, firings)),
  };
}

const told = (engine: Engine, scope: StoreScope, action: string, name: string, details: object): true => {
  const given = Object.fromEntries(Object.entries(details).filter(([, value]) => value !== null));
  security(engine, { actor: scope.actor, action, clientId: clientOf(scope), object: name, outcome: 'done', details: JSON.stringify(given) });
  return true;
};

function select({ reader }: Parts, scope: StoreScope, where: string, params: Record<string, string | number>): Schedule[] {
  reader.wall.bind({ clients: scope.clients });
  const cls = readerOf(scope);
  const columns = cls === 'platform' ? SCHEDULE_COLUMNS : [...SCHEDULE_COLUMNS, 'payload'];
  const sql = `SELECT ${columns.map((column) => `s.${column}`).join(', ')} FROM walled.schedules s WHERE ${where}`;
  return reader.st.composed(cls, sql, { ...params, client_id: clientOf(scope) }).map((row) => scheduleOf(row, scope.raw === true));
}

function setSchedule(engine: Engine, scope: StoreScope, row: ScheduleRow, nextUtc: number | null, reason: string | null): Refusal | null {
  engine.wall.bind({ clients: scope.clients });
  const client_id = clientOf(scope);
  if (engine.st.row('client_get', { client_id }) === undefined) return refuse('unknown_client', `there is no client ${client_id}`).refusal;
  const params = {
    client_id,
    name: row.name,
    kind: row.kind,
    cron: row.cron,
    time_zone: row.timeZone,
    every_ms: row.everyMs,
    at_utc: row.atUtc,
    type: row.type,
    payload: row.payload,
    options: row.options,
    missed: row.missed,
    paused: row.paused ? 1 : 0,
    next_utc: nextUtc,
    now: engine.now(),
  };
  if (engine.st.run('schedule_update', params) === 0) {
    const held = engine.st.row('schedule_count', { client_id })?.[0] as number;
    if (held >= SCHEDULES_PER_CLIENT)
      return refuse('quota_exceeded', `the client ${client_id} has ${held} schedules: delete some, or make one that does more`).refusal;
    engine.st.run('schedule_insert', params);
  }
  const { kind, cron, timeZone, everyMs, atUtc, type } = row;
  told(engine, scope, 'schedule.set', row.name, { kind, cron, timeZone, everyMs, atUtc, type, reason });
  return null;
}

function fire(parts: Parts, firings: readonly Firing[]): number {
  const { engine, sets } = parts;
  engine.wall.bind({ clients: '*' });
  const now = engine.now();
  const mine = firings.filter(
    ({ clientId, name, tickUtc, nextUtc, lastUtc }) =>
      engine.st.run('schedule_fire', { client_id: clientId, name, tick: tickUtc, next_utc: nextUtc, last_utc: lastUtc, now }) > 0,
  );
  const items = mine.flatMap(({ tasks }) => tasks.map((task) => ({ task, createClient: false })));
  const answers = items.length === 0 ? [] : enqueueBatch(engine, sets, items, 'schedule', false);
  engine.wall.bind({ clients: '*' });
  let from = 0;
  let total = 0;
  for (const { clientId, name, tasks, refusal } of mine) {
    const own = answers.slice(from, (from += tasks.length));
    const made = own.flatMap((answer) => (answer.ok && !answer.value.deduplicated ? [answer.value.taskId] : []));
    const refused = own.flatMap((answer) => (answer.ok ? [] : [answer.refusal.code])).at(-1) ?? refusal;
    total += made.length;
    engine.st.run('schedule_fired', { client_id: clientId, name, made: made.length, task_id: made.at(-1) ?? null, refusal: refused });
  }
  return total;
}
