// Copies a text and says so.
import type { ReactNode } from 'react';
import { words } from '../text/words.ts';
import { Button } from './button.tsx';
import { useTell } from './toast.tsx';

export function Copy({ text, label = words.copy, small = true }: { readonly text: string; readonly label?: string; readonly small?: boolean }): ReactNode {
  const tell = useTell();
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      tell(words.copied);
    } catch {
      tell(words.notCopied, { tone: 'bad' });
    }
  };
  return (
    <Button kind="quiet" small={small} onClick={() => void copy()}>
      {label}
    </Button>
  );
}
