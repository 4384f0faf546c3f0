// What is known of a database server behind the port.

/** What a database server was found to do when the queue was opened. */
export interface DatabaseCapabilities {
  readonly version: string;
  /** `postgresql`, or the name of an engine that speaks as it does. */
  readonly flavour: string;
  /** `poll`: it knows no LISTEN, and workers look every second. */
  readonly notifications: 'listen' | 'poll';
  /** Migrations alone take an advisory lock; a class of login may not where the database is the queue's alone. */
  readonly locks: 'advisory' | 'rows';
  readonly readOnly: boolean;
  readonly extensions: readonly string[];
}
