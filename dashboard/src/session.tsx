// Who is signed in: the key, what it may do by the access table, and the line to the server. The key is kept for this tab only.
import { createContext, useContext } from 'react';
import { reachOf } from '../../src/domain/access.ts';
import type { Operation, Reach } from '../../src/domain/access.ts';
import type { KeyPrincipal } from '../../src/domain/principal.ts';
import { actorOf } from '../../src/domain/principal.ts';
import { createCall } from '../../src/client/call.ts';
import type { Call } from '../../src/client/call.ts';
import { connect } from '../../src/client/entry.ts';
import type { AdminHandle, Connection, Identity } from '../../src/client/entry.ts';
import { settingsOf } from '../../src/client/options.ts';

export interface Session {
  readonly key: string;
  readonly identity: Identity;
  readonly principal: KeyPrincipal;
  /** `client:acme`, `admin`, as the audit names it. */
  readonly actor: string;
  readonly connection: Connection;
  /** The widest handle; what the key may not do is refused by the server and not offered here. */
  readonly admin: AdminHandle;
  readonly call: Call;
  readonly reach: (operation: Operation) => Reach;
  readonly can: (operation: Operation) => boolean;
  /** True for an admin or auditor of every client. */
  readonly seesAll: boolean;
}

const KEPT = 'prismq.key';

/** Where the server is: the page lies at its root, under whatever path that is. */
export const serverUrl = (): string => new URL('.', location.href.split('#')[0]).href.replace(/\/$/, '');

export const keptKey = (): string | null => sessionStorage.getItem(KEPT);
export const forgetKey = (): void => sessionStorage.removeItem(KEPT);

/** Throws `unauthenticated` and whatever keeps the server from answering. */
export async function signIn(key: string): Promise<Session> {
  const connection = connect({ url: serverUrl(), key });
  const identity = await connection.whoami();
  sessionStorage.setItem(KEPT, key);
  return sessionOf(key, connection, identity);
}

const ONCE = /^prismq_bootstrap_/;
/** Whether it is the one-time secret of a new server, and no key. */
export const isBootstrap = (text: string): boolean => ONCE.test(text);

/** Trades the secret for the key of the first admin. Throws in words. */
export async function bootstrap(secret: string): Promise<string> {
  const response = await fetch(`${serverUrl()}/queue/admin/bootstrap`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ secret }),
  });
  const answer = (await response.json()) as { readonly key?: string; readonly detail?: string };
  if (answer.key === undefined) throw new Error(answer.detail ?? response.statusText);
  return answer.key;
}

function sessionOf(key: string, connection: Connection, identity: Identity): Session {
  const principal = principalOf(identity);
  const reach = (operation: Operation): Reach => reachOf(principal, operation);
  return {
    key,
    identity,
    principal,
    actor: actorOf(principal),
    connection,
    admin: connection.admin(),
    call: createCall(settingsOf({ url: serverUrl(), key })),
    reach,
    can: (operation) => reach(operation) !== 'no',
    seesAll: (identity.role === 'admin' || identity.role === 'auditor') && identity.clientId === null,
  };
}

function principalOf({ role, clientId, workerId, scopes }: Identity): KeyPrincipal {
  const narrowed = scopes === null ? {} : { scopes };
  if (role === 'client') return { role, clientId: clientId ?? '', ...narrowed };
  if (role === 'worker') return { role, workerId: workerId ?? '', ...narrowed };
  return { role, ...(clientId === null ? {} : { clientId }), ...narrowed };
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('no session');
  return session;
}
export const useMay = (): Session['can'] => useSession().can;
