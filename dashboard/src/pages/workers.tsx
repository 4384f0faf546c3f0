// Who works: what each declared, what it holds, when it was last heard of.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { WorkerInfo } from '../../../src/client/entry.ts';
import { LIMITS } from '../../../src/domain/limits.ts';
import { useNow } from '../live.tsx';
import { Button } from '../parts/button.tsx';
import { Confirm, useAct } from '../parts/confirm.tsx';
import { Listing } from '../parts/listing.tsx';
import { Page } from '../parts/page.tsx';
import { Tag } from '../parts/status.tsx';
import { When } from '../parts/time.tsx';
import { useTell } from '../parts/toast.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

const TONES = { ready: 'good', busy: 'good', draining: 'warn', offline: 'soft', stale: 'bad' } as const;

function Sign({ worker }: { readonly worker: WorkerInfo }): ReactNode {
  const now = useNow();
  const isLate = now - worker.heartbeatUtc > LIMITS.activeMs.default && worker.status !== 'offline';
  return <Tag tone={isLate ? 'bad' : TONES[worker.status]}>{isLate ? words.workers.silent : words.workers.states[worker.status]}</Tag>;
}

export function Content(): ReactNode {
  const { admin, can } = useSession();
  const query = useQuery({ queryKey: ['workers'], queryFn: () => admin.workers.list(), refetchInterval: 3000 });
  const act = useAct(['workers']);
  const tell = useTell();
  const { workers: text } = words;
  return (
    <Page
      title={words.pages.workers}
      actions={can('worker.remove') && <Button onClick={() => void act(async () => tell(text.pruned(await admin.workers.prune())))}>{text.prune}</Button>}
    >
      <Listing
        label={words.pages.workers}
        query={query}
        keyOf={({ workerId }) => workerId}
        empty={{ title: text.none, hint: text.noneHint }}
        columns={[
          { title: text.worker, cell: ({ workerId }) => <span className="font-medium break-all">{workerId}</span> },
          { title: text.status, cell: (worker) => <Sign worker={worker} /> },
          { title: text.holds, right: true, cell: ({ activeTasks }) => <span className="tabular-nums">{activeTasks}</span> },
          { title: text.lastSign, cell: ({ heartbeatUtc }) => <When at={heartbeatUtc} className="text-soft" /> },
          { title: text.strategy, wide: true, cell: ({ strategy }) => <code className="mono">{strategy}</code> },
          { title: text.declared, wide: true, cell: (worker) => <Declared worker={worker} /> },
          ...(can('worker.remove')
            ? [
                {
                  title: '',
                  right: true,
                  cell: ({ workerId }: WorkerInfo) => (
                    <Confirm
                      label={words.remove}
                      title={text.removeTitle(workerId)}
                      text={text.removeText}
                      act={() => admin.workers.remove(workerId)}
                      touches={['workers']}
                    />
                  ),
                },
              ]
            : []),
        ]}
      />
    </Page>
  );
}

function Declared({ worker: { capabilities, versions } }: { readonly worker: WorkerInfo }): ReactNode {
  const { categories, clients, attributes } = capabilities;
  const parts = [
    categories?.join(' ') ?? words.workers.asGranted,
    clients === undefined ? '' : `@ ${clients.join(' ')}`,
    attributes === undefined ? '' : JSON.stringify(attributes),
    Object.values(versions).join(' '),
  ];
  return <span className="mono break-words text-soft">{parts.filter((part) => part !== '' && part !== '{}').join(' · ')}</span>;
}
