// One task: what it is, everything that happened to it, what it carries, and what may be done to it now.
import { useQuery } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import { JsonText } from '../../../src/domain/json-text.ts';
import { QueueError } from '../../../src/client/entry.ts';
import type { Task } from '../../../src/client/entry.ts';
import { ACTIONS, actionsFor, wantsReason } from '../actions.ts';
import { at, duration } from '../format.ts';
import { useLiveEntries, useNow } from '../live.tsx';
import { ActionDialog } from '../parts/action-dialog.tsx';
import type { Planned } from '../parts/action-dialog.tsx';
import { Button } from '../parts/button.tsx';
import { Copy } from '../parts/copy.tsx';
import { Window } from '../parts/dialog.tsx';
import { TextField } from '../parts/field.tsx';
import { JsonView, indented } from '../parts/json-view.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Empty, Trouble, Waiting, sentenceOf } from '../parts/state.tsx';
import { Status } from '../parts/status.tsx';
import { Timeline } from '../parts/timeline.tsx';
import { When } from '../parts/time.tsx';
import { useTell } from '../parts/toast.tsx';
import { serverUrl, useSession } from '../session.tsx';
import { words } from '../text/words.ts';

const route = getRouteApi('/tasks/$taskId');

export function TaskPage(): ReactNode {
  const { taskId } = route.useParams();
  const { can } = useSession();
  if (can('task.get')) return <Whole taskId={taskId} />;
  if (can('task.logs'))
    return (
      <Page title={words.task.record} hint={taskId}>
        <Timeline taskId={taskId} />
      </Page>
    );
  return <Empty title={words.notYours.title} />;
}

/** Payload and result stay text, so that what is shown is what is stored. */
function useTask(taskId: string): UseQueryResult<Task> {
  const { call } = useSession();
  const query = useQuery({ queryKey: ['task', taskId], queryFn: () => call('getTask', { path: { id: taskId }, raw: true }), refetchInterval: 10_000 });
  useLiveEntries((entries) => {
    if (entries.some((entry) => entry.taskId === taskId)) void query.refetch();
  });
  return query;
}

function Whole({ taskId }: { readonly taskId: string }): ReactNode {
  const session = useSession();
  const { data: task, error, refetch } = useTask(taskId);
  if (task === undefined) {
    if (error instanceof QueueError && error.code === 'not_found') return <Empty title={words.task.absent}>{words.task.absentHint}</Empty>;
    return <Page title={words.task.one}>{error === null ? <Waiting rows={12} /> : <Trouble error={error} retry={() => void refetch()} />}</Page>;
  }
  return (
    <Page
      title={task.type}
      hint={
        <span className="flex flex-wrap items-center gap-3">
          <Status state={task.status} />
          <span className="mono">{taskId}</span>
          <Copy text={taskId} />
          <Copy text={curlOf(taskId)} label={words.task.curl} />
        </span>
      }
      actions={<Actions task={task} />}
    >
      <Reason task={task} />
      <div className="grid items-start gap-4 xl:grid-cols-[1.4fr_1fr]">
        <div className="grid min-w-0 gap-4">
          {task.errorMessage !== null && (
            <Card title={words.task.error}>
              <pre tabIndex={0} className="mono max-h-72 overflow-auto p-4 break-words whitespace-pre-wrap text-bad">
                {task.errorMessage}
              </pre>
            </Card>
          )}
          <Data label={words.payload} value={task.payload} />
          <Data label={words.task.result} value={task.result} />
          {wantsReason(session, 'task.payload') && <Look taskId={taskId} />}
          <Card title={words.task.timeline}>
            <Timeline taskId={taskId} />
          </Card>
        </div>
        <Facts task={task} />
      </div>
    </Page>
  );
}

const curlOf = (taskId: string): string => `curl -H "Authorization: Bearer $PRISMQ_KEY" ${serverUrl()}/queue/tasks/${taskId}`;

const textOf = (value: unknown): string => (value instanceof JsonText ? value.text : JSON.stringify(value));

/** The buttons are those that the lifecycle has for this state and the access table for this key. */
function Actions({ task }: { readonly task: Task }): ReactNode {
  const session = useSession();
  const [planned, setPlanned] = useState<Planned | null>(null);
  return (
    <>
      {actionsFor(session, task.status).map((action) => (
        <Button
          key={action}
          kind={ACTIONS[action].danger ? 'danger' : 'plain'}
          onClick={() => setPlanned({ action, tasks: [task], ...(task.payload === undefined ? {} : { payload: indented(textOf(task.payload)) }) })}
        >
          {words.actions.names[action]}
        </Button>
      ))}
      <ActionDialog planned={planned} onClose={() => setPlanned(null)} />
    </>
  );
}

function Data({ label, value }: { readonly label: string; readonly value: unknown }): ReactNode {
  const { can } = useSession();
  if (value === undefined || textOf(value) === 'null')
    return can('task.payload') ? null : (
      <Card title={label}>
        <p className="px-4 py-3 text-sm text-soft">{words.task.hidden}</p>
      </Card>
    );
  return (
    <Card title={label}>
      <JsonView json={textOf(value)} label={label} />
    </Card>
  );
}

/** What belongs to the client is shown to an admin of the platform for a reason, which the client finds in its audit. */
function Look({ taskId }: { readonly taskId: string }): ReactNode {
  const { call } = useSession();
  const tell = useTell();
  const [asks, setAsks] = useState(false);
  const [why, setWhy] = useState('');
  const [seen, setSeen] = useState<Task | null>(null);
  const look = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    try {
      setSeen(await call('taskPayload', { path: { id: taskId }, body: { reason: why }, raw: true }));
      setAsks(false);
    } catch (error) {
      tell(sentenceOf(error), { tone: 'bad' });
    }
  };
  if (seen !== null)
    return (
      <>
        <Data label={words.payload} value={seen.payload} />
        <Data label={words.task.result} value={seen.result} />
        {seen.errorMessage !== null && (
          <Card title={words.task.error}>
            <pre tabIndex={0} className="mono max-h-72 overflow-auto p-4 break-words whitespace-pre-wrap text-bad">
              {seen.errorMessage}
            </pre>
          </Card>
        )}
      </>
    );
  return (
    <Card title={words.payload}>
      <div className="flex flex-wrap items-center justify-between gap-3 px-4 py-3 text-sm text-soft">
        {words.task.hidden}
        <Button small onClick={() => setAsks(true)}>
          {words.task.look}
        </Button>
      </div>
      <Window open={asks} onClose={() => setAsks(false)} title={words.task.look}>
        <form className="grid gap-4" onSubmit={(event) => void look(event)}>
          <TextField label={words.why} hint={words.whyHint} required maxLength={200} value={why} onChange={(event) => setWhy(event.target.value)} />
          <div className="flex justify-end gap-2">
            <Button onClick={() => setAsks(false)}>{words.cancel}</Button>
            <Button type="submit" kind="primary">
              {words.task.look}
            </Button>
          </div>
        </form>
      </Window>
    </Card>
  );
}

/** Why it does not run, as far as the task itself tells. */
function Reason({ task }: { readonly task: Task }): ReactNode {
  const now = useNow();
  const { runAfterUtc, status, attempts, maxAttempts, lockedBy, leaseUntilUtc } = task;
  const { why } = words.task;
  const wait = runAfterUtc - now;
  const sentence =
    status === 'blocked'
      ? why.blocked
      : status === 'queued'
        ? wait > 0
          ? why.later(duration(wait), at(runAfterUtc))
          : why.waits
        : status === 'failed'
          ? why.again(attempts + 1, maxAttempts, duration(wait))
          : status === 'leased'
            ? why.runs(lockedBy ?? '', leaseUntilUtc === null ? '–' : duration(leaseUntilUtc - now))
            : null;
  // Its place is kept: a state that comes and goes must not move the page.
  return <p className="min-h-5 text-sm text-soft">{sentence}</p>;
}

function Facts({ task }: { readonly task: Task }): ReactNode {
  const { facts } = words.task;
  const rows: readonly (readonly [string, ReactNode])[] = [
    [facts.client, task.clientId],
    [facts.priority, task.effectivePriority === task.priority ? task.priority : words.task.lent(task.priority, task.effectivePriority)],
    [facts.attempts, `${task.attempts} / ${task.maxAttempts}`],
    [facts.generation, task.generation],
    [facts.worker, task.lockedBy],
    [facts.created, <When key="c" at={task.createdAtUtc} />],
    [facts.runAfter, <When key="r" at={task.runAfterUtc} />],
    [facts.claimed, <When key="l" at={task.reservedAtUtc} />],
    [facts.finished, <When key="f" at={task.finishedAtUtc} />],
    [facts.took, task.reservedAtUtc === null || task.finishedAtUtc === null ? null : duration(task.finishedAtUtc - task.reservedAtUtc)],
    [facts.due, task.dueAtUtc === null ? null : <When key="d" at={task.dueAtUtc} />],
    [facts.expires, task.expiresAtUtc === null ? null : <When key="e" at={task.expiresAtUtc} />],
    [facts.maxRun, duration(task.maxRunMs)],
    [facts.idempotencyKey, task.idempotencyKey],
    [facts.createdBy, task.createdBy],
    [facts.traceparent, task.traceparent],
    [facts.compatibility, jsonOrNothing(task.compatibility)],
    [facts.metadata, jsonOrNothing(task.metadata)],
    [facts.progress, jsonOrNothing(task.progress)],
  ];
  return (
    <Card title={words.task.facts.title}>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-2 p-4 text-sm">
        {rows
          .filter(([, value]) => value !== null && value !== '')
          .map(([name, value]) => (
            <div key={name} className="contents">
              <dt className="text-soft">{name}</dt>
              <dd className="break-words">{value}</dd>
            </div>
          ))}
      </dl>
    </Card>
  );
}

function jsonOrNothing(value: unknown): string | null {
  const text = textOf(value);
  return text === '{}' || text === 'null' ? null : text;
}
