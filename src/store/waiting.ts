// What is waited for at a store, and what a stream of events is given by one look.
import type { LogEntry, WorkerCapabilities } from '../domain/task.ts';

/** What a claim says instead of what was registered. */
export interface Narrowing {
  readonly types?: readonly string[];
  readonly capabilities?: WorkerCapabilities;
}

/** What is waited for; absent: anything. What does not concern it may leave it asleep. */
export type Interest =
  | { readonly for: 'events'; readonly clients: '*' | readonly string[] }
  | { readonly for: 'task'; readonly clients: '*' | readonly string[]; readonly taskId: string }
  /** `claims`: it takes what it is woken for, so that nobody else has to be woken for the same. */
  | { readonly for: 'work'; readonly workerId: string; readonly request: Narrowing; readonly claims: boolean };

export interface EventPage {
  readonly items: readonly LogEntry[];
  /** Where to go on: what is up to there was told, or is not the caller's. */
  readonly last: number;
  /** When there is more, ms: 0 at once, null when something happens. */
  readonly moreInMs: number | null;
}
