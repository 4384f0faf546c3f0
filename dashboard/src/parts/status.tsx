// A state of the lifecycle, by word and colour: never by colour alone.
import type { ReactNode } from 'react';
import type { TaskState } from '../../../src/domain/lifecycle.ts';
import { words } from '../text/words.ts';

export const DOTS: Readonly<Record<TaskState, string>> = {
  blocked: 'bg-blocked',
  queued: 'bg-queued',
  leased: 'bg-leased pulse',
  failed: 'bg-failed',
  completed: 'bg-completed',
  dead_letter: 'bg-dead',
  cancelled: 'bg-cancelled',
};

export function Status({ state }: { readonly state: TaskState }): ReactNode {
  return (
    <span className="inline-flex items-center gap-1.5 text-sm whitespace-nowrap" data-status={state}>
      <span aria-hidden="true" className={`size-2 shrink-0 rounded-full ${DOTS[state]}`} />
      {words.states[state]}
    </span>
  );
}

const TONES = { good: 'text-good', warn: 'text-warn', bad: 'text-bad', soft: 'text-soft' } as const;

export function Tag({ tone = 'soft', children }: { readonly tone?: keyof typeof TONES; readonly children: ReactNode }): ReactNode {
  return (
    <span className={`inline-flex items-center rounded-md border border-line px-1.5 py-px text-xs font-medium whitespace-nowrap ${TONES[tone]}`}>
      {children}
    </span>
  );
}
