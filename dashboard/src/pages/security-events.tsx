// Who came in, who was turned away, and every change of keys, grants and clients.
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Button } from '../parts/button.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Empty, Trouble, Waiting } from '../parts/state.tsx';
import { Tag } from '../parts/status.tsx';
import { Table } from '../parts/table.tsx';
import { When } from '../parts/time.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

export function Content(): ReactNode {
  const { admin } = useSession();
  const query = useInfiniteQuery({
    queryKey: ['security-events'],
    queryFn: ({ pageParam }) => admin.securityEvents({ limit: 100, ...(pageParam === undefined ? {} : { cursor: pageParam }) }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
  });
  const events = query.data?.pages.flatMap(({ items }) => items);
  const { security: text } = words;
  return (
    <Page title={words.pages.securityEvents} hint={text.hint} actions={<Button onClick={() => void query.refetch()}>{words.refresh}</Button>}>
      <Card>
        {events === undefined ? (
          query.error === null ? (
            <Waiting />
          ) : (
            <Trouble error={query.error} retry={() => void query.refetch()} />
          )
        ) : events.length === 0 ? (
          <Empty title={text.none} />
        ) : (
          <Table
            label={words.pages.securityEvents}
            rows={events}
            keyOf={({ eventId }) => String(eventId)}
            columns={[
              { title: text.time, cell: ({ atUtc }) => <When at={atUtc} className="text-soft" /> },
              { title: text.action, cell: ({ action }) => <code className="mono">{action}</code> },
              { title: text.outcome, cell: ({ outcome }) => <Tag tone={outcome === 'denied' ? 'bad' : 'soft'}>{text.outcomes[outcome]}</Tag> },
              { title: text.actor, cell: ({ actor }) => actor },
              { title: words.filters.client, wide: true, cell: ({ clientId }) => clientId ?? '–' },
              { title: text.object, wide: true, cell: ({ object }) => <span className="mono break-all text-soft">{object ?? '–'}</span> },
              {
                title: text.details,
                wide: true,
                cell: ({ details }) => (
                  <span className="mono break-all text-soft">{Object.keys(details).length === 0 ? '' : JSON.stringify(details).slice(0, 200)}</span>
                ),
              },
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
    </Page>
  );
}
