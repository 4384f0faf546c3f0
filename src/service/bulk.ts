// Many tasks at once: bounded transactions one after the other, each a bounded look and the moves of what it found. What is over the
// limit of one call is not begun: the cursor of the answer goes on there.
import { BULK_EVENTS, BULK_PLACES, START, bulkCursorText, parseBulkCursor, placesOf } from '../domain/bulk.ts';
import type { BulkCursor, BulkEvent } from '../domain/bulk.ts';
import { checkCategory, checkPattern } from '../domain/category.ts';
import { QueueError, unwrap } from '../domain/errors.ts';
import { textTrouble } from '../domain/fields.ts';
import { STATES } from '../domain/lifecycle.ts';
import type { TaskState } from '../domain/lifecycle.ts';
import { checkInt, checkMetadata } from '../domain/limits.ts';
import type { AdminPrincipal, Principal } from '../domain/principal.ts';
import type { BulkItem, BulkRefusal, Store, StoreScope } from '../store/store.ts';
import { authorize } from './deps.ts';
import type { Deps } from './deps.ts';

/** Which tasks of a client: all of these. At least one is given. */
export interface BulkFilter {
  readonly status?: TaskState;
  /** A category, or a pattern `A.B.*`. */
  readonly type?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Enqueued longer ago than this. */
  readonly olderThanMs?: number;
  /** Part of the kind or message of the last failure, in any case. */
  readonly error?: string;
}

export interface BulkRequest {
  /** These tasks, at most 1,000 … */
  readonly ids?: readonly string[];
  /** … with everything that waits for them, over any number of edges … */
  readonly cascade?: boolean;
  /** … or those of a filter. */
  readonly filter?: BulkFilter;
  /** Only counts, with a sample. */
  readonly dryRun?: boolean;
  /** Most tasks of this call; 1–100,000, default 10,000. */
  readonly limit?: number;
  /** As an earlier answer gave it. */
  readonly cursor?: string;
  /** Goes into the audit of each cancelled task. */
  readonly reason?: string;
  /** For `reprioritise`. */
  readonly priority?: number;
  /** Told after each transaction. */
  readonly onProgress?: (soFar: BulkReport) => void;
  readonly signal?: AbortSignal;
}

export interface BulkReport {
  /** Tasks that the ids or the filter named when the call began. */
  readonly matched: number;
  /** Moved; 0 in a dry run. */
  readonly moved: number;
  /** What did not move, the first 100 with the reason. */
  readonly refused: number;
  readonly refusals: readonly BulkRefusal[];
  /** The first ten. */
  readonly sample: readonly BulkItem[];
  /** Where to go on; null when all was walked through. */
  readonly nextCursor: string | null;
}

/** Tasks of one transaction: claims come between. */
const A_TURN = 200;
/** Rows of one look, whatever the filter leaves of them. */
const A_LOOK = 2000;
const MOST_IDS = 1000;
const MOST_FAMILY = 10_000;
const SAMPLE = 10;
const REFUSALS = 100;

const wrong = (field: string, message: string): QueueError => new QueueError('invalid_input', `${field}: ${message}`, { fields: [{ field, message }] });

interface Asked extends BulkRequest {
  readonly event: BulkEvent;
  readonly reason: string;
  readonly limit: number;
}

export async function bulk(deps: Deps, principal: Principal, scope: StoreScope, event: BulkEvent, request: BulkRequest): Promise<BulkReport> {
  if (!BULK_EVENTS.includes(event)) throw wrong('event', `is one of ${BULK_EVENTS.join(', ')}`);
  await authorize(deps, principal, `bulk.${event}`);
  const asked = check(scope, event, request);
  if (principal.role === 'admin') await beforeAnAdmin(deps, principal, scope, asked);
  const walk = createWalk(deps.store, scope, asked);
  if (request.ids !== undefined) await walkIds(deps.store, scope, asked, request.ids, walk);
  else await walkFilter(deps, scope, asked, request.filter ?? {}, walk);
  return walk.report();
}

/** A client that is not there is told from one without tasks; what purges is on record (the platform's admin has put it there). */
async function beforeAnAdmin({ store }: Deps, principal: AdminPrincipal, scope: StoreScope, { event, dryRun }: Asked): Promise<void> {
  const [clientId = ''] = scope.clients;
  const known = await store.clients(scope);
  if (!known.some((client) => client.clientId === clientId)) throw new QueueError('not_found', 'there is no such client');
  if (event === 'purge' && dryRun !== true && principal.clientId !== undefined)
    await store.recordSecurity({ actor: scope.actor, action: 'bulk.purge', clientId, object: 'many tasks', outcome: 'done' });
}

function check(scope: StoreScope, event: BulkEvent, request: BulkRequest): Asked {
  const { ids, filter, cascade = false, limit = 10_000, reason = 'cancelled in bulk', priority } = request;
  if ((ids === undefined) === (filter === undefined)) throw wrong('ids', 'give ids or a filter');
  if (ids !== undefined && ids.length > MOST_IDS) throw wrong('ids', `names ${ids.length} tasks, at most ${MOST_IDS} are taken at once`);
  if (cascade && ids === undefined) throw wrong('cascade', 'is for ids: a filter names its tasks itself');
  if (filter !== undefined && Object.values(filter).every((value) => value === undefined))
    throw wrong('filter', 'names nothing: give a status, a type, an age, an error or metadata');
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 100_000) throw wrong('limit', 'is an integer from 1 to 100000');
  if (event === 'reprioritise') unwrap(checkInt('priority', priority, 'priority'));
  else if (priority !== undefined) throw wrong('priority', 'is for reprioritise');
  if (reason.length > 200) throw wrong('reason', 'has more than 200 characters');
  if (filter !== undefined) checkFilter(scope, filter);
  return { ...request, event, reason, limit };
}

function checkFilter(scope: StoreScope, { status, type, metadata, olderThanMs, error }: BulkFilter): void {
  if (status !== undefined && !STATES.includes(status)) throw wrong('status', `is one of ${STATES.join(', ')}`);
  if (type !== undefined) unwrap(type.endsWith('*') ? checkPattern(type) : checkCategory(type));
  if (metadata !== undefined) unwrap(checkMetadata(metadata));
  if (olderThanMs !== undefined) unwrap(checkInt('olderThanMs', olderThanMs, 'delayMs'));
  const trouble = error === undefined ? null : textTrouble(error, 200);
  if (trouble !== null) throw wrong('error', trouble);
  if (scope.blind === true && (metadata !== undefined || error !== undefined))
    throw new QueueError('forbidden', 'metadata and errors belong to the client: filter by them as the client or as its admin');
}

interface Walk {
  take(items: readonly BulkItem[], only: readonly TaskState[] | null): Promise<void>;
  stop(cursor: BulkCursor | null): void;
  report(): BulkReport;
}

function createWalk(store: Store, scope: StoreScope, { event, dryRun = false, reason, priority, onProgress, signal }: Asked): Walk {
  let matched = 0;
  let moved = 0;
  let refused = 0;
  const refusals: BulkRefusal[] = [];
  const sample: BulkItem[] = [];
  let nextCursor: string | null = null;
  const report = (): BulkReport => ({ matched, moved, refused, refusals: [...refusals], sample: [...sample], nextCursor });
  return {
    stop: (cursor) => void (nextCursor = cursor === null ? null : bulkCursorText(cursor)),
    report,
    async take(items, only) {
      signal?.throwIfAborted();
      if (items.length === 0) return;
      sample.push(...items.slice(0, SAMPLE - sample.length));
      if (!dryRun) {
        const answers = await store.bulkMove(scope, { event, ids: items.map(({ taskId }) => taskId), only, reason, priority: priority ?? null });
        refusals.push(...answers.slice(0, REFUSALS - refusals.length));
        refused += answers.length;
        moved += items.length - answers.length;
      }
      matched += items.length;
      onProgress?.(report());
    },
  };
}

async function walkIds(store: Store, scope: StoreScope, { event, cascade = false }: Asked, ids: readonly string[], walk: Walk): Promise<void> {
  const found = cascade ? await store.family(scope, ids, MOST_FAMILY) : ids;
  if (found === null) throw wrong('cascade', `more than ${MOST_FAMILY} tasks wait for these: go by a filter`);
  // Children first, so that each is ended by who asked and not by the end of its parent.
  const order = cascade && event === 'cancel' ? found.toReversed() : found;
  for (let from = 0; from < order.length; from += A_TURN) {
    const part = order.slice(from, from + A_TURN);
    const tasks = await Promise.all(part.map((id) => store.task({ ...scope, blind: true }, id)));
    const known = tasks.flatMap((task): BulkItem[] => (task === null ? [] : [{ taskId: task.taskId, type: task.type, status: task.status }]));
    const absent = part.filter((_, i) => tasks[i] === null).map((taskId): BulkItem => ({ taskId, type: '', status: 'cancelled' }));
    await walk.take([...known, ...absent], null);
  }
}

/** Finds all that the filter names before anything moves: what a move brings into the filter (a task that waited) is not of this call. */
async function walkFilter({ store }: Deps, scope: StoreScope, asked: Asked, filter: BulkFilter, walk: Walk): Promise<void> {
  const { items, next } = await findAll(store, scope, asked, filter);
  // In another state than it was found in: it is still of a filter that names none.
  const only = filter.status === undefined ? null : [filter.status];
  for (let from = 0; from < items.length; from += A_TURN) await walk.take(items.slice(from, from + A_TURN), only);
  walk.stop(next);
}

interface Found {
  readonly items: readonly BulkItem[];
  /** Where the next call goes on; null: the filter names no more. */
  readonly next: BulkCursor | null;
}

async function findAll(store: Store, scope: StoreScope, { event, cursor, limit, signal }: Asked, filter: BulkFilter): Promise<Found> {
  const { status, olderThanMs, ...rest } = filter;
  const age = olderThanMs === undefined ? {} : { createdBeforeUtc: store.now() - olderThanMs };
  const items = new Map<string, BulkItem>();
  let at = cursor === undefined ? START : unwrap(parseBulkCursor(cursor));
  for (const place of placesOf(event, status)) {
    if (place < at.at) continue;
    if (place > at.at) at = { at: place, sort: START.sort, key: START.key };
    for (;;) {
      if (items.size >= limit) return { items: [...items.values()], next: at };
      signal?.throwIfAborted();
      const where = BULK_PLACES[place] as (typeof BULK_PLACES)[number];
      const found = await store.bulkFind(scope, { place: where, sort: at.sort, key: at.key, scan: Math.min(A_LOOK, limit - items.size), ...rest, ...age });
      // One that moved on meanwhile is met again; it is the same.
      for (const item of found.items) if (!items.has(item.taskId)) items.set(item.taskId, item);
      if (found.last === null) break;
      at = { at: place, ...found.last };
    }
  }
  return { items: [...items.values()], next: null };
}
