// The access table through the service, on PostgreSQL.
import { binaries } from './server.ts';
import { takeOver } from './takeover.ts';

if (binaries().length > 0) {
  takeOver();
  await import('../access-matrix.test.ts');
}
