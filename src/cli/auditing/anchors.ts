// Anchors on the command line: the key that signs them, and the file or log that has them.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { anchorSigner, readAnchors, verifyAnchor } from '../../index.ts';
import type { AnchorReading, Signer } from '../../index.ts';
import { CONFIG } from '../../server/config.ts';
import type { Context } from '../context.ts';
import { wrongInput } from '../failure.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** From the flag, the environment, or the file that the environment names; null where nothing does. */
export function signerOf({ io }: Context, flag: string | undefined): Signer | null {
  const variable = CONFIG.auditKey.env;
  const text = flag === undefined ? io.env[variable] : undefined;
  if (text !== undefined && text.trim() !== '') return anchorSigner(text);
  const file = flag ?? io.env[`${variable}_FILE`];
  return file === undefined || file === '' ? null : anchorSigner(textOf(flag === undefined ? `${variable}_FILE` : '--signing-key', resolve(io.base, file)));
}

export function requireSigner(context: Context, flag: string | undefined): Signer {
  const signer = signerOf(context, flag);
  if (signer !== null) return signer;
  throw wrongInput(
    '--signing-key',
    `name the file of the key that signs, or set ${CONFIG.auditKey.env}_FILE; \`${context.io.program} audit key --new FILE\` makes one`,
  );
}

/** Public keys in hex, or files that hold one. */
export function publicKeysOf(context: Context, given: readonly string[], flag: string | undefined): readonly string[] {
  const keys = given.map((one) => (/^[0-9a-f]{64}$/.test(one) ? one : textOf('--public-key', resolve(context.io.base, one)).trim()));
  for (const key of keys)
    if (!/^[0-9a-f]{64}$/.test(key)) throw wrongInput('--public-key', 'give the 64 hex digits that `audit key` shows, or a file with them');
  if (keys.length > 0) return keys;
  const signer = signerOf(context, flag);
  if (signer !== null) return [signer.publicKey];
  throw wrongInput('--public-key', 'anchors prove nothing without the key that signed them: give what `audit key` shows');
}

/** Every anchor of these files, whatever else is in them. */
export async function readAnchorFiles({ io }: Context, files: readonly string[], keys: readonly string[]): Promise<AnchorReading> {
  const reader = readAnchors(sha256, verifyAnchor, keys);
  for (const file of files) {
    const input = createReadStream(resolve(io.base, file), 'utf8');
    try {
      for await (const line of createInterface({ input, crlfDelay: Infinity })) reader.take(line);
    } catch (error) {
      throw unreadable('--anchors', resolve(io.base, file), error);
    }
  }
  return reader.end();
}

export function unreadable(flag: string, path: string, error: unknown): Error {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return wrongInput(flag, isMissing ? `there is no file ${path}` : `${path} can not be read: ${(error as Error).message}`);
}

function textOf(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(flag, path, error);
  }
}
