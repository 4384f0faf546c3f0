// What the overview makes of what it reads: rates from the stream, shares of the clients, waits of what ended lately, and warnings.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { checkPattern, matches } from '../../src/domain/category.ts';
import type { GrantInfo, LogEntry, QueueStats, Task, WorkerInfo } from '../../src/client/entry.ts';
import { quantile } from './format.ts';
import { useLive } from './live.tsx';
import { useSession } from './session.tsx';

const WINDOW_S = 300;

export interface Rates {
  readonly times: readonly number[];
  readonly enqueued: readonly number[];
  readonly completed: readonly number[];
  readonly failed: readonly number[];
  /** Claims by client in the window, most first. */
  readonly claims: readonly (readonly [clientId: string, count: number])[];
}

const BAD: ReadonlySet<string> = new Set(['fail', 'expire', 'bury']);

export function ratesOf(entries: readonly LogEntry[], nowMs: number): Rates {
  const end = Math.floor(nowMs / 1000);
  const start = end - WINDOW_S;
  const empty = (): number[] => Array.from({ length: WINDOW_S }, () => 0);
  const rates = { times: empty().map((_, i) => start + i), enqueued: empty(), completed: empty(), failed: empty() };
  const claims = new Map<string, number>();
  for (const { atUtc, event, clientId } of entries) {
    const slot = Math.floor(atUtc / 1000) - start;
    if (slot < 0 || slot >= WINDOW_S) continue;
    if (event === 'claim') claims.set(clientId, (claims.get(clientId) ?? 0) + 1);
    const line = event === 'enqueue' ? rates.enqueued : event === 'complete' ? rates.completed : BAD.has(event) ? rates.failed : null;
    if (line !== null) line[slot] = (line[slot] ?? 0) + 1;
  }
  return { ...rates, claims: [...claims].toSorted((a, b) => b[1] - a[1]) };
}

/** Drawn anew each second, whatever comes. */
export function useRates(): Rates {
  const live = useLive();
  const [rates, setRates] = useState(() => ratesOf(live.recent(), Date.now()));
  useEffect(() => {
    const timer = setInterval(() => setRates(ratesOf(live.recent(), Date.now())), 1000);
    return () => clearInterval(timer);
  }, [live]);
  return rates;
}

export interface Waits {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly count: number;
}

/** From when it could begin to when it was claimed, of the last that were completed. */
export function waitsOf(tasks: readonly Task[]): Waits {
  const waits = tasks
    .flatMap(({ reservedAtUtc, runAfterUtc, createdAtUtc, attempts }) =>
      reservedAtUtc === null || attempts > 1 ? [] : [Math.max(0, reservedAtUtc - Math.max(createdAtUtc, runAfterUtc))],
    )
    .toSorted((a, b) => a - b);
  return { p50: quantile(waits, 0.5), p95: quantile(waits, 0.95), p99: quantile(waits, 0.99), count: waits.length };
}

export function useWaits(): UseQueryResult<Waits> {
  const { admin, can } = useSession();
  return useQuery({
    queryKey: ['waits'],
    queryFn: async () => waitsOf((await admin.list({ status: 'completed', limit: 200 })).items),
    enabled: can('task.list'),
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
  });
}

export type Warning =
  | { readonly is: 'noWorker'; readonly count: number }
  | { readonly is: 'unroutable'; readonly type: string; readonly count: number }
  | { readonly is: 'stale'; readonly count: number }
  | { readonly is: 'old'; readonly seconds: number }
  | { readonly is: 'failing'; readonly rate: number }
  | { readonly is: 'dead'; readonly count: number };

const OLD_S = 300;
const FAILING = 0.05;
const ACTIVE_MS = 60_000;

export function warningsOf(stats: QueueStats, workers: readonly WorkerInfo[] | null, grants: readonly GrantInfo[] | null, nowMs: number): readonly Warning[] {
  const waiting = stats.byStatus.queued;
  const warnings: Warning[] = [];
  if (waiting > 0 && stats.workers.active === 0) warnings.push({ is: 'noWorker', count: waiting });
  else if (workers !== null && grants !== null) warnings.push(...unroutable(stats, workers, grants, nowMs));
  if (stats.workers.stale > 0) warnings.push({ is: 'stale', count: stats.workers.stale });
  if ((stats.oldestQueuedAgeSeconds ?? 0) > OLD_S) warnings.push({ is: 'old', seconds: stats.oldestQueuedAgeSeconds ?? 0 });
  if (stats.failureRate > FAILING) warnings.push({ is: 'failing', rate: stats.failureRate });
  if (stats.byStatus.dead_letter > 0) warnings.push({ is: 'dead', count: stats.byStatus.dead_letter });
  return warnings;
}

/** Types that wait and that no live worker was granted and declared. Attributes are not looked at: the server knows those. */
function unroutable(stats: QueueStats, workers: readonly WorkerInfo[], grants: readonly GrantInfo[], nowMs: number): readonly Warning[] {
  const alive = workers.filter(({ heartbeatUtc, status }) => nowMs - heartbeatUtc < ACTIVE_MS && status !== 'offline');
  const isServed = (type: string): boolean =>
    alive.some(({ workerId, capabilities }) => {
      const granted = grants.filter((grant) => grant.workerId === workerId).map(({ pattern }) => pattern);
      const declared = capabilities.categories ?? ['*'];
      return covers(granted, type) && covers(declared, type);
    });
  return stats.byType
    .filter(({ type, status, count }) => status === 'queued' && count > 0 && !isServed(type))
    .map(({ type, count }) => ({ is: 'unroutable', type, count }));
}

const covers = (patterns: readonly string[], type: string): boolean => patterns.some((pattern) => checkPattern(pattern).ok && matches(pattern, type));
