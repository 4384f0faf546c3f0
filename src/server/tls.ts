// The certificate and key of a server, read and tried before anything listens: what does not fit together is told at the start.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { CONFIG } from './config.ts';
import { configRefused } from './settings.ts';
import type { ServerSettings } from './settings.ts';

export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly passphrase?: string;
  readonly validUntil: Date;
}

const { tlsCert, tlsKey, tlsPassphrase } = CONFIG;

/** Null: the server speaks plain HTTP. Throws `config_refused`. */
export function readTls(settings: Pick<ServerSettings, 'tlsCert' | 'tlsKey' | 'tlsPassphrase'>, now: number): TlsFiles | null {
  if (settings.tlsCert === undefined && settings.tlsKey === undefined) {
    if (settings.tlsPassphrase !== undefined) throw configRefused(tlsPassphrase.env, `there is no key for it to open: name one with ${tlsKey.flag}`);
    return null;
  }
  if (settings.tlsKey === undefined) throw configRefused(tlsKey.flag, `a certificate is given without its key: name it too`);
  if (settings.tlsCert === undefined) throw configRefused(tlsCert.flag, `a key is given without its certificate: name it too`);
  const cert = read(tlsCert.flag, settings.tlsCert);
  const key = read(tlsKey.flag, settings.tlsKey);
  const passphrase = settings.tlsPassphrase === undefined ? {} : { passphrase: settings.tlsPassphrase };
  const validUntil = checkCertificate(settings.tlsCert, cert, now);
  try {
    createSecureContext({ cert, key, ...passphrase });
  } catch (error) {
    throw keyTrouble(settings.tlsKey, (error as NodeJS.ErrnoException).code ?? '');
  }
  return { cert, key, ...passphrase, validUntil };
}

function read(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw configRefused(flag, isMissing ? `there is no file ${path}` : `${path} can not be read: ${(error as Error).message}`);
  }
}

function checkCertificate(path: string, cert: Buffer, now: number): Date {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(cert);
  } catch {
    throw configRefused(tlsCert.flag, `${path} is no certificate in PEM`);
  }
  if (parsed.validToDate.getTime() <= now)
    throw configRefused(tlsCert.flag, `the certificate of ${path} ended on ${parsed.validToDate.toISOString()}: renew it`);
  if (parsed.validFromDate.getTime() > now)
    throw configRefused(tlsCert.flag, `the certificate of ${path} begins on ${parsed.validFromDate.toISOString()}: check the clock`);
  return parsed.validToDate;
}

function keyTrouble(path: string, code: string): Error {
  if (code.includes('KEY_VALUES_MISMATCH') || code.includes('KEY_TYPE_MISMATCH'))
    return configRefused(tlsKey.flag, `${path} is not the key of the certificate`);
  if (code.includes('PASSPHRASE') || code.includes('PASSWORD') || code.includes('INTERRUPTED_OR_CANCELLED'))
    return configRefused(tlsPassphrase.env, `${path} is locked: set this, or ${tlsPassphrase.env}_FILE`);
  if (code.includes('BAD_DECRYPT')) return configRefused(tlsPassphrase.env, `it does not open ${path}`);
  return configRefused(tlsKey.flag, `${path} is no private key in PEM`);
}
