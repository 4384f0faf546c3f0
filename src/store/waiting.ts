// What is waited for at a store.
import type { WorkerCapabilities } from '../domain/task.ts';

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
