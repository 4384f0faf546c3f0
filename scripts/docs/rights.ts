// What each class of statement may read and write on the SQLite connection.
import { type ReadRight, READS, type StatementClass, type WriteRight, WRITES } from '../../src/store/sqlite/rights.ts';
import { CLIENT_TABLES, SHARED_TABLES } from '../../src/store/sqlite/tables.ts';
import { code, codes, table } from './markdown.ts';
import type { Page } from './page.ts';

const CLASS = {
  none: 'No statement of ours is running: everything is refused',
  owner: 'Opens and migrates the file, and is refused nothing; no statement of a caller runs in it',
  engine: 'Moves tasks, for the clients and the worker that are bound',
  registry: 'Keeps the book of clients, workers, grants and keys',
  sealer: 'Chains the audit and reads it back to verify it',
  client: 'Reads for a client',
  worker: 'Reads for a worker: what it may claim and what it holds',
  admin: "Reads for a client's admin",
  platform: "Reads for the platform's admin: every client, without payloads and results",
  auditor: 'Reads for an auditor',
} as const satisfies Record<StatementClass, string>;

const CLASSES = Object.keys(CLASS) as readonly StatementClass[];

function columnsOf(right: ReadRight): string {
  if (right === true) return 'all';
  return 'only' in right ? codes(right.only) : `all but ${codes(right.except)}`;
}

function reads(name: StatementClass): string {
  const rights = READS[name];
  if (rights === undefined) return '';
  return table(
    ['reads', 'columns'],
    Object.entries(rights).map(([object, right]) => [code(object), columnsOf(right)]),
  );
}

function writes(name: StatementClass): string {
  const rights: Readonly<Record<string, WriteRight>> | undefined = WRITES[name];
  if (rights === undefined) return '';
  return table(
    ['writes', 'insert', 'delete', 'updates', 'found by'],
    Object.entries(rights).map(([object, { insert, delete: remove, update = [], keys = [] }]) => [
      code(object),
      insert === true,
      remove === true,
      codes(update),
      codes(keys),
    ]),
  );
}

function section(name: StatementClass): string {
  const tables = [reads(name), writes(name)].filter((text) => text !== '');
  return [`## ${name}`, `${CLASS[name]}.`, ...tables].join('\n\n');
}

export const rightsPage = (): Page => ({
  file: 'rights.md',
  title: 'Rights of the SQLite connection',
  source: 'src/store/sqlite/rights.ts',
  body: `
Every statement runs in a class, and the database's authorizer refuses what is not named below. It asks when a statement is prepared and again when it runs.
Rows of ${codes(Object.keys(CLIENT_TABLES))} belong to one client each, and a statement sees and changes only those of the clients that are bound to it;
${codes(SHARED_TABLES)} have no client.

${CLASSES.map(section).join('\n\n')}
`,
});
