// The master key: it wraps the data keys of clients and never touches a payload. From a file, the environment, or a service for keys (KMS),
// which implements the same two functions. The first of several keys wraps; the others only open what they wrapped.
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { QueueError } from '../../domain/errors.ts';

/** What a service for keys implements. The client is bound into what is wrapped: it opens for no other. */
export interface MasterKey {
  wrap(key: Uint8Array, clientId: string): Promise<string>;
  /** Throws when it does not open. */
  unwrap(wrapped: string, clientId: string): Promise<Uint8Array>;
}

const KEY = /^[0-9a-f]{64}$/i;
const BETWEEN = /[\s,]+/;

/** Keys of 64 hex digits each, the current one first. `randomHex` gives nonces. */
export function masterKeyOf(given: string | readonly string[], randomHex: (bytes: number) => string): MasterKey {
  const keys = (typeof given === 'string' ? given.trim().split(BETWEEN) : given).map(parseKey);
  const [current] = keys;
  if (current === undefined) throw wrong();
  return {
    async wrap(key, clientId) {
      const nonce = Buffer.from(randomHex(12), 'hex');
      const cipher = createCipheriv('aes-256-gcm', current.bytes, nonce).setAAD(Buffer.from(`prismq1\nwrap\n${clientId}`));
      const wrapped = Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
      return `${current.id}.${wrapped.toString('base64url')}`;
    },
    async unwrap(wrapped, clientId) {
      const [id, body = ''] = wrapped.split('.');
      const key = keys.find((one) => one.id === id);
      if (key === undefined) throw closed(clientId);
      const bytes = Buffer.from(body, 'base64url');
      try {
        const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, 12)).setAAD(Buffer.from(`prismq1\nwrap\n${clientId}`));
        decipher.setAuthTag(bytes.subarray(-16));
        return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
      } catch {
        throw closed(clientId);
      }
    },
  };
}

/** Whether a text is one or several of them. */
export const isMasterKey = (text: string): boolean =>
  text
    .trim()
    .split(BETWEEN)
    .every((one) => KEY.test(one));

function parseKey(text: string): { readonly id: string; readonly bytes: Uint8Array } {
  if (!KEY.test(text)) throw wrong();
  const bytes = Buffer.from(text, 'hex');
  // Tells keys apart and tells nothing of them.
  return { id: createHash('sha256').update('prismq1\nmaster\n').update(bytes).digest('hex').slice(0, 12), bytes };
}

const wrong = (): QueueError =>
  new QueueError('invalid_input', 'a master key is 64 hex digits, several are separated by commas, the current one first: `openssl rand -hex 32` makes one', {
    fields: [{ field: 'masterKey', message: 'not 64 hex digits' }],
  });
const closed = (clientId: string): QueueError =>
  new QueueError(
    'store_refused',
    `the data key of ${clientId} was wrapped by a master key that is not given here: give that one as well, behind the current one`,
  );
