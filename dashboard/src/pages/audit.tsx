// The audit as it stands in the chains: searched, and proven by recomputing them.
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import { CHAINS } from '../../../src/domain/audit-chain.ts';
import type { AuditVerdict, TrailEntry } from '../../../src/service/handles.ts';
import { exact } from '../format.ts';
import { Button } from '../parts/button.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Empty, Trouble, Waiting, sentenceOf } from '../parts/state.tsx';
import { Tag } from '../parts/status.tsx';
import { Table } from '../parts/table.tsx';
import { When } from '../parts/time.tsx';
import { useTell } from '../parts/toast.tsx';
import type { TrailSearch } from '../router.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

const route = getRouteApi('/audit');

export function Content(): ReactNode {
  const search = route.useSearch();
  const { can } = useSession();
  const { audit: text } = words;
  return (
    <Page title={words.pages.audit} hint={text.hint} actions={can('audit.verify') && <Heads />}>
      {can('audit.verify') && <Verify />}
      <Filters search={search} />
      <Trail search={search} />
    </Page>
  );
}

function Verify(): ReactNode {
  const { admin } = useSession();
  const { audit: text } = words;
  const { mutate, data, error, isPending } = useMutation({ mutationFn: () => admin.audit.verify() });
  return (
    <section className="card flex min-h-14 flex-wrap items-center justify-between gap-3 px-4 py-2 text-sm">
      <div role="status">
        {isPending ? (
          text.verifying
        ) : error !== null ? (
          <span className="text-bad">{sentenceOf(error)}</span>
        ) : data === undefined ? (
          text.verify
        ) : (
          <Verdict verdict={data} />
        )}
      </div>
      <Button small disabled={isPending} onClick={() => mutate()}>
        {text.verify}
      </Button>
    </section>
  );
}

function Verdict({ verdict: { rows, chains, unsealed, faults } }: { readonly verdict: AuditVerdict }): ReactNode {
  const { audit: text } = words;
  if (faults.length > 0)
    return (
      <div className="text-bad" data-verdict="broken">
        {text.faulty(faults.length)} <code className="mono break-all">{JSON.stringify(faults)}</code>
      </div>
    );
  return (
    <span className="text-good" data-verdict="holds">
      {text.holds(exact(rows), exact(chains))} {unsealed > 0 ? text.unsealed(exact(unsealed)) : ''}
    </span>
  );
}

/** To be kept elsewhere: a chain alone does not show that its end was cut. */
function Heads(): ReactNode {
  const { admin } = useSession();
  const tell = useTell();
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(await admin.audit.heads(), null, 2));
      tell(words.copied);
    } catch (error) {
      tell(error instanceof DOMException ? words.notCopied : sentenceOf(error), { tone: 'bad' });
    }
  };
  return <Button onClick={() => void copy()}>{words.audit.heads}</Button>;
}

const FIELDS = ['actor', 'action', 'object'] as const;

function Filters({ search }: { readonly search: TrailSearch }): ReactNode {
  const navigate = useNavigate({ from: '/audit' });
  const [input, setInput] = useState<Readonly<Record<string, string>>>({});
  useEffect(() => setInput({ ...search }), [search]);
  const { audit: text } = words;
  const go = (change: Readonly<Record<string, string | undefined>>): void =>
    void navigate({
      search: Object.fromEntries(Object.entries({ ...input, ...change }).filter(([, value]) => value !== undefined && value !== '')) as TrailSearch,
      replace: true,
    });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    go({});
  };
  return (
    <form role="search" onSubmit={submit} className="flex flex-wrap gap-2">
      <select className="input !w-40" aria-label={text.chain} value={search.chain ?? ''} onChange={(event) => go({ chain: event.target.value })}>
        <option value="">{text.both}</option>
        {CHAINS.map((chain) => (
          <option key={chain} value={chain}>
            {text.chains[chain]}
          </option>
        ))}
      </select>
      {FIELDS.map((name) => (
        <input
          key={name}
          className="input !w-48"
          aria-label={text[name]}
          placeholder={text[name]}
          value={input[name] ?? ''}
          onChange={(event) => setInput({ ...input, [name]: event.target.value })}
        />
      ))}
      <Button type="submit">{words.filters.apply}</Button>
    </form>
  );
}

const detailsOf = ({ details }: TrailEntry): string => (Object.keys(details).length === 0 ? '' : JSON.stringify(details).slice(0, 200));

function Trail({ search }: { readonly search: TrailSearch }): ReactNode {
  const { admin } = useSession();
  const query = useInfiniteQuery({
    queryKey: ['trail', search],
    queryFn: ({ pageParam }) => admin.audit.trail({ ...search, limit: 100, ...(pageParam === undefined ? {} : { cursor: pageParam }) }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
  });
  const entries = query.data?.pages.flatMap(({ items }) => items);
  const { audit: text } = words;
  if (entries === undefined) return <Card>{query.error === null ? <Waiting /> : <Trouble error={query.error} retry={() => void query.refetch()} />}</Card>;
  return (
    <Card>
      {entries.length === 0 ? (
        <Empty title={text.none}>{text.noneHint}</Empty>
      ) : (
        <Table
          label={words.pages.audit}
          rows={entries}
          keyOf={({ chain, id, clientId }) => `${chain} ${clientId ?? ''} ${id}`}
          columns={[
            { title: text.time, cell: ({ atUtc }) => <When at={atUtc} className="text-soft" /> },
            { title: text.chain, wide: true, cell: ({ chain }) => <Tag>{text.chains[chain]}</Tag> },
            { title: text.action, cell: ({ action }) => <code className="mono">{action}</code> },
            { title: text.outcome, cell: ({ outcome }) => <Tag tone={outcome === 'denied' ? 'bad' : 'soft'}>{words.security.outcomes[outcome]}</Tag> },
            { title: text.actor, cell: ({ actor }) => <span className="break-all">{actor}</span> },
            { title: words.filters.client, wide: true, cell: ({ clientId }) => clientId ?? '–' },
            { title: text.object, wide: true, cell: ({ object }) => <span className="mono break-all text-soft">{object ?? '–'}</span> },
            { title: text.details, wide: true, cell: (entry) => <span className="mono break-all text-soft">{detailsOf(entry)}</span> },
          ]}
        />
      )}
      {query.hasNextPage && (
        <div className="border-t border-line p-2 text-center">
          <Button small onClick={() => void query.fetchNextPage()}>
            {words.more}
          </Button>
        </div>
      )}
    </Card>
  );
}
