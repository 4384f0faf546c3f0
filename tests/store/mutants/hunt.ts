// Plays the acts with one statement changed, and compares what is answered and what is left with the unchanged run. Only the acts
// that use the statement are played. A second round reads the tables themselves instead of the walled views: there the statement's
// own filter must hold, without the wall behind it.
import type { NamedStatement } from '../../../src/store/sql-files.ts';
import { CLIENT_TABLES, SHARED_TABLES } from '../../../src/store/sqlite/tables.ts';
import { CLOCK_ACTS } from './acts-clock.ts';
import { SLA_ACTS } from './acts-sla.ts';
import { ACTS } from './acts.ts';
import type { Act } from './acts.ts';
import { CLIENTS, THEN } from './fixture.ts';
import type { Fixture } from './fixture.ts';
import { openStage, outcomeOf, rowsOf } from './stage.ts';
import type { StatementSet } from './stage.ts';

/** Thrown at the first difference. */
class Killed extends Error {}

/** What an act answered, in order; the last is what it left in the tables. */
type Seen = readonly string[];
interface Base {
  readonly plain: Fixture;
  readonly ballast: Fixture;
}
/** What the unchanged statements do: for each act its record and the statements that it used. */
export interface Baseline {
  readonly base: Base;
  readonly statements: StatementSet;
  /** The short ones first: most changes are noticed by those. */
  readonly acts: readonly { readonly act: Act; readonly used: ReadonlySet<string>; readonly record: Seen }[];
}

/** Remembers the names that were looked up. */
class Watched extends Map<string, NamedStatement> {
  readonly used = new Set<string>();
  override get(name: string): NamedStatement | undefined {
    this.used.add(name);
    return super.get(name);
  }
}

export async function baselineOf(base: Base, statements: StatementSet): Promise<Baseline> {
  const acts: Baseline['acts'][number][] = [];
  for (const act of [...ACTS, ...CLOCK_ACTS, ...SLA_ACTS]) {
    const watched = new Watched(statements);
    const record: string[] = [];
    await play(base, watched, act, (seen) => void record.push(seen));
    acts.push({ act, used: watched.used, record });
  }
  return { base, statements, acts: acts.toSorted((a, b) => a.record.length - b.record.length) };
}

/** Whether some act notices the changed statement; its name, or null. What throws is noticed too. */
export async function killerOf(baseline: Baseline, changed: NamedStatement): Promise<string | null> {
  const statements = new Map(baseline.statements).set(changed.name, changed);
  for (const { act, used, record } of baseline.acts) if (used.has(changed.name) && (await differs(baseline.base, statements, act, record))) return act.name;
  return null;
}

/** Which act comes to something else when it is played again with nothing changed; null is right. */
export async function differenceOf({ base, statements, acts }: Baseline): Promise<string | null> {
  for (const { act, record } of acts) if (await differs(base, statements, act, record)) return act.name;
  return null;
}

async function differs(base: Base, statements: StatementSet, act: Act, record: Seen): Promise<boolean> {
  let at = 0;
  try {
    await play(base, statements, act, (seen) => {
      if (seen !== record[at++]) throw new Killed();
    });
    return false;
  } catch {
    return true;
  }
}

async function play(base: Base, statements: StatementSet, act: Act, look: (seen: string) => void): Promise<void> {
  const fixture = act.ballast === true ? base.ballast : base.plain;
  const stage = openStage(fixture.prepared, THEN, statements);
  try {
    for (const me of CLIENTS) {
      const see = async (what: string, doing: () => Promise<unknown>): Promise<void> => look(`${what}: ${await outcomeOf(doing)}`);
      await act.play({ ...stage, fixture, me, you: me === 'acme' ? 'beta' : 'acme', see });
    }
    look(rowsOf(stage.db));
  } finally {
    await stage.queue.close();
  }
}

const OPEN = new RegExp(`\\bwalled\\.(${[...Object.keys(CLIENT_TABLES), ...SHARED_TABLES].join('|')})\\b`, 'g');

/** The statement on the tables themselves, with every right: nothing but its own filters is left. */
export const withoutWall = (statement: NamedStatement): NamedStatement => ({
  ...statement,
  cls: 'owner',
  sql: statement.sql.replace(OPEN, 'main.$1').replace(/\bshown\.(task_logs|task_queue)\b/g, 'main.$1'),
});
