// Whose handle a call works with: that of an admin, or of the one client that it is about.
import { QueueError } from '../domain/errors.ts';
import type { AdminHandle, ClientHandle } from '../service/handles.ts';
import { handleOf } from './bench.ts';
import type { Bench } from './bench.ts';
import type { Call } from './reply.ts';

export const adminOf = (call: Call, bench: Bench): AdminHandle => handleOf(call, bench) as AdminHandle;

/** Acts for one client: its own, that of an admin of a client, or the one that an admin of the platform names with a reason. */
export function clientOf(call: Call, bench: Bench): ClientHandle {
  const { principal, inside } = call;
  if (principal.role === 'client') return handleOf(call, bench) as ClientHandle;
  if (principal.role === 'admin' && principal.clientId !== undefined) return adminOf(call, bench).inside(principal.clientId, inside?.reason ?? 'by its admin');
  if (inside === null)
    throw new QueueError('invalid_input', 'name the client by `PrismQ-Client` and say why by `PrismQ-Reason`: both are written to the audit', {
      fields: [{ field: 'PrismQ-Client', message: 'missing' }],
    });
  return adminOf(call, bench).inside(inside.clientId, inside.reason);
}
