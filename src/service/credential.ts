// What comes with a request to say who sends it, and what a verifier of tokens answers. Types only.
import type { KeyPrincipal } from '../domain/principal.ts';

/** Where a credential came from: put into the security event of a refusal. */
export interface CallerOrigin {
  readonly address?: string;
  readonly requestId?: string;
}

export type TokenVerdict =
  | { readonly ok: true; readonly principal: KeyPrincipal; readonly expiresAtUtc: number }
  /** `reason` is for the record, one word of a few; the caller is told nothing. */
  | { readonly ok: false; readonly reason: string };

/** Verifies a token that is no API key. Throws when it can not be decided now. */
export type VerifyToken = (token: string) => Promise<TokenVerdict>;
