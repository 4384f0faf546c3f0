// Before something is done to tasks: what exactly will happen to how many, and what will not. Afterwards: how to take it back.
import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import type { Task } from '../../../src/client/entry.ts';
import { JsonText } from '../../../src/domain/json-text.ts';
import { STATES } from '../../../src/domain/lifecycle.ts';
import { LIMITS } from '../../../src/domain/limits.ts';
import { ACTIONS, isAllowed, performAll, wantsReason } from '../actions.ts';
import type { Action, ActionInput, Outcome } from '../actions.ts';
import { exact } from '../format.ts';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';
import { Button } from './button.tsx';
import { Window } from './dialog.tsx';
import { TextArea, TextField } from './field.tsx';
import { sentenceOf } from './state.tsx';
import { Status } from './status.tsx';
import { useTell } from './toast.tsx';

export interface Planned {
  readonly action: Action;
  readonly tasks: readonly Task[];
  /** What the payload is now, to begin an amendment from. */
  readonly payload?: string;
}

interface ActionDialogProps {
  readonly planned: Planned | null;
  readonly onClose: () => void;
  /** Something was done. */
  readonly onDone?: () => void;
}

export function ActionDialog({ planned, onClose, onDone }: ActionDialogProps): ReactNode {
  return (
    <Window open={planned !== null} onClose={onClose} title={planned === null ? '' : words.actions.titles[planned.action](planned.tasks.length)}>
      {planned !== null && <Plan planned={planned} onClose={onClose} onDone={onDone} />}
    </Window>
  );
}

function Plan({
  planned: { action, tasks, payload = '' },
  onClose,
  onDone,
}: {
  readonly planned: Planned;
  readonly onClose: () => void;
  readonly onDone: (() => void) | undefined;
}): ReactNode {
  const session = useSession();
  const able = tasks.filter(({ status }) => isAllowed(action, status));
  const [input, setInput] = useState<{ reason: string; priority: string; why: string; payload: string }>({ reason: '', priority: '', why: '', payload });
  const run = useRun(action, able, onClose, onDone);
  const named = wantsReason(session, ACTIONS[action].operation);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    run.start({
      reason: input.reason === '' ? undefined : input.reason,
      priority: action === 'reprioritise' ? Number(input.priority) : undefined,
      payload: action === 'amend' ? new JsonText(input.payload) : undefined,
      why: input.why,
    });
  };
  const field = (name: keyof typeof input) => ({
    value: input[name],
    onChange: (event: { target: { value: string } }) => setInput({ ...input, [name]: event.target.value }),
  });
  return (
    <form className="grid gap-4" onSubmit={submit}>
      <Preview action={action} tasks={tasks} />
      {action === 'cancel' && <TextField label={words.actions.reason} maxLength={200} {...field('reason')} />}
      {action === 'reprioritise' && (
        <TextField
          label={words.actions.priority}
          hint={words.actions.priorityHint}
          type="number"
          required
          min={LIMITS.priority.min}
          max={LIMITS.priority.max}
          {...field('priority')}
        />
      )}
      {action === 'amend' && <TextArea label={words.payload} hint={words.actions.amendHint} required rows={12} {...field('payload')} />}
      {named && <TextField label={words.why} hint={words.whyHint} required maxLength={200} {...field('why')} />}
      <p role="status" className="min-h-5 text-sm text-soft">
        {run.busy ? words.actions.progress(exact(run.count), exact(able.length)) : ''}
      </p>
      <div className="flex justify-end gap-2">
        <Button onClick={run.busy ? run.stop : onClose}>{run.busy ? words.actions.stop : words.cancel}</Button>
        <Button type="submit" kind={ACTIONS[action].danger ? 'danger' : 'primary'} disabled={run.busy || able.length === 0}>
          {words.actions.names[action]}
          {able.length > 1 ? ` (${exact(able.length)})` : ''}
        </Button>
      </div>
    </form>
  );
}

/** The dry run: by state, what would move and what stays. */
function Preview({ action, tasks }: { readonly action: Action; readonly tasks: readonly Task[] }): ReactNode {
  const states = STATES.map((state) => ({ state, count: tasks.filter(({ status }) => status === state).length })).filter(({ count }) => count > 0);
  return (
    <div className="grid gap-2 text-sm">
      <p className="text-soft">{words.actions.meanings[action]}</p>
      <ul className="divide-y divide-line rounded-lg border border-line" data-preview={action}>
        {states.map(({ state, count }) => (
          <li key={state} className="flex items-center justify-between px-3 py-1.5">
            <Status state={state} />
            <span className={isAllowed(action, state) ? '' : 'text-soft'}>
              {exact(count)} {isAllowed(action, state) ? words.actions.moves : words.actions.stays}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

interface Run {
  readonly busy: boolean;
  readonly count: number;
  readonly start: (input: ActionInput) => void;
  readonly stop: () => void;
}

function useRun(action: Action, able: readonly Task[], onClose: () => void, onDone: (() => void) | undefined): Run {
  const session = useSession();
  const queries = useQueryClient();
  const tell = useTell();
  const [count, setCount] = useState<number | null>(null);
  const stopper = useRef<AbortController | null>(null);
  const refresh = (): void => {
    for (const queryKey of [['task'], ['logs'], ['stats'], ['tasks']]) void queries.invalidateQueries({ queryKey });
  };
  const undo = (done: readonly Task[]): { label: string; run: () => void } | undefined => {
    const back = ACTIONS[action].undo;
    if (back === null || !session.can(ACTIONS[back].operation)) return undefined;
    const run = async (): Promise<void> => {
      const outcome = await performAll(session, back, done, { reason: words.actions.undoReason }, () => undefined, new AbortController().signal);
      refresh();
      say(outcome, back);
    };
    return { label: words.actions.undo, run: () => void run() };
  };
  const say = ({ done, refused }: Outcome, what: Action, action_?: { label: string; run: () => void }): void => {
    if (done.length > 0) tell(words.actions.done[what](done.length), action_ === undefined ? {} : { action: action_ });
    const [first] = refused;
    if (first !== undefined) tell(words.actions.refused(refused.length, sentenceOf(first.error)), { tone: 'bad' });
  };
  const start = async (input: ActionInput): Promise<void> => {
    stopper.current = new AbortController();
    setCount(0);
    const outcome = await performAll(session, action, able, input, setCount, stopper.current.signal);
    setCount(null);
    refresh();
    say(outcome, action, outcome.done.length === 0 ? undefined : undo(outcome.done));
    if (outcome.done.length === 0 && outcome.refused.length > 0) return;
    onClose();
    onDone?.();
  };
  return { busy: count !== null, count: count ?? 0, start: (input) => void start(input), stop: () => stopper.current?.abort() };
}
