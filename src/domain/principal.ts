// Who acts. Made by an authenticator (or by the embedding program, which is its own operator) and frozen: nothing is done without one.

export const ROLES = ['client', 'worker', 'admin', 'auditor', 'system'] as const;
export type Role = (typeof ROLES)[number];

export type Principal = ClientPrincipal | WorkerPrincipal | AdminPrincipal | AuditorPrincipal | SystemPrincipal;

/** Whom a credential can stand for: nobody authenticates as the system. */
export type KeyPrincipal = Exclude<Principal, SystemPrincipal>;

interface Acting {
  /** The API key it came with; absent in process. */
  readonly keyId?: string;
  /** What of its role it may do, in the words of `SCOPES` (access.ts); absent: all of it. */
  readonly scopes?: readonly string[];
}
export interface ClientPrincipal extends Acting {
  readonly role: 'client';
  readonly clientId: string;
}
export interface WorkerPrincipal extends Acting {
  readonly role: 'worker';
  readonly workerId: string;
}
/** Of one client, or of the whole platform when `clientId` is absent. */
export interface AdminPrincipal extends Acting {
  readonly role: 'admin';
  readonly clientId?: string;
  /** Said by a platform admin who acts inside a client; written to the audit. */
  readonly reason?: string;
}
export interface AuditorPrincipal extends Acting {
  readonly role: 'auditor';
  readonly clientId?: string;
}
export interface SystemPrincipal extends Acting {
  readonly role: 'system';
}

/** How the audit names a principal: `client:acme`, `worker:w1`, `admin` or `admin:acme`, `system`. */
export function actorOf(principal: Principal): string {
  switch (principal.role) {
    case 'client':
      return `client:${principal.clientId}`;
    case 'worker':
      return `worker:${principal.workerId}`;
    case 'system':
      return 'system';
    default:
      return principal.clientId === undefined ? principal.role : `${principal.role}:${principal.clientId}`;
  }
}
