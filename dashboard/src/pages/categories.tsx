// The registry of categories: which types are taken, and what tasks of them begin with.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import { CATEGORY_MODES } from '../../../src/domain/category.ts';
import { LIMITS } from '../../../src/domain/limits.ts';
import type { CategoryInfo } from '../../../src/client/entry.ts';
import { duration } from '../format.ts';
import { Button } from '../parts/button.tsx';
import { Confirm, useAct } from '../parts/confirm.tsx';
import { Window } from '../parts/dialog.tsx';
import { TextField } from '../parts/field.tsx';
import { Listing } from '../parts/listing.tsx';
import { Page } from '../parts/page.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

export function Content(): ReactNode {
  const { call, admin, can } = useSession();
  const query = useQuery({ queryKey: ['categories'], queryFn: () => call('listCategories'), refetchInterval: 10_000 });
  const act = useAct(['categories']);
  const [edits, setEdits] = useState<CategoryInfo | 'new' | null>(null);
  const { categories: text } = words;
  const mode = query.data?.mode;
  return (
    <Page
      title={words.pages.categories}
      hint={mode === undefined ? undefined : text.modes[mode]}
      actions={
        can('category.set') && (
          <>
            <select
              className="input !w-44"
              aria-label={text.mode}
              value={mode ?? 'open'}
              onChange={(event) => void act(() => admin.categories.mode(event.target.value as (typeof CATEGORY_MODES)[number]))}
            >
              {CATEGORY_MODES.map((name) => (
                <option key={name} value={name}>
                  {text.modeNames[name]}
                </option>
              ))}
            </select>
            <Button kind="primary" onClick={() => setEdits('new')}>
              {text.create}
            </Button>
          </>
        )
      }
    >
      <Listing
        label={words.pages.categories}
        query={{ data: query.data?.categories, error: query.error, refetch: query.refetch as never }}
        keyOf={({ pattern }) => pattern}
        empty={{ title: text.none, hint: text.noneHint }}
        columns={[
          { title: text.pattern, cell: ({ pattern }) => <span className="font-medium break-all">{pattern}</span> },
          { title: words.tasks.columns.priority, right: true, cell: ({ priority }) => priority ?? '–' },
          { title: words.tasks.columns.attempts, right: true, cell: ({ maxAttempts }) => maxAttempts ?? '–' },
          { title: words.task.facts.maxRun, right: true, cell: ({ maxRunMs }) => (maxRunMs === null ? '–' : duration(maxRunMs)) },
          { title: text.schema, wide: true, cell: ({ schema }) => (schema === null ? '–' : text.hasSchema) },
          ...(can('category.set')
            ? [
                {
                  title: '',
                  right: true,
                  cell: (category: CategoryInfo) => (
                    <span className="inline-flex gap-1">
                      <Button small kind="quiet" onClick={() => setEdits(category)}>
                        {words.edit}
                      </Button>
                      {can('category.delete') && (
                        <Confirm
                          label={words.remove}
                          title={text.removeTitle(category.pattern)}
                          text={text.removeText}
                          act={() => admin.categories.delete(category.pattern)}
                          touches={['categories']}
                        />
                      )}
                    </span>
                  ),
                },
              ]
            : []),
        ]}
      />
      <Window open={edits !== null} onClose={() => setEdits(null)} title={edits === 'new' || edits === null ? text.create : edits.pattern}>
        {edits !== null && <CategoryForm category={edits === 'new' ? null : edits} onClose={() => setEdits(null)} />}
      </Window>
    </Page>
  );
}

const shown = (value: number | null | undefined): string => (value == null ? '' : String(value));
const given = (text: string): number | null => (text === '' ? null : Number(text));

function CategoryForm({ category, onClose }: { readonly category: CategoryInfo | null; readonly onClose: () => void }): ReactNode {
  const { admin } = useSession();
  const act = useAct(['categories']);
  const [input, setInput] = useState({
    pattern: category?.pattern ?? '',
    priority: shown(category?.priority),
    attempts: shown(category?.maxAttempts),
    run: shown(category?.maxRunMs),
  });
  const field = (name: keyof typeof input) => ({
    value: input[name],
    onChange: (event: { target: { value: string } }) => setInput({ ...input, [name]: event.target.value }),
  });
  const { categories: text } = words;
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const kept = category === null ? {} : { backoff: category.backoff, schema: category.schema };
    const change = { ...kept, pattern: input.pattern.trim(), priority: given(input.priority), maxAttempts: given(input.attempts), maxRunMs: given(input.run) };
    if (await act(() => admin.categories.set(change))) onClose();
  };
  return (
    <form className="grid gap-3" onSubmit={(event) => void submit(event)}>
      <TextField
        label={text.pattern}
        hint={words.grants.patternHint}
        required
        readOnly={category !== null}
        maxLength={202}
        placeholder="Mail.*"
        {...field('pattern')}
      />
      <div className="grid grid-cols-3 gap-3">
        <TextField label={words.tasks.columns.priority} type="number" min={LIMITS.priority.min} max={LIMITS.priority.max} {...field('priority')} />
        <TextField label={words.tasks.columns.attempts} type="number" min={LIMITS.maxAttempts.min} max={LIMITS.maxAttempts.max} {...field('attempts')} />
        <TextField label={text.maxRunMs} type="number" min={LIMITS.maxRunMs.min} max={LIMITS.maxRunMs.max} {...field('run')} />
      </div>
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button type="submit" kind="primary">
          {words.save}
        </Button>
      </div>
    </form>
  );
}
