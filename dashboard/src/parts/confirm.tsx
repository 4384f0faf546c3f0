// Asks before something that can not be taken back, and tells how it went.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { words } from '../text/words.ts';
import { Button } from './button.tsx';
import { Window } from './dialog.tsx';
import { sentenceOf } from './state.tsx';
import { useTell } from './toast.tsx';

interface ConfirmProps {
  /** On the button that asks, and again on the one that does it. */
  readonly label: string;
  readonly title: string;
  readonly text: string;
  readonly danger?: boolean;
  readonly act: () => Promise<unknown>;
  /** What was read of the server and is old now. */
  readonly touches: readonly string[];
}

export function Confirm({ label, title, text, danger = true, act, touches }: ConfirmProps): ReactNode {
  const [open, setOpen] = useState(false);
  const run = useAct(touches);
  return (
    <>
      <Button small kind="quiet" onClick={() => setOpen(true)}>
        {label}
      </Button>
      <Window open={open} onClose={() => setOpen(false)} title={title}>
        <p className="text-sm text-soft">{text}</p>
        <div className="mt-5 flex justify-end gap-2">
          <Button onClick={() => setOpen(false)}>{words.cancel}</Button>
          <Button
            kind={danger ? 'danger' : 'primary'}
            onClick={() => {
              setOpen(false);
              void run(act);
            }}
          >
            {label}
          </Button>
        </div>
      </Window>
    </>
  );
}

/** Does it, tells what went wrong, and has everything read anew that it touched. Answers whether it was done. */
export function useAct(touches: readonly string[]): (act: () => Promise<unknown>) => Promise<boolean> {
  const queries = useQueryClient();
  const tell = useTell();
  return async (act) => {
    try {
      await act();
      return true;
    } catch (error) {
      tell(sentenceOf(error), { tone: 'bad' });
      return false;
    } finally {
      for (const name of touches) void queries.invalidateQueries({ queryKey: [name] });
    }
  };
}
