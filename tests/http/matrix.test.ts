// The access cube through HTTP on SQLite; tests/isolation/postgres-cube.test.ts is the same on PostgreSQL.
import { cube } from './cube/suite.ts';
import { onFile } from './cube/world.ts';

cube(onFile);
