// What is held of the limits of one client. Types only.
import type { LimitInfo, LimitInput } from '../domain/work-limit.ts';

/** What of a client is meant: all of its work, a category or pattern, a free key. */
export interface Part {
  readonly pattern?: string;
  /** A key, or with `*` at its end all that begin so. */
  readonly key?: string;
}

/** Limits of one client, each by its name. A task is under all that are about it; they hold over all workers of all processes. */
export interface LimitHandle {
  /** Makes it or changes it; it holds for claims from now on. */
  set(name: string, limit: LimitInput): Promise<LimitInfo>;
  list(): Promise<readonly LimitInfo[]>;
  delete(name: string): Promise<void>;
  /** Lets nothing of it start until `resume`; what runs goes on. It is a limit of 0. */
  pause(part?: Part): Promise<LimitInfo>;
  resume(part?: Part): Promise<void>;
}
