// The lifecycle of a task: its events, a diagram, and what every state allows.
import { type Actor, EVENTS, ENDED, STATES, type TaskEvent, type TaskState, TASK_EVENTS, type Transition } from '../../src/domain/lifecycle.ts';
import { code, codes, table } from './markdown.ts';
import type { Page } from './page.ts';

const MEANING = {
  blocked: 'waits for tasks that it depends on',
  queued: 'may be claimed, now or once it is due',
  leased: 'a worker runs it',
  failed: 'its last attempt failed, another is due',
  completed: 'done, with a result',
  dead_letter: 'given up: out of attempts, or never to be tried again',
  cancelled: 'called off, or lapsed',
} as const satisfies Record<TaskState, string>;

const WHO = {
  client: 'the client whose task it is',
  admin: "an admin of that client, or the platform's",
  worker: 'a worker that is granted the task',
  holder: 'the worker whose lease is current',
  system: 'the janitor, or a rule of the queue itself',
} as const satisfies Record<Actor, string>;

/** Where an event leads from a state; empty when it is refused. */
export function targetsOf(event: TaskEvent, from: TaskState): readonly string[] {
  const rule: Transition = EVENTS[event];
  if (!rule.from.includes(from)) return [];
  if (rule.to === 'same') return [from];
  return rule.to === 'none' ? ['gone'] : rule.to;
}

function eventTable(): string {
  const rows = TASK_EVENTS.map((event) => {
    const { from, to, by, audited, guard }: Transition = EVENTS[event];
    const target = to === 'same' ? 'unchanged' : to === 'none' ? 'gone' : codes(to);
    return [code(event), codes(from), target, by.join(', '), audited, guard];
  });
  return table(['event', 'from', 'to', 'by', 'audited', 'guard and effect'], rows);
}

/** Each arrow of the diagram with the events that go along it, in the order of the table. */
export function arrows(): ReadonlyMap<string, readonly TaskEvent[]> {
  const found = new Map<string, TaskEvent[]>();
  const add = (from: string, to: string, event: TaskEvent): void => {
    const arrow = `${from} --> ${to}`;
    found.set(arrow, [...(found.get(arrow) ?? []), event]);
  };
  for (const event of TASK_EVENTS) {
    const rule: Transition = EVENTS[event];
    if (rule.from.length === 0 && Array.isArray(rule.to)) for (const to of rule.to as readonly TaskState[]) add('[*]', to, event);
    for (const from of rule.from) for (const to of targetsOf(event, from)) add(from, to === 'gone' ? '[*]' : to, event);
  }
  return found;
}

export function diagram(): string {
  const lines = [...arrows()].map(([arrow, events]) => `  ${arrow} : ${events.join(', ')}`);
  return ['```mermaid', 'stateDiagram-v2', ...lines, '```'].join('\n');
}

function matrix(): string {
  const rows = TASK_EVENTS.filter((event) => EVENTS[event].from.length > 0).map((event) => [
    code(event),
    ...STATES.map((state) => {
      const targets = targetsOf(event, state);
      if (targets.length === 0) return '·';
      return targets.map((target) => (target === state ? '=' : target)).join(' or ');
    }),
  ]);
  return table(['event', ...STATES.map(code)], rows);
}

export const statesPage = (): Page => ({
  file: 'states.md',
  title: 'The lifecycle of a task',
  source: 'src/domain/lifecycle.ts',
  body: `
An event that this table does not allow is refused with \`invalid_transition\`, which names the current state and what it allows.
Every audited event appends exactly one row to \`task_logs\`, in the same transaction as the move.

## States

${table(
  ['state', 'meaning', 'ended'],
  STATES.map((state) => [code(state), MEANING[state], ENDED.includes(state)]),
)}

## Events

${eventTable()}

By: ${Object.entries(WHO)
    .map(([actor, who]) => `**${actor}** ${who}`)
    .join(' · ')}.

## Diagram

${diagram()}

## What every state allows

The target of the move, \`=\` where the state stays, · where the event is refused.

${matrix()}
`,
});
