// The list of tasks as it is shown: pages by cursor, kept in place while the world moves. What changes is changed where it
// stands; what is new waits above, or comes in at the top while nobody looks elsewhere.
import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import type { InfiniteData } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { LogEntry, Page, Task } from '../../src/client/entry.ts';
import type { TaskReads } from '../../src/service/handles.ts';
import { useLiveEntries, useLiveState } from './live.tsx';
import type { TaskSearch } from './router.tsx';
import { useSession } from './session.tsx';
import type { Session } from './session.tsx';

export const PAGE_ROWS = 100;
/** Between two looks at the top of the list, however much happens. */
const LOOK_MS = 400;
/** Where there is no stream. */
const POLL_MS = 4000;

/** `key=value`; a key alone asks for an empty value. */
const pairOf = (text: string): Readonly<Record<string, string>> => {
  const [key = '', ...value] = text.split('=');
  return { [key.trim()]: value.join('=').trim() };
};

type Pages = InfiniteData<Page<Task>, string | undefined>;

/** An admin of the platform looks at one client by its name; everybody else sees what the key reaches. */
export const readsOf = (session: Session, client: string | undefined): TaskReads =>
  client !== undefined && session.seesAll && session.identity.role === 'admin'
    ? session.admin.inside(client, 'looks at its tasks in the dashboard')
    : session.admin;

export interface TaskList {
  readonly tasks: readonly Task[];
  /** How many came that are not shown yet. */
  readonly waiting: number;
  readonly show: () => void;
  readonly more: () => void;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  /** The filter changed and its rows are on their way. */
  readonly isStale: boolean;
  readonly error: Error | null;
  readonly retry: () => void;
}

/** `isCalm`: whether rows may come in at the top now. */
export function useTaskList({ status, type, client, meta }: TaskSearch, isCalm: () => boolean): TaskList {
  const session = useSession();
  const queries = useQueryClient();
  const queryKey = useMemo(() => ['tasks', { status, type, client, meta }] as const, [status, type, client, meta]);
  const read = useCallback(
    (cursor?: string) =>
      readsOf(session, client).list({
        limit: PAGE_ROWS,
        ...(status === undefined ? {} : { status }),
        ...(type === undefined ? {} : { type }),
        ...(meta === undefined ? {} : { metadata: pairOf(meta) }),
        ...(cursor === undefined ? {} : { cursor }),
      }),
    [session, client, status, type, meta],
  );
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  });
  const [fresh, setFresh] = useState<readonly Task[]>([]);
  useEffect(() => setFresh([]), [queryKey]);

  const change = useCallback(
    (by: (pages: Pages) => Pages) => queries.setQueryData<Pages>(queryKey, (pages) => (pages === undefined ? pages : by(pages))),
    [queries, queryKey],
  );
  const calm = useRef(isCalm);
  useEffect(() => {
    calm.current = isCalm;
  });
  const look = useCallback(async () => {
    const { items } = await read();
    const known = queries.getQueryData<Pages>(queryKey);
    if (known === undefined) return;
    const shown = new Set(known.pages.flatMap((page) => page.items.map(({ taskId }) => taskId)));
    const news = items.filter(({ taskId }) => !shown.has(taskId));
    change((pages) => replaced(pages, items));
    const head = known.pages[0]?.items[0]?.taskId ?? '';
    if (news.length < PAGE_ROWS && calm.current() && news.every(({ taskId }) => taskId > head)) {
      change((pages) => prepended(pages, news));
      setFresh([]);
    } else setFresh(news);
  }, [read, queries, queryKey, change]);
  useLooks(look, (entries) => change((pages) => patched(pages, entries)));

  const { refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const tasks = useMemo(() => query.data?.pages.flatMap(({ items }) => items) ?? [], [query.data]);
  // What was read anew meanwhile waits no more.
  const waiting = useMemo(() => {
    const shown = new Set(tasks.map(({ taskId }) => taskId));
    return fresh.filter(({ taskId }) => !shown.has(taskId)).length;
  }, [tasks, fresh]);
  return {
    tasks,
    waiting,
    show: () => {
      setFresh([]);
      queries.setQueryData<Pages>(queryKey, (pages) =>
        pages === undefined ? pages : { pages: pages.pages.slice(0, 1), pageParams: pages.pageParams.slice(0, 1) },
      );
      void refetch();
    },
    more: () => {
      if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
    },
    hasMore: hasNextPage,
    isLoading: query.isPending,
    isStale: query.isPlaceholderData,
    error: query.error,
    retry: () => void refetch(),
  };
}

/** Looks at the top soon after something happened, and never twice at once; without a stream, now and then. */
function useLooks(look: () => Promise<void>, patch: (entries: readonly LogEntry[]) => void): void {
  const state = useLiveState();
  const latest = useRef(look);
  useEffect(() => {
    latest.current = look;
  });
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  // What happens while a look is under way, or makes it fail, wants another one.
  const again = useRef(false);
  const soon = useCallback(function soon(): void {
    if (timer.current !== undefined) {
      again.current = true;
      return;
    }
    timer.current = setTimeout(() => {
      again.current = false;
      void latest
        .current()
        .catch(() => {
          again.current = true;
        })
        .finally(() => {
          if (timer.current === undefined) return;
          timer.current = undefined;
          if (again.current) soon();
        });
    }, LOOK_MS);
  }, []);
  useLiveEntries((entries) => {
    patch(entries);
    soon();
  });
  useEffect(() => {
    if (state === 'live') soon();
    if (state === 'live' || state === 'connecting') return undefined;
    const poll = setInterval(soon, POLL_MS);
    return () => clearInterval(poll);
  }, [state, soon]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
}

const mapped = (pages: Pages, by: (task: Task) => Task): Pages => {
  let changed = false;
  const next = pages.pages.map((page) => {
    const items = page.items.map((task) => {
      const made = by(task);
      changed ||= made !== task;
      return made;
    });
    return { ...page, items };
  });
  return changed ? { ...pages, pages: next } : pages;
};

function replaced(pages: Pages, items: readonly Task[]): Pages {
  const byId = new Map(items.map((task) => [task.taskId, task]));
  return mapped(pages, (task) => byId.get(task.taskId) ?? task);
}

/** What an event says of a row, until the row itself is read again. */
function patched(pages: Pages, entries: readonly LogEntry[]): Pages {
  const byId = new Map(entries.map((entry) => [entry.taskId, entry]));
  return mapped(pages, (task) => {
    const entry = byId.get(task.taskId);
    if (entry === undefined || entry.atUtc < task.updatedAtUtc) return task;
    const lockedBy = entry.toStatus === 'leased' && entry.actor.startsWith('worker:') ? entry.actor.slice('worker:'.length) : task.lockedBy;
    return { ...task, status: entry.toStatus ?? task.status, attempts: entry.attempt ?? task.attempts, updatedAtUtc: entry.atUtc, lockedBy };
  });
}

function prepended(pages: Pages, news: readonly Task[]): Pages {
  const [first, ...rest] = pages.pages;
  if (first === undefined || news.length === 0) return pages;
  return { ...pages, pages: [{ ...first, items: [...news, ...first.items] }, ...rest] };
}
