// A new task from the page: type, payload as JSON, and the options that one wants most.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import { JsonText } from '../../../src/domain/json-text.ts';
import { LIMITS } from '../../../src/domain/limits.ts';
import { insideOf, wantsReason } from '../actions.ts';
import { shortId } from '../format.ts';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';
import { Button } from './button.tsx';
import { Window } from './dialog.tsx';
import { SelectField, TextArea, TextField } from './field.tsx';
import { sentenceOf } from './state.tsx';
import { useTell } from './toast.tsx';

export function EnqueueDialog({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }): ReactNode {
  return (
    <Window open={open} onClose={onClose} title={words.enqueue.title}>
      {open && <EnqueueForm onClose={onClose} />}
    </Window>
  );
}

const BLANK = { type: '', payload: '{}', priority: '', delay: '', client: '', why: '' };

function EnqueueForm({ onClose }: { readonly onClose: () => void }): ReactNode {
  const session = useSession();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const tell = useTell();
  const [input, setInput] = useState(BLANK);
  const [trouble, setTrouble] = useState('');
  const [busy, setBusy] = useState(false);
  const named = wantsReason(session, 'task.enqueue');
  const { data: clients = [] } = useQuery({ queryKey: ['clients'], queryFn: () => session.admin.clients.list(), enabled: named && session.can('client.list') });
  const field = (name: keyof typeof BLANK) => ({
    value: input[name],
    onChange: (event: { target: { value: string } }) => setInput({ ...input, [name]: event.target.value }),
  });
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setTrouble('');
    try {
      const { taskId } = await insideOf(session, 'task.enqueue', input.client, input.why).enqueue(input.type, new JsonText(input.payload), {
        ...(input.priority === '' ? {} : { priority: Number(input.priority) }),
        ...(input.delay === '' ? {} : { delayMs: Math.round(Number(input.delay) * 1000) }),
      });
      for (const name of ['stats', 'tasks']) void queries.invalidateQueries({ queryKey: [name] });
      tell(words.enqueue.done(shortId(taskId)), {
        action: { label: words.enqueue.look, run: () => void navigate({ to: '/tasks/$taskId', params: { taskId } }) },
      });
      onClose();
    } catch (error) {
      setTrouble(sentenceOf(error));
      setBusy(false);
    }
  };
  return (
    <form className="grid gap-3" onSubmit={(event) => void submit(event)}>
      {named && (
        <SelectField
          label={words.filters.client}
          required
          options={[['', '–'], ...clients.map(({ clientId }) => [clientId, clientId] as const)]}
          {...field('client')}
        />
      )}
      <TextField label={words.enqueue.type} required maxLength={200} placeholder="Mail.Send" {...field('type')} />
      <TextArea label={words.payload} hint={words.enqueue.payloadHint} required {...field('payload')} />
      <div className="grid grid-cols-2 gap-3">
        <TextField
          label={words.actions.priority}
          type="number"
          min={LIMITS.priority.min}
          max={LIMITS.priority.max}
          placeholder={String(LIMITS.priority.default)}
          {...field('priority')}
        />
        <TextField label={words.enqueue.delay} type="number" min={0} step="any" placeholder="0" {...field('delay')} />
      </div>
      {named && <TextField label={words.why} hint={words.whyHint} required maxLength={200} {...field('why')} />}
      <p role="alert" className="min-h-5 text-sm text-bad">
        {trouble}
      </p>
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button type="submit" kind="primary" disabled={busy}>
          {words.enqueue.title}
        </Button>
      </div>
    </form>
  );
}
