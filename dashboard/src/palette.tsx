// The command palette: every page by a few letters, a task by its id.
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import type { KeyboardEvent, ReactNode } from 'react';
import { Window } from './parts/dialog.tsx';
import { pagesOf } from './pages.ts';
import { useSession } from './session.tsx';
import { words } from './text/words.ts';

interface Choice {
  readonly label: string;
  readonly go: () => void;
}

const TASK_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function Palette({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }): ReactNode {
  return (
    <Window open={open} onClose={onClose} title={words.palette.title}>
      <Choices onClose={onClose} />
    </Window>
  );
}

function useChoices(asked: string): readonly Choice[] {
  const { can } = useSession();
  const navigate = useNavigate();
  const wanted = asked.trim();
  const id = wanted.toLowerCase();
  if (TASK_ID.test(wanted)) return [{ label: words.palette.task(wanted), go: () => void navigate({ to: '/tasks/$taskId', params: { taskId: id } }) }];
  const pages = pagesOf(can).map(({ path, word }) => ({ label: words.pages[word], go: () => void navigate({ to: path }) }));
  const type =
    /^[A-Za-z][\w.]*(?:\.\*)?$/.test(wanted) && can('task.list')
      ? [{ label: words.palette.type(wanted), go: () => void navigate({ to: '/tasks', search: { type: wanted } }) }]
      : [];
  return [...pages.filter(({ label }) => label.toLowerCase().includes(id)), ...type];
}

function Choices({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [asked, setAsked] = useState('');
  const [at, setAt] = useState(0);
  const choices = useChoices(asked);
  const chosen = Math.min(at, choices.length - 1);
  const take = (choice: Choice | undefined): void => {
    if (choice === undefined) return;
    onClose();
    choice.go();
  };
  const hear = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') setAt(Math.min(chosen + 1, choices.length - 1));
    else if (event.key === 'ArrowUp') setAt(Math.max(chosen - 1, 0));
    else if (event.key === 'Enter') take(choices[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <div className="grid gap-2">
      <input
        className="input"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-choices"
        aria-activedescendant={chosen < 0 ? undefined : `palette-${chosen}`}
        aria-label={words.palette.title}
        placeholder={words.palette.placeholder}
        value={asked}
        onChange={(event) => {
          setAsked(event.target.value);
          setAt(0);
        }}
        onKeyDown={hear}
      />
      <ul id="palette-choices" role="listbox" aria-label={words.palette.title} className="grid max-h-72 overflow-auto">
        {choices.map((choice, i) => (
          <li
            key={choice.label}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === chosen}
            className={`cursor-pointer rounded-lg px-2.5 py-1.5 text-sm ${i === chosen ? 'bg-accent-soft' : ''}`}
            onPointerMove={() => setAt(i)}
            onClick={() => take(choice)}
          >
            {choice.label}
          </li>
        ))}
      </ul>
    </div>
  );
}
