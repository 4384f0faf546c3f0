// From nobody to somebody: takes the key that this tab had, or asks for one; then the pages.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { QueueError } from '../../src/client/entry.ts';
import { LiveProvider } from './live.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { Toasts } from './parts/toast.tsx';
import { createPages } from './router.tsx';
import { SessionContext, forgetKey, keptKey, signIn } from './session.tsx';
import type { Session } from './session.tsx';
import { SignOutContext } from './sign-out.ts';

type State = { readonly is: 'opening' } | { readonly is: 'out'; readonly why?: string } | { readonly is: 'in'; readonly session: Session };

/** A link may bring the key behind the `#`, which no server sees; it is taken out of the address at once. */
function keyOfLink(): string | null {
  const found = /^#\/?key=([!-~]+)$/.exec(location.hash)?.[1] ?? null;
  if (found !== null) history.replaceState(null, '', `${location.pathname}${location.search}#/`);
  return found;
}

export function App(): ReactNode {
  const [state, setState] = useState<State>({ is: 'opening' });
  const enter = useCallback(async (key: string) => setState({ is: 'in', session: await signIn(key) }), []);
  const leave = useCallback((why?: string) => {
    forgetKey();
    setState(why === undefined ? { is: 'out' } : { is: 'out', why });
  }, []);
  useEffect(() => {
    const come = (key: string): void => void enter(key).catch((error: unknown) => leave(error instanceof Error ? error.message : undefined));
    const follow = (): void => {
      const key = keyOfLink();
      if (key !== null) come(key);
    };
    const key = keyOfLink() ?? keptKey();
    if (key === null) setState({ is: 'out' });
    else come(key);
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, [enter, leave]);
  if (state.is === 'opening') return null;
  if (state.is === 'out') return <SignIn onKey={enter} why={state.why} />;
  return <Inside key={state.session.key} session={state.session} leave={leave} />;
}

function Inside({ session, leave }: { readonly session: Session; readonly leave: (why?: string) => void }): ReactNode {
  const router = useMemo(() => createPages(), []);
  const [queries] = useState(
    () =>
      new QueryClient({
        defaultOptions: {
          queries: {
            // The client tries again by itself, where that is safe.
            retry: false,
            staleTime: 2000,
            throwOnError(error) {
              if (error instanceof QueueError && error.code === 'unauthenticated') leave(error.message);
              return false;
            },
          },
        },
      }),
  );
  return (
    <SessionContext value={session}>
      <SignOutContext value={leave}>
        <QueryClientProvider client={queries}>
          <Toasts>
            <LiveProvider>
              <RouterProvider router={router} />
            </LiveProvider>
          </Toasts>
        </QueryClientProvider>
      </SignOutContext>
    </SessionContext>
  );
}
