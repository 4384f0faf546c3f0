// A check of a store as a row of a table: what it looks at, and what to do when it finds something. Each engine has its own rows.
import { QueueError } from '../domain/errors.ts';

/** `unknown`: this login can not see it. */
export type CheckState = 'ok' | 'warning' | 'failed' | 'unknown';

export interface Found {
  readonly state: CheckState;
  readonly found: string;
}

export interface Check<At> {
  readonly name: string;
  readonly looksAt: string;
  readonly fix: string;
  /** Changes nothing. */
  readonly look: (at: At) => Promise<Found> | Found;
}

export interface CheckResult extends Found {
  readonly name: string;
  readonly looksAt: string;
  readonly fix: string;
}

export const fine = (found: string): Found => ({ state: 'ok', found });
export const warning = (found: string): Found => ({ state: 'warning', found });
export const failed = (found: string): Found => ({ state: 'failed', found });
export const unknown = (found: string): Found => ({ state: 'unknown', found });
/** Nothing is wrong when nothing is named. */
export const named = (wrong: readonly string[], good: string, state: 'failed' | 'warning' = 'failed'): Found =>
  wrong.length === 0 ? fine(good) : { state, found: wrong.join('; ') };

/** One after the other; a check that can not be made is told and stops no other. */
export async function runChecks<At>(checks: readonly Check<At>[], at: At): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { name, looksAt, fix, look } of checks) {
    let found: Found;
    try {
      found = await look(at);
    } catch (error) {
      const { code, message } = error instanceof QueueError ? error : { code: 'internal', message: (error as Error).message };
      found = code === 'forbidden' ? unknown('this login may not look') : failed(`it could not be made: ${message}`);
    }
    results.push({ name, looksAt, fix, ...found });
  }
  return results;
}
