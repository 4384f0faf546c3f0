// Anchors: heads of the chains, signed with a key that the database does not have and kept outside of it. They show what a chain by
// itself can not: that its end was cut off, or that its owner made it anew. Signing and verifying are handed in.
import { CHAINS } from './audit-chain.ts';
import type { ChainName, Hash } from './audit-chain.ts';
import type { AnchoredHead } from './audit-check.ts';

/** Of one anchor; more are more anchors. */
export const MOST_HEADS = 1000;
export const ANCHOR_VERSION = 'prismq-anchor-1';

/** One line of a file of anchors. `prev` is the digest of the anchor before it, '' for the first. */
export interface Anchor {
  readonly kind: 'anchor';
  readonly version: string;
  readonly n: number;
  readonly at_utc: number;
  readonly prev: string;
  readonly heads: readonly { readonly chain: ChainName; readonly client_id: string; readonly seq: number; readonly hash: string }[];
  /** Ed25519, 32 bytes in hex; the signature 64. */
  readonly public_key: string;
  readonly signature: string;
}

export interface Signer {
  readonly publicKey: string;
  sign(text: string): string;
}
export type VerifySignature = (text: string, signature: string, publicKey: string) => boolean;

/** What comes next: its number, the digest of the one before it, and the heads that no anchor has yet. */
export interface NextAnchor {
  readonly n: number;
  readonly prev: string;
  readonly heads: readonly AnchoredHead[];
}

/** The text that is signed: a JSON array of strings. */
export const anchorText = ({ n, at_utc, prev, heads }: Pick<Anchor, 'n' | 'at_utc' | 'prev' | 'heads'>): string =>
  JSON.stringify([
    ANCHOR_VERSION,
    String(n),
    String(at_utc),
    prev,
    ...heads.flatMap(({ chain, client_id, seq, hash }) => [chain, client_id, String(seq), hash]),
  ]);

export function signAnchor({ n, prev, heads }: NextAnchor, atUtc: number, signer: Signer): Anchor {
  const signed = { n, at_utc: atUtc, prev, heads: heads.map(({ chain, clientId, seq, hash }) => ({ chain, client_id: clientId, seq, hash })) };
  return { kind: 'anchor', version: ANCHOR_VERSION, ...signed, public_key: signer.publicKey, signature: signer.sign(anchorText(signed)) };
}

export interface AnchorReading {
  /** Anchors whose signature is good. */
  readonly anchors: number;
  /** Lines that are no anchors: those of a log, or the torn end of a file. */
  readonly others: number;
  readonly heads: readonly AnchoredHead[];
  /** Of those given with the reading; empty where none was given. */
  readonly keys: readonly string[];
  /** What is wrong with the anchors themselves. */
  readonly faults: readonly string[];
  /** What may be wrong: numbers that are not there. */
  readonly notes: readonly string[];
}

export interface AnchorReader {
  take(line: string): void;
  end(): AnchorReading;
}

/** Reads lines in any order. An anchor counts when one of `keys` signed it; without keys none does. */
export function readAnchors(hash: Hash, verify: VerifySignature, keys: readonly string[]): AnchorReader {
  const heads = new Map<string, AnchoredHead>();
  const links = new Map<number, { readonly prev: string; readonly digests: Set<string> }>();
  const faults: string[] = [];
  const seen = new Set<string>();
  let others = 0;
  let anchors = 0;
  return {
    take(line) {
      if (line.trim() === '') return;
      const anchor = anchorIn(line);
      if (anchor === null) {
        others += 1;
        return;
      }
      const text = anchorText(anchor);
      if (!keys.includes(anchor.public_key)) faults.push(`anchor ${anchor.n} is signed with ${anchor.public_key}, which is no key that was given`);
      else if (!verify(text, anchor.signature, anchor.public_key)) faults.push(`anchor ${anchor.n} is not what was signed`);
      else {
        anchors += 1;
        seen.add(anchor.public_key);
        for (const { chain, client_id, seq, hash: head } of anchor.heads)
          heads.set(`${chain}\n${client_id}\n${seq}\n${head}`, { chain, clientId: client_id, seq, hash: head });
        const link = links.get(anchor.n);
        if (link === undefined) links.set(anchor.n, { prev: anchor.prev, digests: new Set([hash(text)]) });
        else link.digests.add(hash(text));
      }
    },
    end: () => ({ anchors, others, heads: [...heads.values()], keys: [...seen], faults, notes: missing(links) }),
  };
}

/** An anchor by itself, or as the field `anchor` of a line of a log. Null for anything else. */
function anchorIn(line: string): Anchor | null {
  try {
    const value = JSON.parse(line) as { readonly kind?: unknown; readonly anchor?: unknown };
    const found = (value.kind === 'anchor' ? value : value.anchor) as Anchor | undefined;
    return found !== undefined && isAnchor(found) ? found : null;
  } catch {
    return null;
  }
}

const isAnchor = (value: Anchor): boolean =>
  value.kind === 'anchor' &&
  value.version === ANCHOR_VERSION &&
  [value.n, value.at_utc].every((one) => Number.isSafeInteger(one)) &&
  [value.prev, value.public_key, value.signature].every((one) => typeof one === 'string') &&
  Array.isArray(value.heads) &&
  value.heads.every(
    (head) => CHAINS.includes(head?.chain) && typeof head.client_id === 'string' && Number.isSafeInteger(head.seq) && /^[0-9a-f]{64}$/.test(head.hash),
  );

type Links = ReadonlyMap<number, { readonly prev: string; readonly digests: ReadonlySet<string> }>;

/** Where the numbers have gaps, or an anchor follows one that is not the one before it here. */
function missing(links: Links): string[] {
  const notes: string[] = [];
  const numbers = [...links.keys()].toSorted((a, b) => a - b);
  for (const [i, n] of numbers.entries()) {
    const before = numbers[i - 1];
    if (before === undefined) {
      if (n > 1) notes.push(`the anchors before ${n} are not here`);
    } else if (before !== n - 1) notes.push(`the anchors from ${before + 1} to ${n - 1} are not here`);
    else if (!(links.get(before) as { digests: ReadonlySet<string> }).digests.has(links.get(n)?.prev as string))
      notes.push(`anchor ${n} follows another anchor ${before} than the one that is here`);
  }
  return notes;
}
