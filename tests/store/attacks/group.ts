// The shape of an attack table: each group has the same thing done rightly next to the attacks.
import type { StatementClass } from '../../../src/store/sqlite/rights.ts';
import type { Scope } from '../../../src/store/sqlite/wall.ts';

export interface AttackGroup {
  readonly title: string;
  readonly scope?: Scope;
  readonly controls: readonly { readonly cls: StatementClass; readonly sql: string }[];
  /** Without `expected` the statement must be refused by the wall. */
  readonly attacks: readonly { readonly name: string; readonly cls: StatementClass; readonly sql: string; readonly expected?: 'blind' }[];
}
