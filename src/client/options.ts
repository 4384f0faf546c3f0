// The options of a connection, checked once: a wrong one is told before anything is sent, and no message has the key.
import { QueueError } from '../domain/errors.ts';

export interface ConnectOptions {
  /** Where the server is, like `https://queue.example.org`; a path before `/queue` is kept. */
  readonly url: string;
  /** The API key or token; a function is asked before each request, for what changes. */
  readonly key: string | (() => string | Promise<string>);
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch;
  /** How long one request may take, beside what the server was asked to wait; 1–600,000 ms, default 30,000. */
  readonly timeoutMs?: number;
  /** How often a request is sent again where that is safe; 0–100, default 3. */
  readonly retries?: number;
  /** Ends everything that is under way on this connection. */
  readonly signal?: AbortSignal;
}

export interface Settings {
  /** Without a slash at its end. */
  readonly base: string;
  readonly key: () => Promise<string>;
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly signal: AbortSignal | undefined;
}

export function settingsOf(options: ConnectOptions): Settings {
  const { key, fetch = globalThis.fetch, timeoutMs = 30_000, retries = 3, signal } = options;
  if (typeof key === 'string') checkKey(key);
  else if (typeof key !== 'function') wrong('key', 'give the key as a text, or a function that answers it');
  if (typeof fetch !== 'function') wrong('fetch', 'there is no global fetch here: give one');
  checkRange('timeoutMs', timeoutMs, 1, 600_000);
  checkRange('retries', retries, 0, 100);
  return {
    base: baseOf(options.url),
    key: async () => checkKey(typeof key === 'string' ? key : await key()),
    // Called without a receiver: browsers refuse their own fetch as a method of something else.
    fetch: (input, init) => fetch(input, init),
    timeoutMs,
    retries,
    signal,
  };
}

function baseOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : wrong('url', `${JSON.stringify(url)} is no address: give one like https://queue.example.org`);
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') wrong('url', 'the address begins with http:// or https://');
  if (parsed.username !== '' || parsed.password !== '') wrong('url', 'no user or password goes into the address: give the key as `key`');
  if (parsed.search !== '' || parsed.hash !== '') wrong('url', 'the address has no ? and no #');
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`;
}

/** What a header can carry. */
function checkKey(key: string): string {
  return typeof key === 'string' && /^[\x21-\x7e]{1,8192}$/.test(key) ? key : wrong('key', 'a key has letters, digits and signs of ASCII, and no spaces');
}

function checkRange(field: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to) wrong(field, `${String(value)} is not a whole number from ${from} to ${to}`);
}

function wrong(field: string, message: string): never {
  throw new QueueError('invalid_input', `${field}: ${message}`, { fields: [{ field, message }] });
}
