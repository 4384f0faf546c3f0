// What happens to tasks, as it is written: the newest first; and what happened to one task by its id.
import { Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import type { StreamEntry } from '../../../src/client/entry.ts';
import { shortId, timeOfDay } from '../format.ts';
import { useLive, useLiveState } from '../live.tsx';
import { Button } from '../parts/button.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Empty } from '../parts/state.tsx';
import { Status } from '../parts/status.tsx';
import { Table } from '../parts/table.tsx';
import { tellsMore } from '../parts/timeline.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

const SHOWN = 200;

export function Content(): ReactNode {
  const live = useLive();
  const state = useLiveState();
  const { seesAll, can } = useSession();
  const [held, setHeld] = useState(false);
  const [entries, setEntries] = useState<readonly StreamEntry[]>(() => live.recent().slice(-SHOWN));
  useEffect(() => (held ? undefined : live.listen(() => setEntries(live.recent().slice(-SHOWN)))), [live, held]);
  const { feed: text } = words;
  return (
    <Page
      title={words.pages.events}
      hint={words.live.hints[state]}
      actions={
        <Button aria-pressed={held} onClick={() => setHeld(!held)}>
          {held ? text.goOn : text.hold}
        </Button>
      }
    >
      {can('task.logs') && <Lookup />}
      <Card>
        {entries.length === 0 ? (
          <Empty title={text.none}>{text.noneHint}</Empty>
        ) : (
          <Table
            label={words.pages.events}
            rows={entries.toReversed()}
            keyOf={({ position }) => String(position)}
            columns={[
              { title: text.time, cell: ({ atUtc }) => <span className="tabular-nums text-soft">{timeOfDay(atUtc)}</span> },
              { title: text.event, cell: ({ event }) => words.events[event] },
              { title: words.tasks.columns.status, cell: ({ toStatus }) => (toStatus === null ? '–' : <Status state={toStatus} />) },
              {
                title: text.task,
                cell: ({ taskId }) => (
                  <Link to="/tasks/$taskId" params={{ taskId }} className="mono hover:underline">
                    {shortId(taskId)}
                  </Link>
                ),
              },
              ...(seesAll ? [{ title: words.filters.client, cell: ({ clientId }: StreamEntry) => clientId }] : []),
              { title: text.actor, wide: true, cell: ({ actor }) => <span className="text-soft">{actor}</span> },
              { title: text.message, wide: true, cell: (entry) => <span className="break-words text-soft">{tellsMore(entry) ? entry.message : ''}</span> },
            ]}
          />
        )}
      </Card>
    </Page>
  );
}

function Lookup(): ReactNode {
  const [id, setId] = useState('');
  const navigate = useNavigate();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void navigate({ to: '/tasks/$taskId', params: { taskId: id.trim() } });
  };
  return (
    <form onSubmit={submit} role="search" className="flex gap-2">
      <input
        className="input mono max-w-md"
        required
        aria-label={words.feed.lookup}
        placeholder={words.feed.lookup}
        value={id}
        onChange={(event) => setId(event.target.value)}
      />
      <Button type="submit">{words.feed.look}</Button>
    </form>
  );
}
