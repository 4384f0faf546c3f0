// The tasks: filters in the address, a list of any length, and what can be done to those that are chosen.
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useEffect, useId, useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import { STATES } from '../../../src/domain/lifecycle.ts';
import { number } from '../format.ts';
import { EnqueueDialog } from '../parts/enqueue-dialog.tsx';
import { Button } from '../parts/button.tsx';
import { Page } from '../parts/page.tsx';
import type { TaskSearch } from '../router.tsx';
import { useSession } from '../session.tsx';
import { useStats } from '../stats-data.ts';
import { words } from '../text/words.ts';
import { TaskTable } from './task-table.tsx';

const route = getRouteApi('/tasks');

export function Tasks(): ReactNode {
  const search = route.useSearch();
  const { can } = useSession();
  const [enqueues, setEnqueues] = useState(false);
  return (
    <Page
      title={words.pages.tasks}
      fills
      actions={
        can('task.enqueue') && (
          <Button kind="primary" onClick={() => setEnqueues(true)}>
            {words.enqueue.title}
          </Button>
        )
      }
    >
      <Filters search={search} />
      <TaskTable search={search} />
      <EnqueueDialog open={enqueues} onClose={() => setEnqueues(false)} />
    </Page>
  );
}

function Filters({ search }: { readonly search: TaskSearch }): ReactNode {
  const navigate = useNavigate({ from: '/tasks' });
  const set = (change: Partial<Record<keyof TaskSearch, string | undefined>>): void =>
    void navigate({
      search: (old) => Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== undefined && value !== '')) as TaskSearch,
      replace: true,
    });
  const { data: stats } = useStats(search.client);
  return (
    <div className="grid shrink-0 gap-2">
      <div role="group" aria-label={words.filters.status} className="flex gap-1 overflow-x-auto p-0.5">
        {[undefined, ...STATES].map((state) => {
          const count = stats === undefined ? undefined : state === undefined ? stats.total : stats.byStatus[state];
          return (
            <button
              key={state ?? 'all'}
              type="button"
              aria-pressed={search.status === state}
              onClick={() => set({ status: state })}
              className={`rounded-lg px-2.5 py-1 text-sm whitespace-nowrap ${search.status === state ? 'bg-accent-soft font-medium text-ink' : 'text-soft hover:bg-hover hover:text-ink'}`}
            >
              {state === undefined ? words.filters.all : words.states[state]}{' '}
              <span className="inline-block min-w-5 text-right text-xs tabular-nums">{count === undefined ? '' : number(count)}</span>
            </button>
          );
        })}
      </div>
      <div className="flex flex-wrap gap-2">
        <TypeFilter value={search.type ?? ''} types={stats?.byType.map(({ type }) => type) ?? []} onChange={(type) => set({ type })} />
        <MetaFilter value={search.meta ?? ''} onChange={(meta) => set({ meta })} />
        <ClientFilter value={search.client} onChange={(client) => set({ client })} />
      </div>
    </div>
  );
}

/** Each category and what is above it. */
const patternsOf = (types: readonly string[]): readonly string[] => {
  const all = new Set<string>();
  for (const type of types) {
    all.add(type);
    for (let at = type.lastIndexOf('.'); at > 0; at = type.lastIndexOf('.', at - 1)) all.add(`${type.slice(0, at)}.*`);
  }
  return [...all].toSorted();
};

function TypeFilter({
  value,
  types,
  onChange,
}: {
  readonly value: string;
  readonly types: readonly string[];
  readonly onChange: (type: string) => void;
}): ReactNode {
  const [text, setText] = useState(value);
  const list = useId();
  useEffect(() => setText(value), [value]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onChange(text.trim());
  };
  return (
    <form onSubmit={submit} role="search" className="flex min-w-56 flex-1 gap-2">
      <input
        className="input"
        id="filter"
        type="search"
        list={list}
        aria-label={words.filters.type}
        placeholder={words.filters.typePlaceholder}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          if (event.target.value === '' || types.includes(event.target.value)) onChange(event.target.value);
        }}
      />
      <datalist id={list}>
        {patternsOf(types).map((pattern) => (
          <option key={pattern} value={pattern} />
        ))}
      </datalist>
      <Button type="submit">{words.filters.apply}</Button>
    </form>
  );
}

/** For who reads metadata: a client and its admin. */
function MetaFilter({ value, onChange }: { readonly value: string; readonly onChange: (meta: string) => void }): ReactNode {
  const { seesAll } = useSession();
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  if (seesAll) return null;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onChange(text.trim());
  };
  return (
    <form onSubmit={submit} className="w-56">
      <input
        className="input"
        type="search"
        aria-label={words.filters.meta}
        placeholder={words.filters.metaPlaceholder}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => onChange(text.trim())}
      />
    </form>
  );
}

function ClientFilter({ value, onChange }: { readonly value: string | undefined; readonly onChange: (client: string) => void }): ReactNode {
  const { seesAll, can, admin } = useSession();
  const { data: clients } = useQuery({ queryKey: ['clients'], queryFn: () => admin.clients.list(), enabled: seesAll && can('client.list') });
  if (!seesAll || clients === undefined) return null;
  return (
    <select className="input !w-48" aria-label={words.filters.client} value={value ?? ''} onChange={(event) => onChange(event.target.value)}>
      <option value="">{words.filters.everyClient}</option>
      {clients.map(({ clientId }) => (
        <option key={clientId} value={clientId}>
          {clientId}
        </option>
      ))}
    </select>
  );
}
