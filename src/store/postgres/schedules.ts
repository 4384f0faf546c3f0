// Schedules on PostgreSQL: the changes and the firing are functions of the database; here are their callers.
import { refuse } from '../../domain/errors.ts';
import { LATE_MS, SCHEDULES_PER_CLIENT } from '../../domain/schedule.ts';
import { clientOf, readerOf } from '../pages.ts';
import { dueOf, scheduleOf } from '../schedules.ts';
import type { Firing, ScheduleStore } from '../schedules.ts';
import type { StoreScope } from '../store.ts';
import { SYSTEM, actingOf, classOf } from './acting.ts';
import { column } from './columns.ts';
import { enqueueColumns } from './enqueue.ts';
import { call } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Row } from './pool.ts';
import { statement } from './statements.ts';
import type { Params } from './statements.ts';

/** What fires ticks, as the audit names it. */
const FIRING = { ...SYSTEM, actor: 'schedule' } as const;

export function scheduleOperations(engine: Engine): ScheduleStore {
  const select = async (scope: StoreScope, name: string, params: Params): Promise<Row[]> => {
    const open = readerOf(scope) === 'platform';
    const one = { statement: statement(open ? `${name}_open` : name), params: { ...params, client_id: clientOf(scope) } };
    return (await engine.pools[classOf(scope)].read(actingOf(scope), [one]))[0] as Row[];
  };
  return {
    async set(scope, row, nextUtc, reason) {
      const client_id = clientOf(scope);
      const params = { client_id, name: row.name, kind: row.kind, cron: row.cron, time_zone: row.timeZone, every_ms: row.everyMs, at_utc: row.atUtc };
      const task = { type: row.type, payload: row.payload, options: row.options, missed: row.missed, paused: row.paused, next_utc: nextUtc };
      const [answer] = await call(engine, scope, 'schedule_put', { ...params, ...task, most: SCHEDULES_PER_CLIENT, reason });
      return refusalOf(answer?.[0], client_id, `the client ${client_id} has ${SCHEDULES_PER_CLIENT} schedules: delete some, or make one that does more`);
    },
    async get(scope, name) {
      const [row] = await select(scope, 'schedule_one', { name });
      return row === undefined ? null : scheduleOf(row, scope.raw === true);
    },
    async list(scope, { limit, after: [from, after] }) {
      const rows =
        scope.clients === '*'
          ? await engine.pools.admin.read(actingOf(scope), [{ statement: statement('schedule_list_all'), params: { from, after, most: limit } }])
          : [await select(scope, 'schedule_list', { after, most: limit })];
      return (rows[0] as Row[]).map((row) => scheduleOf(row, scope.raw === true));
    },
    delete: async (scope, name, reason) => (await call(engine, scope, 'schedule_delete', { client_id: clientOf(scope), name, reason }))[0]?.[0] === true,
    async pause(scope, seen, paused, nextUtc, reason) {
      const params = { client_id: clientOf(scope), name: seen.name, seen: seen.changedAtUtc, paused, next_utc: nextUtc, reason };
      return (await call(engine, scope, 'schedule_pause', params))[0]?.[0] === true;
    },
    async content(clientId, name) {
      const row = await engine.pools.admin.row('schedule_content', SYSTEM, { client_id: clientId, name });
      return row === undefined ? null : { type: row[0] as string, payload: row[1] as string, options: row[2] as string };
    },
    async due(most, withCron) {
      const rows = await engine.pools.admin.run('schedules_due', SYSTEM, { most, with_cron: withCron, late_ms: LATE_MS });
      return { nowUtc: (rows[0]?.[0] ?? 0) as number, items: rows.map((row) => dueOf(row.slice(1))) };
    },
    fire: (firings) => fire(engine, firings),
  };
}

export function refusalOf(code: unknown, clientId: string, quota: string): ReturnType<typeof refuse>['refusal'] | null {
  if (code === null || code === undefined) return null;
  return code === 'unknown_client' ? refuse('unknown_client', `there is no client ${clientId}`).refusal : refuse('quota_exceeded', quota).refusal;
}

/** When some of them are not where they were read, the database fires none and answers the others: they are asked for again. */
async function fire(engine: Engine, firings: readonly Firing[]): Promise<number> {
  for (let left = firings; left.length > 0; ) {
    const rows = (await engine.pools.admin.run('schedules_fire', FIRING, firingColumns(engine, left))) as unknown as readonly [number, number | null][];
    if (rows.every(([, made]) => made !== null)) return rows.reduce((sum, [, made]) => sum + (made ?? 0), 0);
    const all = left;
    left = rows.map(([o]) => all[o] as Firing);
  }
  return 0;
}

function firingColumns(engine: Engine, firings: readonly Firing[]): Params {
  const of = (key: 'clientId' | 'name' | 'tickUtc' | 'lastUtc' | 'nextUtc' | 'refusal'): string | null => column(firings.map((firing) => firing[key]));
  const tasks = firings.flatMap((firing) => firing.tasks);
  return {
    ...enqueueColumns(tasks, { atomic: false, createClients: false }, engine.options.lanesPerClient),
    f_clients: of('clientId'),
    f_names: of('name'),
    f_ticks: of('tickUtc'),
    f_lasts: of('lastUtc'),
    f_nexts: of('nextUtc'),
    f_refusals: of('refusal'),
    f_of: column(firings.flatMap((firing, i) => firing.tasks.map(() => i))),
  };
}
