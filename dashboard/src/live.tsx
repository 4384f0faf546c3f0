// What happens to tasks, as it happens: one stream a session, heard by whoever shows something. Events are handed on in batches,
// so that a thousand of them cost one drawing. Without the right to the stream, pages ask again now and then.
import { useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import { QueueError, connect } from '../../src/client/entry.ts';
import type { StreamEntry } from '../../src/client/entry.ts';
import { serverUrl, useSession } from './session.tsx';
import type { Session } from './session.tsx';
import { useSignOut } from './sign-out.ts';

export type LiveState = 'connecting' | 'live' | 'broken' | 'off';
type Listener = (entries: readonly StreamEntry[]) => void;

export interface Live {
  state(): LiveState;
  /** The last minutes, oldest first. */
  recent(): readonly StreamEntry[];
  listen(listener: Listener): () => void;
  watch(changed: () => void): () => void;
  stop(): void;
}

const BATCH_MS = 200;
const KEPT_MS = 10 * 60_000;
const KEPT_MOST = 20_000;

/** `refused` is told when the key opens nothing any more. */
export function openLive({ can, key }: Session, refused: (why: string) => void): Live {
  const listeners = new Set<Listener>();
  const watchers = new Set<() => void>();
  const ended = new AbortController();
  let state: LiveState = can('task.events') ? 'connecting' : 'off';
  let recent: StreamEntry[] = [];
  let batch: StreamEntry[] = [];
  const set = (next: LiveState): void => {
    if (next === state) return;
    state = next;
    for (const changed of watchers) changed();
  };
  const flush = (): void => {
    const entries = batch;
    batch = [];
    const since = (entries.at(-1)?.atUtc ?? 0) - KEPT_MS;
    recent = [...recent.filter(({ atUtc }) => atUtc >= since), ...entries].slice(-KEPT_MOST);
    for (const listener of listeners) listener(entries);
  };
  // A line of its own, which tells when it is open, and when it broke off and is opened again.
  const line = connect({
    url: serverUrl(),
    key,
    async fetch(input, init) {
      set('connecting');
      const response = await fetch(input, init);
      if (response.ok) set('live');
      return response;
    },
  });
  const run = async (): Promise<void> => {
    for await (const entry of line.admin().events({ signal: ended.signal })) {
      if (batch.length === 0) setTimeout(flush, BATCH_MS);
      batch.push(entry);
    }
  };
  if (state !== 'off')
    void run().catch((error: unknown) => {
      set(ended.signal.aborted ? 'off' : 'broken');
      if (error instanceof QueueError && error.code === 'unauthenticated') refused(error.message);
    });
  return {
    state: () => state,
    recent: () => recent,
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    watch(changed) {
      watchers.add(changed);
      return () => void watchers.delete(changed);
    },
    stop: () => ended.abort(),
  };
}

const LiveContext = createContext<Live | null>(null);

/** Read anew when the stream opens: what happened before that was not heard. */
const MISSED = ['task', 'logs', 'stats', 'tasks-dead'] as const;

export function LiveProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const session = useSession();
  const queries = useQueryClient();
  const signOut = useSignOut();
  const [live, setLive] = useState<Live | null>(null);
  useEffect(() => {
    const opened = openLive(session, signOut);
    setLive(opened);
    const ignore = opened.watch(() => {
      if (opened.state() === 'live') for (const name of MISSED) void queries.invalidateQueries({ queryKey: [name] });
    });
    return () => {
      ignore();
      opened.stop();
    };
  }, [session, queries, signOut]);
  return live === null ? null : <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error('no stream');
  return live;
}

export function useLiveState(): LiveState {
  const live = useLive();
  return useSyncExternalStore(live.watch, live.state);
}

/** Calls back for each batch; the callback of the last drawing is the one that counts. */
export function useLiveEntries(listener: Listener): void {
  const live = useLive();
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => live.listen((entries) => latest.current(entries)), [live]);
}

const clock = { now: Date.now(), heard: new Set<() => void>(), timer: undefined as ReturnType<typeof setInterval> | undefined };

function tick(): void {
  clock.now = Date.now();
  for (const changed of clock.heard) changed();
}

function hearClock(changed: () => void): () => void {
  clock.heard.add(changed);
  if (clock.timer === undefined) {
    clock.now = Date.now();
    clock.timer = setInterval(tick, 1000);
  }
  return () => {
    clock.heard.delete(changed);
    if (clock.heard.size > 0) return;
    clearInterval(clock.timer);
    clock.timer = undefined;
  };
}

/** The time, told anew each second: one clock for all ages on the page. */
export const useNow = (): number => useSyncExternalStore(hearClock, () => clock.now);
