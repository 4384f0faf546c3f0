// What is said of a table that a move carries.

/** `task`: a UUID, text on SQLite. `lease`: 32 hex digits, a UUID on PostgreSQL. `flag`: 0 or 1, boolean on PostgreSQL. */
export type Kind = 'text' | 'int' | 'real' | 'flag' | 'task' | 'lease';
export type EngineName = 'sqlite' | 'postgres';

/** What only one engine has, read (or reckoned) from the source when the target is of that engine. Not compared. */
export interface Extra {
  readonly for: EngineName;
  readonly kind: Kind;
  /** Expressions over the row `x` of the source. */
  readonly sqlite: string;
  readonly postgres: string;
}

export interface MovedTable {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, Kind>>;
  /** Rows of a task: `task_no` on SQLite, (`client_id`, `task_id`) on PostgreSQL. */
  readonly ofTask?: true;
  /** Names a lane: `lane_id` on SQLite, (`client_id`, `lane_no`) on PostgreSQL; carried as type and compatibility. */
  readonly ofLane?: true;
  /** Rows of the sealed audit: `id` is their order over all clients, on PostgreSQL in `audit_numbers`. */
  readonly chain?: 'tasks' | 'security';
  /** Columns that have another name on SQLite. */
  readonly onSqlite?: Readonly<Record<string, string>>;
  /** Columns that name another task of the client by its id, and on SQLite by its number, in the column of this name. */
  readonly refs?: Readonly<Record<string, string>>;
  readonly extras?: Readonly<Record<string, Extra>>;
  /** Columns that the target makes itself; on PostgreSQL by an expression over the loaded row `r`. */
  readonly made?: { readonly sqlite?: readonly string[]; readonly postgres?: Readonly<Record<string, string>> };
  /** Rows that are left behind: a condition over `x`. */
  readonly only?: string;
  /** Rows that every new schema has already are replaced. */
  readonly replaces?: true;
}

/** Columns of a row of a task. */
export const TASK = { client_id: 'text', task_id: 'task' } as const;
