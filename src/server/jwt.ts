// Tokens of other issuers (JWT): which issuers, signed how, for whom they may speak. Everything is an allow-list: algorithms,
// audience, roles, clients. A token says nothing that its issuer was not given to say.
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { SCOPES, checkScopes, columnOf, operationsOf } from '../domain/access.ts';
import type { Column } from '../domain/access.ts';
import { QueueError } from '../domain/errors.ts';
import { isClientId, checkWorkerId } from '../domain/names.ts';
import type { KeyPrincipal } from '../domain/principal.ts';
import type { TokenVerdict, VerifyToken } from '../service/credential.ts';
import { fileKeys, remoteKeys } from './jwks.ts';

/** Signatures with a public key only: with none of them can a public key be taken for a shared secret. */
export const ALGORITHMS = ['EdDSA', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'] as const;
const ROLES = ['client', 'worker', 'admin', 'auditor'] as const;

const LOCAL = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(\/|$)/;
const clientId = z.string().refine(isClientId, 'is no client id');

export const ISSUER = z
  .strictObject({
    issuer: z.string().min(1).max(512),
    audience: z.string().min(1).max(512),
    keys: z.union([
      z.strictObject({ url: z.url().refine((url) => url.startsWith('https://') || LOCAL.test(url), 'must be https') }),
      z.strictObject({ file: z.string().min(1) }),
    ]),
    algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['EdDSA', 'ES256', 'RS256']),
    /** `at+jwt` (RFC 9068) keeps ID tokens out; an issuer that writes another type needs it named. */
    type: z.string().min(1).default('at+jwt'),
    clockToleranceMs: z.int().min(0).max(60_000).default(30_000),
    maxAgeMs: z.int().min(1000).max(31_536_000_000).default(86_400_000),
    /** The roles that it may give; more than one needs the claim that says which. */
    roles: z.array(z.enum(ROLES)).min(1),
    roleClaim: z.string().min(1).optional(),
    /** The clients that it may speak for; more than one needs the claim. */
    clients: z.array(clientId).default([]),
    clientClaim: z.string().min(1).optional(),
    /** Its admins and auditors are those of the platform. */
    platform: z.literal(true).optional(),
    /** The id of a worker is this and the subject, so that no issuer can name a worker of others. */
    workerPrefix: z.string().min(1).optional(),
    /** What of the role its tokens may do; or the claim that says it, in words separated by blanks. */
    scopes: z.array(z.enum(SCOPES)).min(1).optional(),
    scopeClaim: z.string().min(1).optional(),
  })
  .refine((one) => one.roles.length === 1 || one.roleClaim !== undefined, 'several roles: name the roleClaim that tells which')
  .refine((one) => one.clients.length <= 1 || one.clientClaim !== undefined, 'several clients: name the clientClaim that tells which')
  .refine((one) => !one.roles.includes('client') || one.clients.length > 0, 'the role client needs clients')
  .refine((one) => one.platform === undefined || one.clients.length === 0, 'give clients or platform, not both')
  .refine(
    (one) => one.platform === true || one.clients.length > 0 || one.roles.every((role) => role === 'worker'),
    'the roles admin and auditor need clients, or platform',
  )
  .refine((one) => !one.roles.includes('worker') || one.workerPrefix !== undefined, 'the role worker needs a workerPrefix')
  .refine((one) => one.scopes === undefined || one.scopeClaim === undefined, 'give scopes or scopeClaim, not both');

export type IssuerSettings = z.input<typeof ISSUER>;
type Issuer = z.output<typeof ISSUER>;

interface Trusted {
  readonly settings: Issuer;
  readonly keys: JWTVerifyGetKey;
}

/** @throws QueueError `invalid_input` for settings that do not hold together */
export function createTokenVerifier(issuers: readonly IssuerSettings[], now: () => number): VerifyToken {
  const trusted = new Map<string, Trusted>();
  for (const [i, given] of issuers.entries()) {
    const settings = checkIssuer(given, i);
    if (trusted.has(settings.issuer)) throw wrongIssuer(i, 'issuer', `${settings.issuer} is there twice`);
    const { keys, issuer } = settings;
    trusted.set(issuer, { settings, keys: 'url' in keys ? remoteKeys(issuer, new URL(keys.url), now) : fileKeys(issuer, keys.file) });
  }
  return (token) => verify(trusted, token, now());
}

function checkIssuer(given: IssuerSettings, i: number): Issuer {
  const checked = ISSUER.safeParse(given);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw wrongIssuer(i, issue?.path.join('.') ?? '', issue?.message ?? 'wrong');
}

function wrongIssuer(i: number, path: string, message: string): QueueError {
  const field = `issuers[${i}]${path === '' ? '' : `.${path}`}`;
  return new QueueError('invalid_input', `${field}: ${message}`, { fields: [{ field, message }] });
}

const no = (reason: string): TokenVerdict => ({ ok: false, reason });
/** Headers by which a token would bring its own key. */
const OWN_KEYS = ['jwk', 'jku', 'x5u', 'x5c'] as const;

async function verify(trusted: ReadonlyMap<string, Trusted>, token: string, now: number): Promise<TokenVerdict> {
  let issuer: Trusted | undefined;
  try {
    const header = decodeProtectedHeader(token);
    if (OWN_KEYS.some((name) => name in header)) return no('header');
    issuer = trusted.get(decodeJwt(token).iss ?? '');
  } catch {
    return no('malformed');
  }
  if (issuer === undefined) return no('issuer');
  const { settings, keys } = issuer;
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: settings.issuer,
      audience: settings.audience,
      algorithms: settings.algorithms,
      typ: settings.type,
      clockTolerance: settings.clockToleranceMs / 1000,
      maxTokenAge: settings.maxAgeMs / 1000,
      requiredClaims: ['exp', 'iat', 'sub'],
      currentDate: new Date(now),
    });
    return verdictOf(settings, payload);
  } catch (error) {
    if (error instanceof errors.JOSEError) return no(reasonOf(error));
    throw error;
  }
}

function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `claim ${error.claim.slice(0, 16)}`;
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) return 'algorithm';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) return 'key';
  return 'malformed';
}

/** Whom the token speaks for, within what its issuer was given. */
function verdictOf(issuer: Issuer, payload: JWTPayload): TokenVerdict {
  const { sub = '', exp = 0 } = payload;
  if (!/^[\x21-\x7e]{1,128}$/.test(sub)) return no('claim sub');
  const role = oneOf(issuer.roles, issuer.roleClaim, payload);
  if (role === null) return no('role');
  const client = issuer.clients.length === 0 ? undefined : oneOf(issuer.clients, issuer.clientClaim, payload);
  if (client === null) return no('client');
  const principal = principalFor(issuer, role, client, sub);
  if (principal === null) return no('subject');
  const scopes = issuer.scopeClaim === undefined ? issuer.scopes : scopesIn(payload[issuer.scopeClaim], columnOf(principal));
  const narrowed = scopes === undefined ? null : checkScopes(columnOf(principal), scopes);
  if (narrowed !== null && !narrowed.ok) return no('scopes');
  const expiresAtUtc = exp * 1000 + issuer.clockToleranceMs;
  return { ok: true, expiresAtUtc, principal: Object.freeze(narrowed === null ? principal : { ...principal, scopes: narrowed.value }) };
}

function principalFor(issuer: Issuer, role: (typeof ROLES)[number], client: string | undefined, sub: string): KeyPrincipal | null {
  const keyId = `jwt:${sub}`;
  if (role === 'client') return { role, clientId: client as string, keyId };
  if (role !== 'worker') return client === undefined ? { role, keyId } : { role, clientId: client, keyId };
  const workerId = checkWorkerId(`${issuer.workerPrefix ?? ''}${sub}`);
  return workerId.ok ? { role, workerId: workerId.value, keyId } : null;
}

/** The value that the claim names, when it is in the list; without a claim the only one of the list. */
function oneOf<T extends string>(allowed: readonly T[], claim: string | undefined, payload: JWTPayload): T | null {
  if (claim === undefined) return allowed[0] ?? null;
  const said = payload[claim];
  return Object.hasOwn(payload, claim) ? (allowed.find((one) => one === said) ?? null) : null;
}

/** The words of the claim that are scopes of the role; other words are for others. */
function scopesIn(claim: unknown, column: Column): readonly string[] {
  const words = typeof claim === 'string' ? claim.split(' ') : [];
  return words.filter((word) => SCOPES.includes(word) && operationsOf(column, [word]).length > 0);
}
