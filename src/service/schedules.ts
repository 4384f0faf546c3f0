// Schedules: what a client does with its own, and the step that fires what is due. Ticks are computed here and moved on by the store
// in the transaction that enqueues, only from where they were read: so each is fired once, over any number of servers.
import { QueueError, unwrap } from '../domain/errors.ts';
import type { Refusal, Result } from '../domain/errors.ts';
import { JsonText, toJsonText } from '../domain/json-text.ts';
import { wrongField } from '../domain/fields.ts';
import { LATE_MS, checkSchedule, isScheduleName, nextTick, planTicks, tickAfter } from '../domain/schedule.ts';
import type { NextCron, Schedule, ScheduleInput, ScheduleOptions, ScheduleRule } from '../domain/schedule.ts';
import type { Principal } from '../domain/principal.ts';
import type { NewTask } from '../domain/task.ts';
import type { DueSchedule, Firing, StoreScope } from '../store/store.ts';
import { authorize } from './deps.ts';
import type { Deps } from './deps.ts';
import type { EnqueueResult, ScheduleHandle } from './handles.ts';
import { prepareWith } from './prepare.ts';
import { checkPage } from './tasks.ts';

/** Schedules of one step, and steps of one call: what is left over is due at the next. */
const A_STEP = 200;
const STEPS = 20;
const PREVIEW = { default: 10, most: 100 } as const;

export function scheduleHandle(deps: Deps, principal: Principal, clientId: string, scope: StoreScope, createClients: boolean): ScheduleHandle {
  const { store } = deps;
  const reason = principal.role === 'admin' && principal.clientId === undefined ? (principal.reason ?? null) : null;
  const find = async (name: string): Promise<Schedule> => (isScheduleName(name) ? await store.schedules.get(scope, name) : null) ?? absent();
  const look = async (name: string): Promise<Schedule> => {
    await authorize(deps, principal, 'schedule.get');
    return find(name);
  };
  const pause = async (name: string, paused: boolean): Promise<Schedule> => {
    await authorize(deps, principal, 'schedule.pause');
    for (;;) {
      const seen = await find(name);
      const next = paused ? null : nextTick(needCron(deps.cron, seen), seen.lastUtc, store.now(), deps.cron);
      if (await store.schedules.pause(scope, seen, paused, next, reason)) return find(name);
    }
  };
  return {
    ...scheduleReads(deps, look),
    ...scheduleList(deps, principal, scope),
    async set(name, input) {
      await authorize(deps, principal, 'schedule.set');
      let refusal = await set(deps, clientId, scope, name, input, reason);
      if (refusal?.code === 'unknown_client' && createClients) {
        // The program names its client for the first time.
        await store.createClient({ role: 'admin', actor: 'admin', clients: '*' }, clientId, 1);
        refusal = await set(deps, clientId, scope, name, input, reason);
      }
      if (refusal !== null) throw QueueError.from(refusal);
      return find(name);
    },
    async delete(name) {
      await authorize(deps, principal, 'schedule.delete');
      if (!isScheduleName(name) || !(await store.schedules.delete(scope, name, reason))) absent();
    },
    pause: (name) => pause(name, true),
    resume: (name) => pause(name, false),
    async run(name) {
      await authorize(deps, principal, 'schedule.run');
      const content = (isScheduleName(name) ? await store.schedules.content(clientId, name) : null) ?? absent();
      const task = unwrap(prepare(deps, { ...content, clientId, name }, null, await store.categories()));
      const details = JSON.stringify({ task_id: task.taskId, ...(reason === null ? {} : { reason }) });
      await store.recordSecurity({ actor: scope.actor, action: 'schedule.run', clientId, object: name, outcome: 'done', details });
      const [answer] = await store.enqueue(scope, [task], { atomic: false, createClients: false });
      return unwrap(answer as Result<EnqueueResult>);
    },
  };
}

const absent = (): never => {
  throw new QueueError('not_found', 'there is no such schedule');
};

function scheduleReads(deps: Deps, find: (name: string) => Promise<Schedule>): Pick<ScheduleHandle, 'get' | 'preview'> {
  const { store } = deps;
  return {
    get: find,
    async preview(name, count = PREVIEW.default) {
      if (!Number.isInteger(count) || count < 1 || count > PREVIEW.most) unwrap(wrongField('count', `is not an integer from 1 to ${PREVIEW.most}`));
      const schedule = needCron(deps.cron, await find(name));
      const ticks: number[] = [];
      for (let at = schedule.nextUtc ?? nextTick(schedule, schedule.lastUtc, store.now(), deps.cron); at !== null && ticks.length < count; ) {
        ticks.push(at);
        at = tickAfter(schedule, at, deps.cron);
      }
      return ticks;
    },
  };
}

/** Of one client, or of all that may be seen. */
export function scheduleList(deps: Deps, principal: Principal, scope: StoreScope): Pick<ScheduleHandle, 'list'> {
  return {
    async list(page = {}) {
      await authorize(deps, principal, 'schedule.list');
      const { limit } = checkPage(page.limit === undefined ? {} : { limit: page.limit });
      const [from = '', name = ''] = page.cursor === undefined ? [] : page.cursor.split('/');
      const items = await deps.store.schedules.list(scope, { limit: limit + 1, after: [from, name] });
      const last = items[limit - 1];
      return { items: items.slice(0, limit), nextCursor: items.length > limit && last !== undefined ? `${last.clientId}/${last.name}` : null };
    },
  };
}

/** Without cron, nothing can be said of a rule by cron. */
function needCron<R extends ScheduleRule>(cron: NextCron | undefined, rule: R): R {
  if (rule.kind === 'cron' && cron === undefined)
    throw new QueueError('invalid_input', 'this queue was opened without cron: openQueue(url, { cron }) with cron of prismq/cron, or ask at a server', {
      fields: [{ field: 'cron', message: 'not at hand' }],
    });
  return rule;
}

async function set(deps: Deps, clientId: string, scope: StoreScope, name: string, input: ScheduleInput, reason: string | null): Promise<Refusal | null> {
  const { store, cron } = deps;
  const checked = unwrap(checkSchedule(name, input, cron));
  const { type, payload, options = {}, missed = 'one', paused = false } = input;
  const { payloadBytes: maxBytes, payloadDepth: maxDepth } = deps.limits;
  const { text } = unwrap(toJsonText(payload, { maxBytes, maxDepth }));
  // Whatever an enqueue would refuse is refused now.
  unwrap(prepareWith(deps, clientId, { type, payload: new JsonText(text), ...options }, await store.categories()));
  const before = await store.schedules.get(scope, name);
  const now = store.now();
  const since = before?.kind === 'every' && before.everyMs === checked.everyMs ? before.atUtc : now;
  const rule = checked.kind === 'every' ? { ...checked, atUtc: since } : checked;
  const next = paused ? null : nextTick(rule, before?.lastUtc ?? null, now, cron);
  const row = { ...rule, name, type, payload: text, options: JSON.stringify(options), missed, paused };
  return store.schedules.set(scope, row, next, reason);
}

/** The task of a tick, or with null of a run by hand. */
function prepare(
  deps: Deps,
  due: Pick<DueSchedule, 'clientId' | 'name' | 'type' | 'payload' | 'options'>,
  tick: number | null,
  categories: Categories,
): Result<NewTask> {
  const options = JSON.parse(due.options) as ScheduleOptions;
  return prepareWith(
    deps,
    due.clientId,
    {
      type: due.type,
      payload: new JsonText(due.payload),
      ...options,
      createdBy: `schedule:${due.name}`,
      ...(tick === null ? {} : { idempotencyKey: `schedule:${due.name}:${tick}` }),
    },
    categories,
  );
}
type Categories = Parameters<typeof prepareWith>[3];

function firingOf(deps: Deps, due: DueSchedule, nowUtc: number, categories: Categories): Firing {
  const { clientId, name, nextUtc: tickUtc, missed } = due;
  const after = (instant: number): number | null => tickAfter(due, instant, deps.cron);
  const nothing = { clientId, name, tickUtc, tasks: [], refusal: null };
  // The clock went back: the ticks that are to come anew, and none of those that were fired.
  if (due.lookedAtUtc !== null && due.lookedAtUtc > nowUtc + LATE_MS)
    return { ...nothing, lastUtc: due.lastUtc, nextUtc: nextTick(due, due.lastUtc, nowUtc, deps.cron) };
  const plan = planTicks(tickUtc, missed, nowUtc, after);
  const prepared = plan.fire.map((tick) => prepare(deps, due, tick, categories));
  const refusal = prepared.flatMap((one) => (one.ok ? [] : [one.refusal.code])).at(-1) ?? null;
  return { ...nothing, lastUtc: plan.lastUtc, nextUtc: plan.nextUtc, tasks: prepared.flatMap((one) => (one.ok ? [one.value] : [])), refusal };
}

/** A rule that is none any more, by another version of what reads it, stops its schedule and no other. */
function firingOrEnd(deps: Deps, due: DueSchedule, nowUtc: number, categories: Categories): Firing {
  try {
    return firingOf(deps, due, nowUtc, categories);
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    const { clientId, name, nextUtc: tickUtc, lastUtc } = due;
    return { clientId, name, tickUtc, lastUtc, nextUtc: null, tasks: [], refusal: error.code };
  }
}

/** Fires what is due, in bounded steps; how many tasks were made. Any process may, at any time. */
export async function fireSchedules(deps: Deps): Promise<number> {
  const { schedules } = deps.store;
  let made = 0;
  for (let step = 0; step < STEPS; step++) {
    const { nowUtc, items } = await schedules.due(A_STEP, deps.cron !== undefined);
    if (items.length === 0) break;
    const categories = await deps.store.categories();
    made += await schedules.fire(items.map((due) => firingOrEnd(deps, due, nowUtc, categories)));
    if (items.length < A_STEP) break;
  }
  return made;
}
