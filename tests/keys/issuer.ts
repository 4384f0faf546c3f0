// A real issuer of tokens: keys made here, a key set behind a local address, and tokens signed with them.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { CryptoKey, JWK, JWTHeaderParameters, JWTPayload } from 'jose';
import { START } from './rig.ts';

export const NAME = 'https://login.example';
export const SECONDS = START / 1000;

export interface Signer {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function signer(kid: string, alg = 'ES256'): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export const CLAIMS = { iss: NAME, aud: 'prismq', sub: 'svc-1', iat: SECONDS, exp: SECONDS + 600 } as const satisfies JWTPayload;

/** A claim or header that is given as undefined is left out. */
export function token(by: Signer, claims: Readonly<Record<string, unknown>> = {}, header: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const payload = { ...CLAIMS, ...claims } as JWTPayload;
  return new SignJWT(payload).setProtectedHeader({ alg: by.alg, kid: by.kid, typ: 'at+jwt', ...header } as JWTHeaderParameters).sign(by.privateKey);
}

export interface Address {
  readonly url: string;
  /** How often the keys were asked for. */
  readonly asked: () => number;
  readonly answer: (handler: (request: IncomingMessage, response: ServerResponse) => void) => void;
}

/** Serves a key set; what it answers can be replaced. */
export async function address(t: TestContext, keys: readonly JWK[]): Promise<Address> {
  let asked = 0;
  let handler = (_: IncomingMessage, response: ServerResponse): void =>
    void response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  const server = createServer((request, response) => {
    asked += 1;
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/keys`, asked: () => asked, answer: (next) => void (handler = next) };
}
