// Every attack on PostgreSQL as a list, for those that play them again with a wall taken away.
import type { Arena } from './arena.ts';
import { doorAttacks } from './doors.ts';
import { tableAttacks } from './tables.ts';
import { wayAttacks } from './ways.ts';

export interface NamedAttack {
  readonly name: string;
  readonly attack: () => Promise<void>;
}

/** `arena` is asked at each attack: which one it is changes with the mutant. */
export function allAttacks(arena: () => Arena): NamedAttack[] {
  const attacks: NamedAttack[] = [];
  for (const suite of [tableAttacks, wayAttacks, doorAttacks]) suite(arena, (name, attack) => void attacks.push({ name, attack }));
  return attacks;
}
