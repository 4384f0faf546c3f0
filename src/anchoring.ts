// Anchors as files and lines of a log: keys, signing, and the steps that sign what no anchor has yet. The key is not in the database,
// and the line is on its medium before the database is told of it.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { open } from 'node:fs/promises';
import { QueueError } from './domain/errors.ts';
import { MOST_HEADS, anchorText, signAnchor } from './domain/audit-anchor.ts';
import type { Anchor, Signer, VerifySignature } from './domain/audit-anchor.ts';
import type { AnchorSource } from './service/handles.ts';

export type { Anchor, AnchorReading, Signer } from './domain/audit-anchor.ts';
export { readAnchors } from './domain/audit-anchor.ts';

/** Where anchors go. Resolves when the line is safe. */
export type AnchorSink = (anchor: Anchor) => Promise<void> | void;

export interface AnchorOptions {
  readonly signer: Signer;
  readonly sink: AnchorSink;
  /** How often what is new is anchored, ms; default 600,000. */
  readonly everyMs?: number;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The private key in PEM (PKCS 8), as `newAnchorKey` makes it. */
export function anchorSigner(pem: string): Signer {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw wrongKey('it is no private key in PEM', error);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw wrongKey(`it is a key of ${key.asymmetricKeyType}, not of Ed25519`);
  return { publicKey: rawOf(createPublicKey(key)), sign: (text) => sign(null, Buffer.from(text), key).toString('hex') };
}

const wrongKey = (why: string, cause?: unknown): QueueError =>
  new QueueError(
    'invalid_input',
    `the key that signs anchors: ${why}; \`prismq audit key --new FILE\` makes one`,
    { fields: [{ field: 'key', message: why }] },
    cause,
  );

/** A fresh key, in PEM. */
export const newAnchorKey = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

const rawOf = (key: KeyObject): string => Buffer.from(key.export({ format: 'jwk' }).x as string, 'base64url').toString('hex');

export const verifyAnchor: VerifySignature = (text, signature, publicKey) => {
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey, 'hex').toString('base64url') }, format: 'jwk' });
    return /^[0-9a-f]{128}$/.test(signature) && verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex'));
  } catch {
    return false;
  }
};

/** Appends lines to a file, each on the disk before the next. A line that a crash tore stays by itself. */
export function anchorFile(path: string): AnchorSink {
  return async (anchor) => {
    const file = await open(path, 'a+', 0o640);
    try {
      const { size } = await file.stat();
      const torn = size > 0 && (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== 0x0a;
      await file.appendFile(`${torn ? '\n' : ''}${JSON.stringify(anchor)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  };
}

/** Anchors what no anchor has yet, in bounded steps; how many anchors, and of how many heads. */
export async function anchorAll(
  source: AnchorSource,
  { signer, sink }: AnchorOptions,
  now: () => number,
): Promise<{ readonly anchors: number; readonly heads: number }> {
  let anchors = 0;
  let heads = 0;
  for (;;) {
    const next = await source.nextAnchor();
    if (next.heads.length === 0) return { anchors, heads };
    const anchor = signAnchor(next, now(), signer);
    await sink(anchor);
    await source.anchored({ ...next, digest: sha256(anchorText(anchor)) });
    anchors += 1;
    heads += next.heads.length;
    // What was sealed meanwhile is for the next time.
    if (next.heads.length < MOST_HEADS) return { anchors, heads };
  }
}
