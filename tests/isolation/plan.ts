// What the isolation report is made of: the test files, on which engine, and how the name of a test tells what it is.
import { existsSync } from 'node:fs';

export interface Part {
  /** The first that is there. */
  readonly files: readonly string[];
  readonly engine: 'sqlite' | 'postgres';
  readonly title: string;
  /**
   * `attacks`: each test is an attempt at what is another's, or with a name of the control a thing done rightly. `cube`: each is both, but
   * what the table does not give. `mutants`: each takes one thing away. `told`: the file tells its numbers itself.
   */
  readonly counts: 'attacks' | 'cube' | 'mutants' | 'told';
}

export const PARTS: readonly Part[] = [
  { files: ['tests/store/attacks.test.ts'], engine: 'sqlite', title: 'statements by the rights of each class', counts: 'attacks' },
  { files: ['tests/store/wall.test.ts'], engine: 'sqlite', title: 'the wall: reading, writing, the engine room, what is closed', counts: 'attacks' },
  { files: ['tests/postgres/attacks.test.ts'], engine: 'postgres', title: 'raw SQL as each login: tables, doors, ways around', counts: 'attacks' },
  { files: ['tests/access-matrix.test.ts'], engine: 'sqlite', title: 'access matrix through the service', counts: 'attacks' },
  { files: ['tests/postgres/access-matrix.test.ts'], engine: 'postgres', title: 'access matrix through the service', counts: 'attacks' },
  { files: ['tests/http/matrix.test.ts'], engine: 'sqlite', title: 'access cube through HTTP', counts: 'cube' },
  { files: ['tests/isolation/interference.test.ts'], engine: 'sqlite', title: 'non-interference', counts: 'told' },
  { files: ['tests/isolation/canaries.test.ts'], engine: 'sqlite', title: 'canaries', counts: 'told' },
  { files: ['tests/isolation/capabilities.test.ts'], engine: 'sqlite', title: 'the wall of capabilities', counts: 'told' },
  { files: ['tests/isolation/neighbours.test.ts'], engine: 'sqlite', title: 'the cost of a neighbour', counts: 'told' },
  { files: ['tests/isolation/sqlite-walls.test.ts'], engine: 'sqlite', title: 'mutants of the wall', counts: 'told' },
  {
    files: ['tests/isolation/sqlite-mutants.test.ts', 'tests/isolation/mutants.test.ts', 'tests/store/mutants.test.ts'],
    engine: 'sqlite',
    title: 'mutants: conditions of statements',
    counts: 'told',
  },
  {
    files: ['tests/isolation/postgres-mutants.test.ts', 'tests/postgres/mutants.test.ts'],
    engine: 'postgres',
    title: 'mutants: policies, grants, lines of functions',
    counts: 'mutants',
  },
  { files: ['tests/isolation/postgres-pairs.test.ts'], engine: 'postgres', title: 'mutants behind two walls', counts: 'told' },
];

/** What is there, by the path of the file that runs. */
export const partsThere = (): ReadonlyMap<string, Part> =>
  new Map(
    PARTS.flatMap((part) => {
      const file = part.files.find((path) => existsSync(path));
      return file === undefined ? [] : [[file, part] as const];
    }),
  );

/** What the name of a test says that it is. */
export function kindOf(part: Part, name: string): { readonly isCase: boolean; readonly isControl: boolean } {
  if (part.counts === 'cube') {
    const isRefusal = /: no$| may not$|is refused/.test(name);
    return { isCase: true, isControl: !isRefusal };
  }
  const isControl = /^control\b|\(control\)|shows its own$|is given to|^the suite sees|^the snapshot tells/.test(name);
  return { isCase: !isControl, isControl };
}
