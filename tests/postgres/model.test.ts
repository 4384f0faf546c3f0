// Random commands against the plain-map reference, on PostgreSQL.
import { opener } from '../store/opener.ts';
import { binaries } from './server.ts';
import { takeOver } from './takeover.ts';

if (binaries().length > 0) {
  takeOver();
  opener.histories = 20;
  await import('../model/model.test.ts');
}
