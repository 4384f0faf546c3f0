// The frame around every page: where one can go, who one is, whether the picture is live.
import { Link, useNavigate, useRouterState } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import icon from './icon.svg';
import { Shortcuts, useShortcuts } from './keyboard.tsx';
import { useLiveState } from './live.tsx';
import { GROUPS, pagesOf } from './pages.ts';
import { Palette } from './palette.tsx';
import { useSession } from './session.tsx';
import { useSignOut } from './sign-out.ts';
import { words } from './text/words.ts';
import { applyTheme, readTheme } from './theme.ts';
import type { Theme } from './theme.ts';

export function Layout({ children }: { readonly children: ReactNode }): ReactNode {
  const [open, setOpen] = useState<'none' | 'palette' | 'shortcuts'>('none');
  useShortcuts({ palette: () => setOpen('palette'), help: () => setOpen('shortcuts') });
  useHome();
  return (
    <div className="flex h-full flex-col md:flex-row">
      <a href="#content" onClick={skipTo} className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-lg focus:bg-raised focus:p-2">
        {words.skip}
      </a>
      <Sidebar onPalette={() => setOpen('palette')} onShortcuts={() => setOpen('shortcuts')} />
      <main id="content" tabIndex={-1} className="min-h-0 min-w-0 flex-1 overflow-auto outline-none">
        {children}
      </main>
      <Palette open={open === 'palette'} onClose={() => setOpen('none')} />
      <Shortcuts open={open === 'shortcuts'} onClose={() => setOpen('none')} />
    </div>
  );
}

function skipTo(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

/** Who may not see the overview begins at the first page that is theirs. */
function useHome(): void {
  const { can } = useSession();
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const navigate = useNavigate();
  useEffect(() => {
    const [first] = pagesOf(can);
    if (path === '/' && first !== undefined && first.path !== '/') void navigate({ to: first.path, replace: true });
  }, [can, path, navigate]);
}

function Sidebar({ onPalette, onShortcuts }: { readonly onPalette: () => void; readonly onShortcuts: () => void }): ReactNode {
  const { can, actor } = useSession();
  const signOut = useSignOut();
  const pages = pagesOf(can);
  return (
    <div className="flex shrink-0 flex-col gap-1 border-line bg-card px-3 py-2 max-md:border-b md:w-56 md:border-r md:py-4">
      <div className="flex items-center justify-between gap-2 px-2 md:mb-4">
        <span className="flex items-center gap-2 font-semibold tracking-tight">
          <img src={icon} alt="" className="size-6" /> PrismQ
        </span>
        <LiveDot />
      </div>
      <nav aria-label={words.navigation} className="flex gap-1 max-md:-mx-1 max-md:overflow-x-auto max-md:px-1 md:flex-col md:gap-0">
        {GROUPS.map((group) => {
          const inGroup = pages.filter((page) => page.group === group);
          if (inGroup.length === 0) return null;
          return (
            <div key={group} className="flex gap-1 md:mb-3 md:flex-col md:gap-px">
              <span className="px-2 pb-1 text-xs font-medium text-soft max-md:hidden">{words.groups[group]}</span>
              {inGroup.map(({ path, word }) => (
                <Link
                  key={path}
                  to={path}
                  activeOptions={{ exact: path === '/', includeSearch: false }}
                  className="rounded-lg px-2 py-1.5 text-sm whitespace-nowrap text-soft hover:bg-hover hover:text-ink"
                  activeProps={{ className: 'bg-accent-soft !text-ink font-medium', 'aria-current': 'page' }}
                >
                  {words.pages[word]}
                </Link>
              ))}
            </div>
          );
        })}
      </nav>
      <div className="mt-auto grid gap-1 max-md:hidden">
        <button type="button" onClick={onPalette} className="flex justify-between rounded-lg px-2 py-1.5 text-sm text-soft hover:bg-hover hover:text-ink">
          {words.palette.open} <kbd className="text-xs">Ctrl K</kbd>
        </button>
        <button type="button" onClick={onShortcuts} className="flex justify-between rounded-lg px-2 py-1.5 text-sm text-soft hover:bg-hover hover:text-ink">
          {words.shortcuts.title} <kbd className="text-xs">?</kbd>
        </button>
        <ThemeSwitch />
      </div>
      <div className="flex items-center justify-between gap-2 px-2 text-sm md:mt-1 md:border-t md:border-line md:pt-3">
        <span className="mono truncate" title={words.signedInAs(actor)} data-actor={actor}>
          {actor}
        </span>
        <button type="button" onClick={() => signOut()} className="rounded-lg px-1.5 py-1 text-xs text-soft hover:bg-hover hover:text-ink">
          {words.signOut}
        </button>
      </div>
    </div>
  );
}

const LIVE_TONES = { live: 'bg-good pulse', connecting: 'bg-warn', broken: 'bg-bad', off: 'bg-cancelled' } as const;

function LiveDot(): ReactNode {
  const state = useLiveState();
  return (
    <span className="flex items-center gap-1.5 text-xs text-soft" role="status" data-live={state} title={words.live.hints[state]}>
      <span aria-hidden="true" className={`size-2 rounded-full ${LIVE_TONES[state]}`} />
      {words.live.states[state]}
    </span>
  );
}

function ThemeSwitch(): ReactNode {
  const [theme, setTheme] = useState(readTheme);
  const choose = (next: Theme): void => {
    applyTheme(next);
    setTheme(next);
    window.dispatchEvent(new Event('themechange'));
  };
  return (
    <div role="group" aria-label={words.theme.title} className="flex gap-1 px-1">
      {(['system', 'light', 'dark'] as const).map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={theme === name}
          onClick={() => choose(name)}
          className={`flex-1 rounded-lg px-1.5 py-1 text-xs ${theme === name ? 'bg-hover font-medium text-ink' : 'text-soft hover:text-ink'}`}
        >
          {words.theme[name]}
        </button>
      ))}
    </div>
  );
}
