// Everything that happened to a task, from the audit: oldest first, as it was written, with who did it.
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { LogEntry } from '../../../src/client/entry.ts';
import { duration, timeOfDay } from '../format.ts';
import { useLiveEntries } from '../live.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';
import { Button } from './button.tsx';
import { Empty, Trouble, Waiting } from './state.tsx';
import { DOTS } from './status.tsx';
import { When } from './time.tsx';

export function Timeline({ taskId }: { readonly taskId: string }): ReactNode {
  const { admin } = useSession();
  const query = useInfiniteQuery({
    queryKey: ['logs', taskId],
    queryFn: ({ pageParam }) => admin.logs(taskId, { limit: 100, ...(pageParam === undefined ? {} : { cursor: pageParam }) }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
  });
  useLiveEntries((entries) => {
    if (entries.some((entry) => entry.taskId === taskId)) void query.refetch();
  });
  const entries = query.data?.pages.flatMap(({ items }) => items) ?? [];
  if (query.isPending) return <Waiting />;
  if (query.error !== null && entries.length === 0) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  if (entries.length === 0) return <Empty title={words.timeline.none} />;
  return (
    <>
      <ol className="grid px-4 py-3" aria-label={words.task.timeline}>
        {entries.map((entry, i) => (
          <Entry key={entry.logId} entry={entry} before={entries[i - 1]} />
        ))}
      </ol>
      {query.hasNextPage && (
        <div className="border-t border-line p-2 text-center">
          <Button small onClick={() => void query.fetchNextPage()}>
            {words.more}
          </Button>
        </div>
      )}
    </>
  );
}

function Entry({ entry, before }: { readonly entry: LogEntry; readonly before: LogEntry | undefined }): ReactNode {
  const { event, toStatus, actor, atUtc, attempt, message, details, level } = entry;
  const [open, setOpen] = useState(false);
  const hasDetails = Object.keys(details).length > 0;
  return (
    <li className="grid grid-cols-[1rem_minmax(0,1fr)_auto] gap-x-3 pb-3 text-sm last:pb-0" data-event={event}>
      <span aria-hidden="true" className="flex flex-col items-center">
        <span className={`mt-1.5 size-2.5 shrink-0 rounded-full ${toStatus === null ? 'bg-soft' : DOTS[toStatus].replace(' pulse', '')}`} />
        <span className="mt-1 w-px flex-1 bg-line" />
      </span>
      <div className="min-w-0">
        <p className="break-words">
          <span className="font-medium">{words.events[event]}</span>
          {attempt !== null && attempt > 0 && <span className="text-soft"> · {words.timeline.attempt(attempt)}</span>}
          <span className="text-soft"> · {actor}</span>
        </p>
        {tellsMore(entry) && <p className={`break-words ${level === 'ERROR' ? 'text-bad' : 'text-soft'}`}>{message}</p>}
        {hasDetails && (
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="text-xs text-soft underline decoration-dotted hover:text-ink">
            {open ? words.timeline.less : words.timeline.details}
          </button>
        )}
        {open && (
          <pre className="mono mt-1 max-h-60 overflow-auto rounded-lg bg-page p-2 break-words whitespace-pre-wrap">{JSON.stringify(details, null, 2)}</pre>
        )}
      </div>
      <div className="text-right text-xs text-soft">
        <When at={atUtc} />
        <div className="tabular-nums">{before === undefined ? timeOfDay(atUtc) : `+ ${duration(atUtc - before.atUtc)}`}</div>
      </div>
    </li>
  );
}

/** The audit names each move in words too; what only repeats the heading is left out. */
export const tellsMore = ({ event, message }: Pick<LogEntry, 'event' | 'message'>): boolean =>
  message !== '' && message !== event && !/^\w+: \w+ to \w+$/.test(message);
