// An instant: how long ago in the text, exactly and with its zone on hover and for readers of the page.
import type { ReactNode } from 'react';
import { ago, atWithZone } from '../format.ts';
import { useNow } from '../live.tsx';

export function When({ at, className = '' }: { readonly at: number | null; readonly className?: string }): ReactNode {
  const now = useNow();
  if (at === null) return <span className="text-soft">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={atWithZone(at)} className={`whitespace-nowrap ${className}`}>
      {ago(at, now)}
    </time>
  );
}
