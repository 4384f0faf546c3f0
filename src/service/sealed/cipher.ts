// One text sealed for one field of one task of one client: AES-256-GCM, whose associated data names all three, so that a sealed text opens nowhere
// else. The nonce is made from key, place and text: the same text in the same place is sealed the same, which a repeat has to be.
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

export interface DataKey {
  readonly keyNo: number;
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

export type SealedField = 'payload' | 'result' | 'error' | 'stack' | 'progress' | 'message' | 'details' | 'schedule';
export interface Place {
  readonly clientId: string;
  /** Of a schedule: its name. */
  readonly taskId: string;
  readonly field: SealedField;
}

const NONCE = 12;
const TAG = 16;
const FORM = /^prismq1\.(\d{1,9})\.([A-Za-z0-9_-]+)$/;
/** What JSON fields hold: a JSON value like any other, so that nothing has to know. */
const JSON_FORM = /^\{"\$sealed":"([^"\\]+)"\}$/;

const associated = ({ clientId, taskId, field }: Place, keyNo: number): Buffer => Buffer.from(['prismq1', keyNo, clientId, taskId, field].join('\n'));

export function seal(key: DataKey, place: Place, text: string): string {
  const data = associated(place, key.keyNo);
  const nonce = createHmac('sha256', key.bytes).update(data).update('\n').update(text).digest().subarray(0, NONCE);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce).setAAD(data);
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `prismq1.${key.keyNo}.${sealed.toString('base64url')}`;
}

/** The text, or null when it is not sealed for this place by one of these keys. */
export function unseal(keys: readonly DataKey[], place: Place, sealed: string): string | null {
  const [, keyNo, body] = FORM.exec(sealed) ?? [];
  const key = keys.find((one) => String(one.keyNo) === keyNo);
  if (key === undefined || body === undefined) return null;
  const bytes = Buffer.from(body, 'base64url');
  if (bytes.length < NONCE + TAG) return null;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, NONCE)).setAAD(associated(place, key.keyNo));
    decipher.setAuthTag(bytes.subarray(-TAG));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}

export const sealJson = (key: DataKey, place: Place, text: string): string => `{"$sealed":"${seal(key, place, text)}"}`;

/** The JSON text that was sealed; as it is when it was not. */
export function unsealJson(keys: readonly DataKey[], place: Place, text: string): string {
  const sealed = JSON_FORM.exec(text)?.[1];
  return sealed === undefined ? text : (unseal(keys, place, sealed) ?? text);
}

/** So many bytes of text fit into a column of so many characters once they are sealed. */
export const roomIn = (characters: number): number => Math.floor(((characters - 'prismq1.999999999.'.length) * 3) / 4) - NONCE - TAG - 2;

/** A digest that nobody can guess at without the key: the same for the same text as long as the client has its first key. */
export function keyedDigest(keys: readonly DataKey[], text: string): string {
  const first = keys.reduce((a, b) => (b.keyNo < a.keyNo ? b : a));
  return createHmac('sha256', first.bytes).update('prismq1\nrequest\n').update(text).digest('hex');
}
