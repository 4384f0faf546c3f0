// The list itself: only the rows in sight are drawn, each at its place, so that a list of a million costs as much as one of fifty.
import { useVirtualizer } from '@tanstack/react-virtual';
import { Link, useNavigate } from '@tanstack/react-router';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import type { Task } from '../../../src/client/entry.ts';
import { ACTIONS, actionsOf, isAllowed } from '../actions.ts';
import type { Action } from '../actions.ts';
import { exact, shortId } from '../format.ts';
import { useKeys } from '../keyboard.tsx';
import { ActionDialog } from '../parts/action-dialog.tsx';
import type { Planned } from '../parts/action-dialog.tsx';
import { Button } from '../parts/button.tsx';
import { Empty, Trouble, Waiting } from '../parts/state.tsx';
import { Status } from '../parts/status.tsx';
import { When } from '../parts/time.tsx';
import type { TaskSearch } from '../router.tsx';
import { useSession } from '../session.tsx';
import { useTaskList } from '../tasks-data.ts';
import { words } from '../text/words.ts';

const ROW_PX = 46;
/** Rows from the end at which the next page is asked for. */
const AHEAD = 20;

export function TaskTable({ search }: { readonly search: TaskSearch }): ReactNode {
  const scroller = useRef<HTMLDivElement>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState(-1);
  const [planned, setPlanned] = useState<Planned | null>(null);
  // Asked of the browser: it knows where the pointer is though the list came to be under it.
  const isCalm = (): boolean => scroller.current?.matches(':hover') === false && chosen.size === 0 && at < 0 && scroller.current.scrollTop < 4;
  const list = useTaskList(search, isCalm);
  const { tasks, more, hasMore } = list;
  useEffect(() => {
    setChosen(new Set());
    setAt(-1);
    scroller.current?.scrollTo({ top: 0 });
  }, [search]);
  const rows = useVirtualizer({
    count: tasks.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    getItemKey: (i) => tasks[i]?.taskId ?? i,
  });
  const visible = rows.getVirtualItems();
  const last = visible.at(-1)?.index ?? -1;
  useEffect(() => {
    if (hasMore && last >= tasks.length - AHEAD) more();
  });
  const toggle = (taskId: string): void =>
    setChosen((old) => {
      const next = new Set(old);
      if (!next.delete(taskId)) next.add(taskId);
      return next;
    });
  useRowKeys({ tasks, at, setAt, toggle, clear: () => setChosen(new Set()), reveal: (i) => rows.scrollToIndex(i) });
  const all = chosen.size > 0 && chosen.size === tasks.length;
  if (list.error !== null && tasks.length === 0) return <Trouble error={list.error} retry={list.retry} />;
  return (
    <div
      className="card relative flex min-h-64 flex-1 flex-col overflow-hidden"
      role="table"
      aria-label={words.pages.tasks}
      aria-rowcount={hasMore ? -1 : tasks.length + 1}
      aria-busy={list.isStale}
    >
      <div role="rowgroup">
        <Head all={all} some={chosen.size > 0} onAll={() => setChosen(all ? new Set() : new Set(tasks.map(({ taskId }) => taskId)))} />
      </div>
      {list.waiting > 0 && (
        <div className="pointer-events-none absolute inset-x-0 top-12 z-10 grid justify-items-center">
          <Button kind="primary" small className="pointer-events-auto !rounded-full shadow-lg" onClick={list.show}>
            {words.tasks.fresh(list.waiting)}
          </Button>
        </div>
      )}
      <div
        ref={scroller}
        role="rowgroup"
        tabIndex={0}
        aria-label={words.tasks.rows}
        className={`min-h-0 flex-1 overflow-auto [overflow-anchor:none] ${list.isStale ? 'opacity-60' : ''}`}
      >
        {list.isLoading ? (
          <Waiting rows={10} />
        ) : tasks.length === 0 ? (
          <Empty title={words.tasks.none}>{words.tasks.noneHint}</Empty>
        ) : (
          <div role="presentation" className="relative w-full" style={{ height: rows.getTotalSize() }}>
            {visible.map(({ index, start, key }) => {
              const task = tasks[index] as Task;
              return <Row key={key} task={task} start={start} index={index} isAt={index === at} isChosen={chosen.has(task.taskId)} onToggle={toggle} />;
            })}
          </div>
        )}
      </div>
      <Bulk tasks={tasks} chosen={chosen} onPlan={setPlanned} onClear={() => setChosen(new Set())} hasMore={hasMore} />
      <ActionDialog planned={planned} onClose={() => setPlanned(null)} onDone={() => setChosen(new Set())} />
    </div>
  );
}

interface RowKeys {
  readonly tasks: readonly Task[];
  readonly at: number;
  readonly setAt: (at: number) => void;
  readonly toggle: (taskId: string) => void;
  readonly clear: () => void;
  readonly reveal: (at: number) => void;
}

function useRowKeys({ tasks, at, setAt, toggle, clear, reveal }: RowKeys): void {
  const navigate = useNavigate();
  const go = (to: number): void => {
    const next = Math.max(0, Math.min(tasks.length - 1, to));
    setAt(next);
    reveal(next);
  };
  const current = tasks[at];
  useKeys({
    j: () => go(at + 1),
    k: () => go(at - 1),
    x: () => current !== undefined && toggle(current.taskId),
    o: () => current !== undefined && void navigate({ to: '/tasks/$taskId', params: { taskId: current.taskId } }),
    '/': () => document.getElementById('filter')?.focus(),
    Escape: () => {
      clear();
      setAt(-1);
    },
  });
}

function Head({ all, some, onAll }: { readonly all: boolean; readonly some: boolean; readonly onAll: () => void }): ReactNode {
  const { columns } = words.tasks;
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current !== null) box.current.indeterminate = some && !all;
  }, [some, all]);
  return (
    <div role="row" className="task-row eyebrow h-9 shrink-0 border-b border-line">
      <span role="columnheader">
        <input ref={box} type="checkbox" aria-label={words.tasks.all} checked={all} onChange={onAll} className="size-4 accent-accent" />
      </span>
      <span role="columnheader">{columns.status}</span>
      <span role="columnheader">{columns.type}</span>
      <span role="columnheader" className="wide">
        {columns.where}
      </span>
      <span role="columnheader" className="wide text-right">
        {columns.priority}
      </span>
      <span role="columnheader" className="wide text-right">
        {columns.attempts}
      </span>
      <span role="columnheader" className="wide">
        {columns.note}
      </span>
      <span role="columnheader" className="text-right">
        {columns.created}
      </span>
    </div>
  );
}

interface RowProps {
  readonly task: Task;
  readonly start: number;
  readonly index: number;
  readonly isAt: boolean;
  readonly isChosen: boolean;
  readonly onToggle: (taskId: string) => void;
}

const Row = memo(function Row({ task, start, index, isAt, isChosen, onToggle }: RowProps): ReactNode {
  const { seesAll } = useSession();
  const { taskId, clientId, type, status, priority, effectivePriority, attempts, maxAttempts, lockedBy, errorMessage, createdAtUtc } = task;
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      data-task={taskId}
      className={`task-row absolute inset-x-0 top-0 h-[46px] border-b border-line text-sm hover:bg-hover ${isChosen ? 'bg-accent-soft' : ''} ${isAt ? 'outline-2 -outline-offset-2 outline-accent' : ''}`}
      style={{ transform: `translateY(${start}px)` }}
    >
      <span role="cell">
        <input
          type="checkbox"
          aria-label={words.tasks.choose(type, shortId(taskId))}
          checked={isChosen}
          onChange={() => onToggle(taskId)}
          className="size-4 accent-accent"
        />
      </span>
      <span role="cell">
        <Status state={status} />
      </span>
      <span role="cell" className="flex min-w-0 items-baseline gap-2">
        <Link to="/tasks/$taskId" params={{ taskId }} className="truncate font-medium hover:underline">
          {type}
        </Link>
        <span className="mono shrink-0 text-soft max-sm:hidden">{shortId(taskId)}</span>
      </span>
      <span role="cell" className="wide truncate text-soft">
        {[seesAll ? clientId : null, status === 'leased' ? lockedBy : null].filter((part) => part !== null).join(' · ')}
      </span>
      <span role="cell" className="wide text-right tabular-nums">
        {effectivePriority === priority ? priority : `${priority} → ${effectivePriority}`}
      </span>
      <span role="cell" className="wide text-right tabular-nums text-soft">
        {attempts}/{maxAttempts}
      </span>
      <span role="cell" className="wide truncate text-soft" title={errorMessage ?? undefined}>
        {errorMessage}
      </span>
      <span role="cell" className="text-right text-soft">
        <When at={createdAtUtc} />
      </span>
    </div>
  );
});

interface BulkProps {
  readonly tasks: readonly Task[];
  readonly chosen: ReadonlySet<string>;
  readonly hasMore: boolean;
  readonly onPlan: (planned: Planned) => void;
  readonly onClear: () => void;
}

/** Lies over the lower edge of the list: choosing moves nothing. */
function Bulk({ tasks, chosen, hasMore, onPlan, onClear }: BulkProps): ReactNode {
  const session = useSession();
  const picked = useMemo(() => tasks.filter(({ taskId }) => chosen.has(taskId)), [tasks, chosen]);
  if (picked.length === 0) return null;
  const offered = actionsOf(session).filter((action: Action) => ACTIONS[action].bulk);
  return (
    <div
      role="toolbar"
      aria-label={words.tasks.chosen(exact(picked.length))}
      className="absolute inset-x-3 bottom-3 z-10 flex flex-wrap items-center gap-2 rounded-xl border border-line-strong bg-raised px-3 py-2 shadow-lg"
    >
      <span className="mr-auto text-sm font-medium">
        {words.tasks.chosen(exact(picked.length))}{' '}
        <span className="font-normal text-soft">{hasMore && picked.length === tasks.length ? words.tasks.ofLoaded : ''}</span>
      </span>
      {offered.map((action) => (
        <Button
          key={action}
          small
          kind={ACTIONS[action].danger ? 'danger' : 'plain'}
          disabled={!picked.some(({ status }) => isAllowed(action, status))}
          onClick={() => onPlan({ action, tasks: picked })}
        >
          {words.actions.names[action]}
        </Button>
      ))}
      <Button small kind="quiet" onClick={onClear}>
        {words.tasks.clear}
      </Button>
    </div>
  );
}
