// The frame of a page: its title, what can be done, and cards.
import { useEffect } from 'react';
import type { ReactNode } from 'react';

interface PageProps {
  readonly title: string;
  readonly hint?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  /** The content scrolls by itself: the page is as high as the window. */
  readonly fills?: boolean;
}

export function Page({ title, hint, actions, children, fills = false }: PageProps): ReactNode {
  useEffect(() => {
    document.title = `${title} · PrismQ`;
  }, [title]);
  return (
    <div className={`mx-auto flex w-full max-w-[1400px] flex-col gap-4 p-4 md:p-6 ${fills ? 'h-full min-h-0' : ''}`}>
      <header className="flex min-h-9 flex-wrap items-center justify-between gap-2">
        <div className="min-w-0">
          <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
          {hint !== undefined && <p className="text-sm text-soft">{hint}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({
  title,
  aside,
  children,
  className = '',
}: {
  readonly title?: string;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
}): ReactNode {
  return (
    <section className={`card min-w-0 ${className}`}>
      {title !== undefined && (
        <div className="flex items-center justify-between gap-2 border-b border-line px-4 py-2.5">
          <h2 className="text-sm font-semibold">{title}</h2>
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}
