// Tasks that ended badly, together with those that failed alike: one cause, one decision.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { Task } from '../../../src/client/entry.ts';
import { ACTIONS, actionsOf, isAllowed } from '../actions.ts';
import { exact, shortId } from '../format.ts';
import { useLiveEntries } from '../live.tsx';
import { ActionDialog } from '../parts/action-dialog.tsx';
import type { Planned } from '../parts/action-dialog.tsx';
import { Button } from '../parts/button.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Empty, Trouble, Waiting } from '../parts/state.tsx';
import { When } from '../parts/time.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

const READ = 1000;

interface Group {
  readonly key: string;
  readonly type: string;
  readonly message: string;
  readonly tasks: readonly Task[];
}

/** What differs from task to task in a message: numbers, ids, quoted words. */
const fingerprintOf = (message: string): string => message.replaceAll(/[0-9a-f]{8,}(?:-[0-9a-f]+)*|\d+|"[^"]*"|'[^']*'/gi, '…').slice(0, 300);

export function groupsOf(tasks: readonly Task[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const task of tasks) {
    const key = `${task.type}\n${fingerprintOf(task.errorMessage ?? '')}`;
    const group = groups.get(key);
    groups.set(key, { key, type: task.type, message: group?.message ?? task.errorMessage ?? '', tasks: [...(group?.tasks ?? []), task] });
  }
  return [...groups.values()].toSorted((a, b) => b.tasks.length - a.tasks.length);
}

export function Content(): ReactNode {
  const { admin } = useSession();
  const query = useQuery({ queryKey: ['tasks-dead'], queryFn: () => admin.list({ status: 'dead_letter', limit: READ }), refetchInterval: 15_000 });
  const [planned, setPlanned] = useState<Planned | null>(null);
  useLiveEntries((entries) => {
    if (entries.some(({ fromStatus, toStatus }) => fromStatus === 'dead_letter' || toStatus === 'dead_letter')) void query.refetch();
  });
  const { dead: text } = words;
  const groups = groupsOf(query.data?.items ?? []);
  return (
    <Page title={words.pages.deadLetters} hint={query.data?.nextCursor == null ? text.hint : text.first(exact(READ))}>
      {query.data === undefined ? (
        <Card>{query.error === null ? <Waiting /> : <Trouble error={query.error} retry={() => void query.refetch()} />}</Card>
      ) : groups.length === 0 ? (
        <Card>
          <Empty title={text.none}>{text.noneHint}</Empty>
        </Card>
      ) : (
        groups.map((group) => <GroupCard key={group.key} group={group} onPlan={setPlanned} />)
      )}
      <ActionDialog planned={planned} onClose={() => setPlanned(null)} onDone={() => void query.refetch()} />
    </Page>
  );
}

const FIRST = 5;

function GroupCard({ group: { type, message, tasks }, onPlan }: { readonly group: Group; readonly onPlan: (planned: Planned) => void }): ReactNode {
  const session = useSession();
  const [open, setOpen] = useState(false);
  const offered = actionsOf(session).filter((action) => ACTIONS[action].bulk && isAllowed(action, 'dead_letter'));
  return (
    <Card
      title={`${type} · ${exact(tasks.length)}`}
      aside={
        <span className="flex gap-1">
          {offered.map((action) => (
            <Button key={action} small kind={ACTIONS[action].danger ? 'danger' : 'plain'} onClick={() => onPlan({ action, tasks })}>
              {words.actions.names[action]}
            </Button>
          ))}
        </span>
      }
    >
      <div className="grid gap-2 px-4 py-3 text-sm">
        <p className="mono break-words text-bad">{message === '' ? words.dead.silent : message.slice(0, 500)}</p>
        <ul className="flex flex-wrap gap-x-4 gap-y-1">
          {tasks.slice(0, open ? tasks.length : FIRST).map(({ taskId, finishedAtUtc, clientId }) => (
            <li key={taskId} className="flex gap-1.5">
              <Link to="/tasks/$taskId" params={{ taskId }} className="mono hover:underline">
                {shortId(taskId)}
              </Link>
              <span className="text-soft">
                {session.seesAll ? `${clientId} ` : ''}
                <When at={finishedAtUtc} />
              </span>
            </li>
          ))}
          {tasks.length > FIRST && (
            <li>
              <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="text-soft underline decoration-dotted hover:text-ink">
                {open ? words.timeline.less : words.dead.others(exact(tasks.length - FIRST))}
              </button>
            </li>
          )}
        </ul>
      </div>
    </Card>
  );
}
