// What can be told of others in spite of the walls, and why it stays. The report and SECURITY.md show it; tests that compare answers leave
// out exactly what is named in here.

export const NATURE = [
  {
    what: 'how long things take, and that a claim waits for a commit of others',
    who: 'anyone',
    engine: 'both',
    because: 'one writer (SQLite) and one machine are shared; who needs more has a file or a database of its own',
  },
  {
    what: 'the size of the file, of its tables and of a backup',
    who: 'whoever can see the file or the catalog',
    engine: 'both',
    because: 'nobody has that through the queue; it needs the file, or SQL on a login',
  },
  {
    what: 'estimates of plans, counters of tables, locks, and that other sessions exist',
    who: 'whoever has SQL on a login of PostgreSQL',
    engine: 'PostgreSQL',
    because: 'row security protects rows, not metadata: clients get the interface and never a login',
  },
  {
    what: 'which categories are registered',
    who: 'anyone with a key',
    engine: 'both',
    because: 'the registry is of the platform and for all: what is in a name of it is not a secret of a client',
  },
  {
    what: 'that a worker which serves several clients is busy',
    who: 'a client, by how soon its tasks start',
    engine: 'both',
    because: 'capacity that is shared is shared; the fair share bounds how much one can take',
  },
] as const satisfies readonly { readonly what: string; readonly who: string; readonly engine: string; readonly because: string }[];
