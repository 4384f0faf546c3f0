// Plays the attacks on a harmed wall: whether one succeeds, and which second wall it takes to hide that none does.
import type { DatabaseSync } from 'node:sqlite';
import { asOwner, BOUND, openBench, REFUSAL, tellsOfB } from '../../store/attacks/bench.ts';
import type { Bench } from '../../store/attacks/bench.ts';
import { CLOSED } from '../../store/attacks/closed.ts';
import { ENGINE_ROOM } from '../../store/attacks/engine-room.ts';
import { READING } from '../../store/attacks/reading.ts';
import { WRITING } from '../../store/attacks/writing.ts';
import { APPEND_ONLY, HARMS, LEASE_OF_ANOTHER, LEASE_UNCOVERED, READS_OF_KEYS } from './harms.ts';
import type { Harm } from './harms.ts';

const ATTACKS = [...READING, ...WRITING, ...ENGINE_ROOM, ...CLOSED].flatMap(({ attacks, scope }) => attacks.map((one) => ({ ...one, scope })));
type Attack = (typeof ATTACKS)[number];

/** Near ones first. A right and a trigger are of one table: no other attack is concerned. */
function ordered({ kind, hint, cls }: Harm): readonly Attack[] {
  const isNear = (one: Attack): boolean => one.sql.toLowerCase().includes(hint.toLowerCase());
  if (kind === 'right' || kind === 'trigger') return ATTACKS.filter((one) => isNear(one) && (cls === undefined || one.cls === cls));
  return [...ATTACKS.filter(isNear), ...ATTACKS.filter((one) => !isNear(one))];
}

/** As `attack` of the bench, without a look at the tables where the statement was refused: nothing of it stays then. */
function isThrough(bench: Bench, { cls, sql, expected, scope = BOUND }: Attack, baseline: string): boolean {
  bench.wall.bind(scope);
  asOwner(bench.wall, () => bench.db.exec('SAVEPOINT attack'));
  let through: boolean;
  try {
    const rows = bench.ask(cls, sql);
    through = expected !== 'blind' || tellsOfB(rows) || bench.snapshot() !== baseline;
  } catch (error) {
    through = !REFUSAL.test(String(error));
  }
  try {
    asOwner(bench.wall, () => bench.db.exec('ROLLBACK TO attack; RELEASE attack'));
  } catch {
    // The attack has ended the transaction that it was in.
    return true;
  }
  return through;
}

function firstThrough(bench: Bench, attacks: readonly Attack[]): string | null {
  const baseline = bench.snapshot();
  const found = attacks.find((one) => isThrough(bench, one, baseline));
  return found === undefined ? null : `${found.name} (${found.cls})`;
}

/** Walls that may stand behind another one, by what it is about. */
function behind({ kind, name, hint }: Harm): readonly Harm[] {
  if (name === LEASE_OF_ANOTHER) return HARMS.filter((harm) => harm.name === LEASE_UNCOVERED);
  const verb = /\b(insert|update|delete)\b/.exec(name)?.[1];
  const others = kind === 'trigger' ? [`engine may ${verb} ${hint}`, `registry may ${verb} ${hint}`] : [`${verb} of ${hint} looks at no row`];
  return [...HARMS.filter((harm) => others.includes(harm.name)), READS_OF_KEYS, APPEND_ONLY];
}

/** Which other walls, taken away as well, let an attack through: the first combination of few. */
export function maskOf(harm: Harm, whole: Bench): readonly string[] | null {
  const walls = behind(harm);
  const pairs = walls.flatMap((a, i) => walls.slice(i + 1).map((b) => [a, b]));
  for (const others of [...walls.map((wall) => [wall]), ...pairs, walls]) if (seenBy([harm, ...others], whole) !== null) return others.map(({ name }) => name);
  return null;
}

/** The name of an attack that a wall with these harms lets through, or null. `whole` is a bench to borrow where no definition is harmed. */
export function seenBy(harms: readonly [Harm, ...Harm[]], whole: Bench): string | null {
  const attacks = ordered(harms[0]);
  const undo: (() => void)[] = [];
  try {
    if (harms.every(({ kind }) => kind === 'right')) {
      for (const harm of harms) undo.push(harm.apply(whole.db));
      whole.renew();
      return firstThrough(whole, attacks);
    }
    const bench = openBench((db: DatabaseSync) => harms.forEach((harm) => undo.push(harm.apply(db))));
    try {
      return firstThrough(bench, attacks);
    } finally {
      bench.close();
    }
  } finally {
    for (const back of undo.toReversed()) back();
    whole.renew();
  }
}
