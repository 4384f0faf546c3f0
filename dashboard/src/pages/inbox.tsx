// What a worker may claim now: metadata only, a payload comes with its lease.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { shortId } from '../format.ts';
import { Listing } from '../parts/listing.tsx';
import { Page } from '../parts/page.tsx';
import { When } from '../parts/time.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

interface Row {
  readonly taskId: string;
  readonly clientId: string;
  readonly type: string;
  readonly priority: number;
  readonly attempts: number;
  readonly runAfterUtc: number;
}

export function Content(): ReactNode {
  const { call } = useSession();
  const query = useQuery({
    queryKey: ['inbox'],
    queryFn: async () => (await call('inbox', { query: { limit: 200 } })).tasks as readonly Row[],
    refetchInterval: 2000,
  });
  const { columns } = words.tasks;
  return (
    <Page title={words.pages.inbox} hint={words.inbox.hint}>
      <Listing
        label={words.pages.inbox}
        query={query}
        keyOf={({ taskId }) => taskId}
        empty={{ title: words.inbox.none, hint: words.inbox.noneHint }}
        columns={[
          { title: columns.type, cell: ({ type }) => <span className="font-medium">{type}</span> },
          { title: 'ID', wide: true, cell: ({ taskId }) => <span className="mono text-soft">{shortId(taskId)}</span> },
          { title: words.filters.client, cell: ({ clientId }) => clientId },
          { title: columns.priority, right: true, cell: ({ priority }) => priority },
          { title: columns.attempts, right: true, cell: ({ attempts }) => attempts },
          { title: words.inbox.since, right: true, cell: ({ runAfterUtc }) => <When at={runAfterUtc} className="text-soft" /> },
        ]}
      />
    </Page>
  );
}
