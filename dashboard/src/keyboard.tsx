// What the keys do, everywhere; a page adds its own. Never while somebody types.
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { Window } from './parts/dialog.tsx';
import { pagesOf } from './pages.ts';
import { useSession } from './session.tsx';
import { words } from './text/words.ts';

export const isTyping = (event: KeyboardEvent): boolean =>
  event.target instanceof HTMLElement &&
  (event.target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) &&
  (event.target as HTMLInputElement).type !== 'checkbox';

const isPlain = (event: KeyboardEvent): boolean => !event.ctrlKey && !event.metaKey && !event.altKey;
/** A window over the page has the keys to itself. */
const isCovered = (): boolean => document.querySelector('[role="dialog"]') !== null;

/** Keys of one page: the name of the key → what it does. */
export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      const act = latest.current[event.key];
      if (act === undefined || isTyping(event) || !isPlain(event) || isCovered()) return;
      event.preventDefault();
      act();
    };
    window.addEventListener('keydown', hear);
    return () => window.removeEventListener('keydown', hear);
  }, []);
}

const SEQUENCE_MS = 1200;
/** No `g` is waiting: not 0, since a page that was just loaded is younger than a sequence. */
const NEVER = Number.NEGATIVE_INFINITY;

export function useShortcuts({ palette, help }: { readonly palette: () => void; readonly help: () => void }): void {
  const { can } = useSession();
  const navigate = useNavigate();
  const gone = useRef(NEVER);
  useEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        return palette();
      }
      if (isTyping(event) || !isPlain(event) || isCovered()) return;
      if (event.key === '?') return help();
      if (event.key === 'g') {
        gone.current = event.timeStamp;
        return;
      }
      const page = event.timeStamp - gone.current < SEQUENCE_MS ? pagesOf(can).find(({ key }) => key === event.key) : undefined;
      gone.current = NEVER;
      if (page === undefined) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      void navigate({ to: page.path });
    };
    window.addEventListener('keydown', hear, { capture: true });
    return () => window.removeEventListener('keydown', hear, { capture: true });
  }, [can, help, navigate, palette]);
}

export function Shortcuts({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }): ReactNode {
  const { can } = useSession();
  const rows: readonly (readonly [string, string])[] = [
    ...words.shortcuts.rows,
    ...pagesOf(can).map(({ key, word }) => [`g ${key}`, words.shortcuts.go(words.pages[word])] as const),
  ];
  return (
    <Window open={open} onClose={onClose} title={words.shortcuts.title}>
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-1.5 text-sm">
        {rows.map(([keys, meaning]) => (
          <div key={keys} className="contents">
            <dt>
              <kbd className="mono rounded border border-line-strong px-1.5">{keys}</kbd>
            </dt>
            <dd className="text-soft">{meaning}</dd>
          </div>
        ))}
      </dl>
    </Window>
  );
}
