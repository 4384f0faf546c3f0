// Who acts, for which clients. Every call of the port carries it.
import type { Role } from '../domain/principal.ts';

/** Who acts, for which clients: bound into the database before each statement. */
export interface StoreScope {
  readonly role: Role;
  /** How the audit names the actor. */
  readonly actor: string;
  /** `*` is every client; for a worker it follows from its grants. */
  readonly clients: '*' | readonly string[];
  readonly workerId?: string;
  /** No payloads, no results: an admin of the platform inside a client, a key without the scope of payloads. */
  readonly blind?: true;
  /** Payloads, results and progress are answered as `JsonText`, byte for byte. */
  readonly raw?: true;
}
