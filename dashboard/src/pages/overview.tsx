// How the queue is, at a glance: what waits, what runs, how fast, how well, and what wants attention.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { ReactNode } from 'react';
import { STATES } from '../../../src/domain/lifecycle.ts';
import type { QueueStats } from '../../../src/client/entry.ts';
import { duration, exact, number, share } from '../format.ts';
import { useLiveState } from '../live.tsx';
import { useRates, useWaits, warningsOf } from '../overview-data.ts';
import type { Rates, Warning } from '../overview-data.ts';
import { Chart } from '../parts/chart.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Trouble, Waiting } from '../parts/state.tsx';
import { DOTS } from '../parts/status.tsx';
import { Breakable, Table } from '../parts/table.tsx';
import { useSession } from '../session.tsx';
import { useStats } from '../stats-data.ts';
import { words } from '../text/words.ts';

export function Overview(): ReactNode {
  const { data: stats, error, refetch } = useStats();
  if (stats === undefined)
    return <Page title={words.pages.overview}>{error === null ? <Waiting rows={12} /> : <Trouble error={error} retry={() => void refetch()} />}</Page>;
  return (
    <Page title={words.pages.overview}>
      <Warnings stats={stats} />
      <Depths stats={stats} />
      <Tiles stats={stats} />
      <div className="grid items-start gap-4 xl:grid-cols-[1.6fr_1fr]">
        <Throughput />
        <ByType stats={stats} />
      </div>
    </Page>
  );
}

function Warnings({ stats }: { readonly stats: QueueStats }): ReactNode {
  const { can, admin } = useSession();
  const seesBook = can('worker.list') && can('grant.list');
  const { data: workers = null } = useQuery({ queryKey: ['workers'], queryFn: () => admin.workers.list(), enabled: seesBook, refetchInterval: 10_000 });
  const { data: grants = null } = useQuery({ queryKey: ['grants'], queryFn: () => admin.grants.list(), enabled: seesBook, refetchInterval: 30_000 });
  const warnings = warningsOf(stats, workers, grants, Date.now());
  return (
    <section
      aria-label={words.overview.warnings}
      aria-live="polite"
      className={`flex min-h-10 flex-wrap items-center gap-x-5 gap-y-1 rounded-xl border px-4 py-2 text-sm ${warnings.length === 0 ? 'border-line bg-card text-soft' : 'border-line bg-warn-soft'}`}
    >
      {warnings.length === 0 ? words.overview.allWell : warnings.map((warning) => <span key={JSON.stringify(warning)}>{sentenceOf(warning)}</span>)}
    </section>
  );
}

function sentenceOf(warning: Warning): string {
  const text = words.overview.warning;
  switch (warning.is) {
    case 'noWorker':
      return text.noWorker(exact(warning.count));
    case 'unroutable':
      return text.unroutable(exact(warning.count), warning.type);
    case 'stale':
      return text.stale(exact(warning.count));
    case 'old':
      return text.old(duration(warning.seconds * 1000));
    case 'failing':
      return text.failing(share(warning.rate));
    case 'dead':
      return text.dead(exact(warning.count));
  }
}

function Depths({ stats }: { readonly stats: QueueStats }): ReactNode {
  const { can } = useSession();
  return (
    <section aria-label={words.overview.depth} className="grid grid-cols-2 gap-2 sm:grid-cols-4 xl:grid-cols-7">
      {STATES.map((state) => {
        const inside = (
          <>
            <span className="flex items-center gap-1.5 text-xs text-soft">
              <span aria-hidden="true" className={`size-2 rounded-full ${DOTS[state]}`} />
              {words.states[state]}
            </span>
            <span className="text-2xl font-semibold tracking-tight tabular-nums" data-depth={state} title={exact(stats.byStatus[state])}>
              {number(stats.byStatus[state])}
            </span>
          </>
        );
        return can('task.list') ? (
          <Link key={state} to="/tasks" search={{ status: state }} className="card grid gap-1 px-4 py-3 hover:bg-hover">
            {inside}
          </Link>
        ) : (
          <div key={state} className="card grid gap-1 px-4 py-3">
            {inside}
          </div>
        );
      })}
    </section>
  );
}

function Tile({ label, value, hint }: { readonly label: string; readonly value: string; readonly hint?: string }): ReactNode {
  return (
    <div className="grid content-start gap-0.5 px-4 py-3">
      <span className="text-xs text-soft">{label}</span>
      <span className="text-lg font-semibold tabular-nums">{value}</span>
      {hint !== undefined && <span className="text-xs text-soft">{hint}</span>}
    </div>
  );
}

interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly count: number;
}

function QuantileTile({ label, of, hint }: { readonly label: string; readonly of: Quantiles | undefined; readonly hint: string }): ReactNode {
  return (
    <div className="grid content-start gap-0.5 px-4 py-3 max-sm:col-span-2">
      <span className="text-xs text-soft">{label}</span>
      <dl className="flex h-7 items-center gap-3 text-sm">
        {(['p50', 'p95', 'p99'] as const).map((name) => (
          <div key={name}>
            <dt className="sr-only">{name}</dt>
            <dd className="font-semibold whitespace-nowrap tabular-nums" title={name}>
              {of === undefined || of.count === 0 ? '–' : duration(of[name])}
            </dd>
          </div>
        ))}
      </dl>
      <span className="text-xs text-soft">{hint}</span>
    </div>
  );
}

function Tiles({ stats }: { readonly stats: QueueStats }): ReactNode {
  const { data: waits } = useWaits();
  const { overview: text } = words;
  const { throughput, runMs, retries, workers, oldestQueuedAgeSeconds } = stats;
  return (
    <Card>
      <div className="grid grid-cols-2 sm:grid-cols-3 xl:grid-cols-[1fr_1fr_1fr_1.4fr_1.4fr_1fr]">
        <Tile label={text.perMinute} value={number(throughput.perMinute)} hint={text.lastHour(number(throughput.lastHour))} />
        <Tile label={text.oldest} value={oldestQueuedAgeSeconds === null ? '–' : duration(oldestQueuedAgeSeconds * 1000)} hint={text.oldestHint} />
        <Tile label={text.failures} value={share(stats.failureRate)} hint={text.retried(share(retries.rate))} />
        <QuantileTile label={text.run} of={runMs} hint={text.runHint(number(runMs.count))} />
        <QuantileTile label={text.wait} of={waits} hint={text.waitHint(number(waits?.count ?? 0))} />
        <Tile label={text.workers} value={text.active(exact(workers.active))} hint={text.workersHint(exact(workers.total), exact(workers.stale))} />
      </div>
    </Card>
  );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function Throughput(): ReactNode {
  const rates = useRates();
  const state = useLiveState();
  const { seesAll } = useSession();
  const { overview: text } = words;
  const series = useMemo(
    () => [
      { label: text.enqueued, color: '--color-queued', values: rates.enqueued },
      { label: text.completed, color: '--color-completed', values: rates.completed },
      { label: text.failed, color: '--color-dead', values: rates.failed },
    ],
    [rates, text],
  );
  return (
    <div className="grid gap-4">
      <Card title={text.throughput} aside={<span className="text-xs text-soft">{state === 'off' ? text.noStream : text.perSecond}</span>}>
        <div className="px-2 pt-2">
          <Chart times={rates.times} series={series} />
        </div>
        <ul className="flex flex-wrap gap-x-5 gap-y-1 px-4 pt-1 pb-3 text-sm" aria-label={text.throughput}>
          {series.map(({ label, color, values }) => (
            <li key={label} className="flex items-center gap-1.5">
              <svg aria-hidden="true" viewBox="0 0 12 4" className="h-1 w-3">
                <rect width="12" height="4" rx="2" fill={`var(${color})`} />
              </svg>
              {label} <span className="font-medium tabular-nums">{exact(sum(values))}</span>
            </li>
          ))}
          <li className="text-soft">{text.window}</li>
        </ul>
      </Card>
      {seesAll && <Shares claims={rates.claims} />}
    </div>
  );
}

/** Who got how much of the workers, beside what its weight would give it if everybody had work. */
function Shares({ claims }: Pick<Rates, 'claims'>): ReactNode {
  const { admin, can } = useSession();
  const { data: clients = [] } = useQuery({ queryKey: ['clients'], queryFn: () => admin.clients.list(), enabled: can('client.list') });
  const { overview: text } = words;
  const total = claims.reduce((all, [, count]) => all + count, 0);
  const weights = new Map(clients.map(({ clientId, weight }) => [clientId, weight]));
  const active = claims.reduce((all, [clientId]) => all + (weights.get(clientId) ?? 1), 0);
  return (
    <Card title={text.shares} aside={<span className="text-xs text-soft">{text.window}</span>}>
      {claims.length === 0 ? (
        <p className="px-4 py-6 text-sm text-soft">{text.noShares}</p>
      ) : (
        <ul className="grid gap-2 p-4">
          {claims.slice(0, 12).map(([clientId, count]) => (
            <li key={clientId} className="grid grid-cols-[minmax(6rem,10rem)_1fr_auto] items-center gap-3 text-sm">
              <Link to="/tasks" search={{ client: clientId }} className="truncate hover:underline">
                {clientId}
              </Link>
              <span aria-hidden="true" className="relative h-2 overflow-hidden rounded-full bg-hover">
                <span className="absolute inset-y-0 left-0 rounded-full bg-accent" style={{ width: `${(count / total) * 100}%` }} />
                <span className="absolute inset-y-0 w-0.5 bg-ink" style={{ left: `${((weights.get(clientId) ?? 1) / active) * 100}%` }} />
              </span>
              <span className="text-right tabular-nums">
                {share(count / total)} <span className="text-soft">{text.fair(share((weights.get(clientId) ?? 1) / active))}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function ByType({ stats }: { readonly stats: QueueStats }): ReactNode {
  const { can } = useSession();
  const { overview: text } = words;
  const rows = useMemo(() => {
    const types = new Map<string, { type: string; queued: number; leased: number; dead: number; all: number }>();
    for (const { type, status, count } of stats.byType) {
      const row = types.get(type) ?? { type, queued: 0, leased: 0, dead: 0, all: 0 };
      types.set(type, {
        ...row,
        all: row.all + count,
        queued: row.queued + (status === 'queued' ? count : 0),
        leased: row.leased + (status === 'leased' ? count : 0),
        dead: row.dead + (status === 'dead_letter' ? count : 0),
      });
    }
    return [...types.values()].toSorted((a, b) => b.queued - a.queued || b.all - a.all).slice(0, 15);
  }, [stats]);
  return (
    <Card title={text.byType}>
      {rows.length === 0 ? (
        <p className="px-4 py-6 text-sm text-soft">{text.noTypes}</p>
      ) : (
        <Table
          label={text.byType}
          rows={rows}
          keyOf={({ type }) => type}
          columns={[
            {
              title: words.tasks.columns.type,
              cell: ({ type }) =>
                can('task.list') ? (
                  <Link to="/tasks" search={{ type }} className="hover:underline">
                    <Breakable text={type} />
                  </Link>
                ) : (
                  type
                ),
            },
            { title: words.states.queued, right: true, cell: ({ queued }) => number(queued) },
            { title: words.states.leased, right: true, cell: ({ leased }) => number(leased) },
            { title: words.states.dead_letter, right: true, cell: ({ dead }) => number(dead) },
          ]}
        />
      )}
    </Card>
  );
}
