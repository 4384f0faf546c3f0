// The grammar of ids that people choose: clients and workers.
import type { Result } from './errors.ts';
import { ok } from './errors.ts';
import { shown, wrongField } from './fields.ts';

const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const WORKER_ID = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$/;

export const isClientId = (id: unknown): id is string => typeof id === 'string' && CLIENT_ID.test(id);

export function checkClientId(id: unknown): Result<string> {
  if (isClientId(id)) return ok(id);
  return wrongField('clientId', `${shown(id)} is no client id: 1–63 letters, digits, '.', '_' or '-', the first a letter or digit`);
}

export function checkWorkerId(id: unknown): Result<string> {
  if (typeof id === 'string' && WORKER_ID.test(id)) return ok(id);
  return wrongField('workerId', `${shown(id)} is no worker id: 1–128 letters, digits, '.', '_', '-', ':' or '@', the first a letter or digit`);
}
