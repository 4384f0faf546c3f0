// The public keys of an issuer: a set behind an address, or in a file. What the address answers is bounded, follows no
// redirect, and is asked for no more often than every few seconds, whatever tokens say.
import { readFileSync, statSync } from 'node:fs';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors } from 'jose';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import { QueueError } from '../domain/errors.ts';

const MOST_BYTES = 256_000;
const TIMEOUT_MS = 5000;
const COOLDOWN_MS = 30_000;
const MAX_AGE_MS = 600_000;
/** After a failure: nobody asks again before. */
const PAUSE_MS = 2000;

const unavailable = (issuer: string): QueueError =>
  new QueueError('issuer_unavailable', `the keys of the issuer ${issuer} can not be had now: try again, and check its address`);

/** A set behind an address: https, or http on this machine. Keys that are known verify while the address fails. */
export function remoteKeys(issuer: string, url: URL, now: () => number): JWTVerifyGetKey {
  let pauseUntil = 0;
  const fetchKeys = async (href: string, options: RequestInit): Promise<Response> => {
    try {
      if (now() >= pauseUntil) return await fetchSet(href, options);
    } catch {
      pauseUntil = now() + PAUSE_MS;
    }
    throw unavailable(issuer);
  };
  const set = createRemoteJWKSet(url, { timeoutDuration: TIMEOUT_MS, cooldownDuration: COOLDOWN_MS, cacheMaxAge: MAX_AGE_MS, [customFetch]: fetchKeys });
  return async (header, token) => {
    try {
      return await set(header, token);
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof QueueError) throw error;
      // A key of the set that is none: as good as absent.
      throw new errors.JWKSNoMatchingKey();
    }
  };
}

/** Like fetch, but what is too long, moved, or no key set is no answer. */
async function fetchSet(href: string, options: RequestInit): Promise<Response> {
  const response = await fetch(href, { ...options, redirect: 'error' });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) throw new Error('the key set is too long');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (response.status !== 200 || keysIn(JSON.parse(text)) === null) throw new Error('no key set');
  return new Response(text);
}

function keysIn(value: unknown): readonly Readonly<Record<string, unknown>>[] | null {
  const keys = (value as { readonly keys?: unknown } | null)?.keys;
  return Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null) ? (keys as Readonly<Record<string, unknown>>[]) : null;
}

/** A set in a file, read at once so that a wrong one is told at the start, and again when the file has changed. */
export function fileKeys(issuer: string, file: string): JWTVerifyGetKey {
  let changedAt = statOf(file);
  let set = readSet(file);
  return (header, token) => {
    const current = statOf(file);
    if (current !== changedAt) {
      try {
        set = readSet(file);
        changedAt = current;
      } catch {
        // Half written, or gone: what was read before holds until it can be read again.
        if (current === null) return Promise.reject(unavailable(issuer));
      }
    }
    return set(header, token);
  };
}

function statOf(file: string): number | null {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

function readSet(file: string): JWTVerifyGetKey {
  const wrong = (message: string): never => {
    throw new QueueError('invalid_input', `${file}: ${message}`, { fields: [{ field: 'keys.file', message }] });
  };
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return wrong('can not be read as JSON: give a JSON Web Key Set, {"keys": […]}');
  }
  const keys = keysIn(value);
  if (keys === null || keys.length === 0) return wrong('has no keys: give a JSON Web Key Set, {"keys": […]}');
  for (const key of keys) if (key['kty'] === 'oct' || 'd' in key) return wrong('has a secret or private key: a verifier needs public keys only');
  return createLocalJWKSet(value as JSONWebKeySet);
}
