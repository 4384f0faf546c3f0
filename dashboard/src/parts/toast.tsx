// Short news at the lower edge, told to readers of the page too. They go by themselves; one with an action stays longer.
import { createContext, useCallback, useContext, useState } from 'react';
import type { ReactNode } from 'react';
import { words } from '../text/words.ts';
import { Button } from './button.tsx';

interface News {
  readonly id: number;
  readonly text: string;
  readonly tone: 'plain' | 'bad';
  readonly action?: { readonly label: string; readonly run: () => void };
}
export type Tell = (text: string, options?: { readonly tone?: News['tone']; readonly action?: News['action'] }) => void;

const TellContext = createContext<Tell>(() => undefined);
export const useTell = (): Tell => useContext(TellContext);

let lastId = 0;

export function Toasts({ children }: { readonly children: ReactNode }): ReactNode {
  const [news, setNews] = useState<readonly News[]>([]);
  const drop = useCallback((id: number) => setNews((all) => all.filter((item) => item.id !== id)), []);
  const tell = useCallback<Tell>(
    (text, { tone = 'plain', action } = {}) => {
      const item: News = { id: ++lastId, text, tone, ...(action === undefined ? {} : { action }) };
      setNews((all) => [...all.slice(-3), item]);
      setTimeout(() => drop(item.id), action === undefined && tone === 'plain' ? 4000 : 10_000);
    },
    [drop],
  );
  return (
    <TellContext value={tell}>
      {children}
      <div role="status" aria-live="polite" className="pointer-events-none fixed inset-x-0 bottom-4 z-50 grid justify-items-center gap-2 px-4">
        {news.map(({ id, text, tone, action }) => (
          <div
            key={id}
            className={`pointer-events-auto flex max-w-xl items-center gap-3 rounded-xl border bg-raised px-4 py-2.5 text-sm shadow-lg ${tone === 'bad' ? 'border-bad text-bad' : 'border-line-strong'}`}
          >
            <span className="min-w-0 break-words">{text}</span>
            {action !== undefined && (
              <Button
                small
                onClick={() => {
                  action.run();
                  drop(id);
                }}
              >
                {action.label}
              </Button>
            )}
            <button type="button" aria-label={words.close} className="text-soft hover:text-ink" onClick={() => drop(id)}>
              ✕
            </button>
          </div>
        ))}
      </div>
    </TellContext>
  );
}
