// Who a credential stands for: an API key by its digest, or a token by the verifier that the program was given. What opened is
// remembered for seconds, and forgotten at once by whatever changes keys or clients in this process.
import { parseKey } from '../domain/api-key.ts';
import type { KeyFault } from '../domain/api-key.ts';
import { QueueError } from '../domain/errors.ts';
import { actorOf } from '../domain/principal.ts';
import type { KeyPrincipal } from '../domain/principal.ts';
import type { FoundKey, Store } from '../store/store.ts';
import type { CallerOrigin, VerifyToken } from './credential.ts';
import type { Refusal, Refusals } from './refusals.ts';

const KNOWN_MS = 5000;
const MOST_KNOWN = 10_000;
const TOUCH_MS = 60_000;
/** A login is the first use of a key in so long, or of a token in this process. */
const LOGIN_MS = 3_600_000;
const MOST_CHARACTERS = 8192;
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export interface Keyring {
  principalOf(credential: string, from?: CallerOrigin): Promise<KeyPrincipal>;
  /** After a change of keys or clients: everything is looked up again, what is being looked up is not remembered. */
  forget(): void;
}

interface Given {
  readonly store: Store;
  readonly digest: (text: string) => string;
  readonly refusals: Refusals;
  readonly verifyToken: VerifyToken | undefined;
}

interface Known {
  readonly principal: KeyPrincipal;
  readonly sinceUtc: number;
  readonly untilUtc: number;
}
/** What came of a look-up: who it is and until when, or why it does not open. */
type Opened = { readonly principal: KeyPrincipal; readonly untilUtc: number | null; readonly suspended: boolean; readonly isLogin: boolean };
type Closed = {
  readonly fault: KeyFault | 'unknown' | 'revoked' | 'expired' | 'token';
  readonly principal?: KeyPrincipal;
  readonly keyId?: string;
  readonly reason?: string;
};

export function createKeyring(given: Given): Keyring {
  const known = new Map<string, Known>();
  /** Tokens whose login is on record. */
  const tokens = new Set<string>();
  let changes = 0;
  const remember = (digest: string, { principal, untilUtc }: Opened, now: number): void => {
    for (const oldest of known.keys()) {
      if (known.size < MOST_KNOWN) break;
      known.delete(oldest);
    }
    known.set(digest, { principal, sinceUtc: now, untilUtc: Math.min(untilUtc ?? Number.MAX_SAFE_INTEGER, now + KNOWN_MS) });
  };
  return {
    forget() {
      changes += 1;
      known.clear();
    },
    async principalOf(credential, from = {}) {
      const isText = typeof credential === 'string' && credential.length <= MOST_CHARACTERS;
      if (!isText) return refuse(given, { fault: 'malformed' }, from);
      const digest = given.digest(credential);
      const now = given.store.now();
      const found = known.get(digest);
      // A clock that was set back must not lengthen what is remembered.
      if (found !== undefined && now < found.untilUtc && now >= found.sinceUtc) return found.principal;
      const seen = changes;
      const opened = await open(given, credential, digest, now);
      if ('fault' in opened) return refuse(given, opened, from);
      if (opened.suspended) return refuseSuspended(given, opened.principal, from);
      if (opened.isLogin && !tokens.has(digest)) await noteLogin(given, opened.principal, from);
      if (opened.principal.keyId === undefined) rememberToken(tokens, digest);
      if (seen === changes) remember(digest, opened, now);
      return opened.principal;
    },
  };
}

async function open(given: Given, credential: string, digest: string, now: number): Promise<Opened | Closed> {
  const parsed = parseKey(credential);
  if (parsed.ok) return openKey(given, await given.store.findKey(digest), parsed.keyId, now);
  if (given.verifyToken === undefined || !TOKEN.test(credential)) return { fault: parsed.fault };
  const verdict = await given.verifyToken(credential);
  if (!verdict.ok) return { fault: 'token', reason: verdict.reason };
  return { principal: verdict.principal, untilUtc: verdict.expiresAtUtc, suspended: await isSuspended(given.store, verdict.principal), isLogin: true };
}

function openKey({ store }: Given, row: FoundKey | null, keyId: string, now: number): Opened | Closed {
  if (row === null) return { fault: 'unknown', keyId };
  const principal = principalOfRow(row);
  if (row.revokedAtUtc !== null) return { fault: 'revoked', keyId, principal };
  if (row.expiresAtUtc !== null && row.expiresAtUtc <= now) return { fault: 'expired', keyId, principal };
  // Beside the request, which neither waits for it nor fails with it.
  if (now - (row.lastUsedAtUtc ?? 0) >= TOUCH_MS) void store.touchKey(keyId).catch(() => undefined);
  return { principal, untilUtc: row.expiresAtUtc, suspended: row.clientStatus === 'suspended', isLogin: now - (row.lastUsedAtUtc ?? 0) >= LOGIN_MS };
}

function principalOfRow({ keyId, role, clientId, workerId, scopes }: FoundKey): KeyPrincipal {
  const acting = scopes === null ? { keyId } : { keyId, scopes: Object.freeze([...scopes]) };
  if (role === 'client') return Object.freeze({ role, clientId: clientId as string, ...acting });
  if (role === 'worker') return Object.freeze({ role, workerId: workerId as string, ...acting });
  return Object.freeze(clientId === null ? { role, ...acting } : { role, clientId, ...acting });
}

function rememberToken(tokens: Set<string>, digest: string): void {
  for (const oldest of tokens) {
    if (tokens.size < MOST_KNOWN) break;
    tokens.delete(oldest);
  }
  tokens.add(digest);
}

/** On record before the request goes on, which does not fail with it: where nothing can be written, there is still something to read. */
async function noteLogin({ store }: Given, principal: KeyPrincipal, { address, requestId }: CallerOrigin): Promise<void> {
  const details = {
    ...(principal.keyId === undefined ? { by: 'token' } : { by: 'key' }),
    ...(address === undefined ? {} : { address: address.slice(0, 64) }),
    ...(requestId === undefined ? {} : { request_id: requestId.slice(0, 64) }),
  };
  const event = { actor: actorOf(principal), action: 'authenticate', clientId: clientOf(principal), object: principal.keyId ?? null, outcome: 'done' } as const;
  await store.recordSecurity({ ...event, details: JSON.stringify(details) }).catch(() => undefined);
}

/** The client of a token has no row of its own to tell: the book of clients is asked. */
async function isSuspended(store: Store, principal: KeyPrincipal): Promise<boolean> {
  const clientId = clientOf(principal);
  if (clientId === null) return false;
  const [client] = await store.clients({ role: 'system', actor: 'system', clients: [clientId] });
  return client?.status === 'suspended';
}

const clientOf = (principal: KeyPrincipal): string | null => ('clientId' in principal ? (principal.clientId ?? null) : null);

/** One answer for all that does not open; the record tells them apart, and never has the secret. */
function refuse({ refusals }: Given, { fault, principal, keyId, reason }: Closed, from: CallerOrigin): never {
  refusals.note({
    actor: principal === undefined ? 'anonymous' : actorOf(principal),
    action: 'authenticate',
    clientId: principal === undefined ? null : clientOf(principal),
    object: keyId ?? null,
    ...originOf(from, { because: fault, ...(reason === undefined ? {} : { reason }) }),
  });
  throw new QueueError('unauthenticated', 'the key is unknown, has expired or was revoked');
}

function refuseSuspended({ refusals }: Given, principal: KeyPrincipal, from: CallerOrigin): never {
  const clientId = clientOf(principal);
  const origin = originOf(from, { because: 'suspended' });
  refusals.note({ actor: actorOf(principal), action: 'authenticate', clientId, object: principal.keyId ?? null, ...origin });
  throw new QueueError('client_suspended', 'an operator suspended the client');
}

function originOf({ address, requestId }: CallerOrigin, details: Refusal['details']): Pick<Refusal, 'details' | 'requestId'> {
  const from = address === undefined ? {} : { address: address.slice(0, 64) };
  return { details: { ...details, ...from }, ...(requestId === undefined ? {} : { requestId }) };
}
