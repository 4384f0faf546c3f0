// The door: an API key, checked by asking the server whose it is.
import { useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import { QueueError } from '../../../src/client/entry.ts';
import icon from '../icon.svg';
import { Button } from '../parts/button.tsx';
import { TextField } from '../parts/field.tsx';
import { sentenceOf } from '../parts/state.tsx';
import { bootstrap, isBootstrap } from '../session.tsx';
import { words } from '../text/words.ts';

interface SignInProps {
  readonly onKey: (key: string) => Promise<void>;
  readonly why?: string | undefined;
}

export function SignIn({ onKey, why }: SignInProps): ReactNode {
  const [key, setKey] = useState('');
  const [trouble, setTrouble] = useState(why);
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      if (!isBootstrap(key.trim())) return await onKey(key.trim());
      setMade(await bootstrap(key.trim()));
    } catch (error) {
      setBusy(false);
      setTrouble(error instanceof QueueError && error.code === 'unauthenticated' ? words.signIn.refused : sentenceOf(error));
    }
  };
  if (made !== null) return <FirstKey made={made} onKept={() => onKey(made)} />;
  return (
    <main className="grid min-h-full place-items-center p-4">
      <form className="card grid w-full max-w-md gap-5 p-8 shadow-sm" onSubmit={(event) => void submit(event)}>
        <div className="flex items-center gap-3">
          <img src={icon} alt="" className="size-9" />
          <div>
            <h1 className="text-xl font-semibold tracking-tight">PrismQ</h1>
            <p className="text-sm text-soft">{words.signIn.lead}</p>
          </div>
        </div>
        <TextField
          label={words.signIn.key}
          hint={words.signIn.hint}
          type="password"
          autoComplete="off"
          spellCheck={false}
          autoFocus
          required
          placeholder="prismq_…"
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        {/* Its place is kept, so that nothing moves when it speaks. */}
        <p role="alert" className="min-h-5 text-sm text-bad">
          {trouble}
        </p>
        <Button type="submit" kind="primary" disabled={busy || key.trim() === ''}>
          {busy ? words.signIn.busy : words.signIn.enter}
        </Button>
      </form>
    </main>
  );
}

/** A new server has no admin yet: the secret that it printed made the first one's key. */
function FirstKey({ made, onKept }: { readonly made: string; readonly onKept: () => Promise<void> }): ReactNode {
  const [trouble, setTrouble] = useState('');
  return (
    <main className="grid min-h-full place-items-center p-4">
      <div className="card grid w-full max-w-md gap-4 p-8 text-sm shadow-sm">
        <h1 className="text-xl font-semibold tracking-tight">PrismQ</h1>
        <p>{words.signIn.first}</p>
        <code className="mono rounded-lg bg-page p-3 break-all" data-made-key="">
          {made}
        </code>
        <p role="alert" className="min-h-5 text-bad">
          {trouble}
        </p>
        <Button kind="primary" onClick={() => void onKept().catch((error: unknown) => setTrouble(sentenceOf(error)))}>
          {words.signIn.go}
        </Button>
      </div>
    </main>
  );
}
