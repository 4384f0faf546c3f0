// What is shown instead of content: nothing there yet, something went wrong, still coming.
import type { ReactNode } from 'react';
import { QueueError } from '../../../src/client/entry.ts';
import { words } from '../text/words.ts';
import { Button } from './button.tsx';

export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }): ReactNode {
  return (
    <div className="grid place-items-center gap-1.5 px-6 py-14 text-center">
      <p className="text-base font-medium">{title}</p>
      {children !== undefined && <div className="max-w-md text-sm text-soft">{children}</div>}
    </div>
  );
}

export const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function Trouble({ error, retry }: { readonly error: unknown; readonly retry?: () => void }): ReactNode {
  const code = error instanceof QueueError ? error.code : 'internal';
  return (
    <div role="alert" className="grid place-items-center gap-2 px-6 py-14 text-center">
      <p className="text-base font-medium">{words.trouble.title}</p>
      <p className="max-w-lg text-sm text-soft">{sentenceOf(error)}</p>
      <code className="mono text-soft">{code}</code>
      {retry !== undefined && <Button onClick={retry}>{words.trouble.again}</Button>}
    </div>
  );
}

/** Keeps the place, so that nothing jumps when the content comes. */
export function Waiting({ rows = 6 }: { readonly rows?: number }): ReactNode {
  return (
    <div role="status" aria-label={words.trouble.waiting} className="grid gap-3 p-4">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="h-5 animate-pulse rounded bg-hover" />
      ))}
    </div>
  );
}
