// The signed context of a call: who acts, for which clients, until when, on which connection. The database verifies it in every
// policy; a bare setting could be forged by one SELECT.
import { createHmac } from 'node:crypto';
import { QueueError } from '../../domain/errors.ts';
import type { Role } from '../../domain/principal.ts';

export interface SigningKey {
  readonly kid: string;
  /** The secret, in hex. */
  readonly secret: string;
}

export interface Acting {
  readonly role: Role;
  /** `*`, the clients of the call, or none for a worker whose clients follow from its grants. */
  readonly clients: '*' | readonly string[];
  /** `client` stands for each row's own client. */
  readonly actor: string;
}

export interface Signer {
  sign(acting: Acting, pid: number): string;
}

const LIVES_S = 60;
/** A token is used again while it has at least this long to live. */
const FRESH_S = 30;
const KEPT = 2000;
const ACTOR = /^[A-Za-z0-9._:@-]+$/;
const CLIENTS = /^(\*|[A-Za-z0-9._,-]*)$/;

/** `nowS` is the database's clock in seconds. */
export function createSigner(key: SigningKey, nowS: () => number): Signer {
  const secret = Buffer.from(key.secret, 'hex');
  const kept = new Map<string, { readonly token: string; readonly until: number }>();
  return {
    sign({ role, clients, actor }, pid) {
      const scope = clients === '*' ? '*' : clients.join(',');
      if (!ACTOR.test(actor) || !CLIENTS.test(scope)) throw new QueueError('internal', 'a name in the context has a character that it may not have');
      const name = `${pid}|${role}|${actor}|${scope}`;
      const now = nowS();
      const known = kept.get(name);
      if (known !== undefined && known.until - now > FRESH_S) return known.token;
      const until = Math.ceil(now) + LIVES_S;
      const message = `v1|${key.kid}|${role}|${scope}|${actor}|${until}|${pid}`;
      const token = `${message}|${createHmac('sha256', secret).update(message).digest('hex')}`;
      if (kept.size >= KEPT) kept.clear();
      kept.set(name, { token, until });
      return token;
    },
  };
}

/** The key as the database keeps it: padded to a block and xor'ed with the inner and the outer pad of HMAC. */
export function keyPads(secretHex: string): { readonly inner: Buffer; readonly outer: Buffer } {
  const block = Buffer.alloc(64);
  Buffer.from(secretHex, 'hex').copy(block);
  return { inner: block.map((byte) => byte ^ 0x36) as Buffer, outer: block.map((byte) => byte ^ 0x5c) as Buffer };
}
