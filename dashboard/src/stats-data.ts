// The numbers of the queue, asked again soon after something happened, and now and then in any case.
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { QueueStats } from '../../src/client/entry.ts';
import { useLiveEntries } from './live.tsx';
import { useSession } from './session.tsx';
import { readsOf } from './tasks-data.ts';

const SOON_MS = 1000;
const ANYWAY_MS = 10_000;

export function useStats(client?: string): UseQueryResult<QueueStats> {
  const session = useSession();
  const queries = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  useLiveEntries(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void queries.invalidateQueries({ queryKey: ['stats', client] });
    }, SOON_MS);
  });
  return useQuery({
    queryKey: ['stats', client],
    queryFn: () => readsOf(session, client).stats(),
    enabled: session.can('task.stats'),
    refetchInterval: ANYWAY_MS,
    placeholderData: keepPreviousData,
  });
}
