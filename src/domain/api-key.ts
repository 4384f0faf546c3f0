// The form of a key: `prismq_<kind>_<id>_<secret><crc>`, its parts in base62. The kind and the id tell keys apart in lists and
// logs; the checksum refuses a mistyped key without a look-up and lets scanners be sure of a leak. It is no protection.

export const KEY_KINDS = ['client', 'worker', 'admin', 'auditor'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

/** How a parsed text is not a key: not of the form, or of the form with a checksum that does not fit. */
export type KeyFault = 'malformed' | 'checksum';
export type ParsedKey = { readonly ok: true; readonly kind: KeyKind; readonly keyId: string } | { readonly ok: false; readonly fault: KeyFault };

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
export const KEY_ID_BYTES = 8;
export const SECRET_BYTES = 32;
/** Digits of base62 that hold so many bytes. */
const ID_DIGITS = 11;
const SECRET_DIGITS = 43;
const CRC_DIGITS = 6;
const KEY = /^prismq_(client|worker|admin|auditor)_([0-9A-Za-z]{11})_[0-9A-Za-z]{49}$/;
const BOOTSTRAP = /^prismq_bootstrap_[0-9A-Za-z]{49}$/;

export function formatKey(kind: KeyKind, idHex: string, secretHex: string): { readonly keyId: string; readonly key: string } {
  const keyId = base62(BigInt(`0x${idHex}`), ID_DIGITS);
  return { keyId, key: sealed(`prismq_${kind}_${keyId}_${base62(BigInt(`0x${secretHex}`), SECRET_DIGITS)}`) };
}

/** The one-time secret that makes the first admin's key. */
export const formatBootstrap = (secretHex: string): string => sealed(`prismq_bootstrap_${base62(BigInt(`0x${secretHex}`), SECRET_DIGITS)}`);

export function parseKey(text: string): ParsedKey {
  const [, kind, keyId] = KEY.exec(text) ?? [];
  if (kind === undefined || keyId === undefined) return { ok: false, fault: 'malformed' };
  return isSealed(text) ? { ok: true, kind: kind as KeyKind, keyId } : { ok: false, fault: 'checksum' };
}

export const isBootstrap = (text: string): boolean => BOOTSTRAP.test(text) && isSealed(text);

const sealed = (text: string): string => text + base62(BigInt(crc32(text)), CRC_DIGITS);
const isSealed = (text: string): boolean => sealed(text.slice(0, -CRC_DIGITS)) === text;

function base62(value: bigint, digits: number): string {
  let text = '';
  for (let rest = value; text.length < digits; rest /= 62n) text = `${ALPHABET[Number(rest % 62n)] as string}${text}`;
  return text;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 (ISO-HDLC, that of zip and zlib) of a text of ASCII. */
export function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) crc = (TABLE[(crc ^ text.charCodeAt(i)) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
