// Requests as bytes on a socket, for what no HTTP client would send; and the answers taken apart by hand.
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A connection on which bytes are written as they are, and of which everything that comes back is kept. */
export interface Line {
  readonly socket: Socket;
  send(bytes: string | Buffer): void;
  /** Resolves when what came back satisfies `done`, or the other side closed. */
  until(done: (text: string) => boolean): Promise<string>;
  /** Everything that came until the other side closed. */
  closed(): Promise<string>;
  /** Resolves when `n` whole answers are there, or the other side closed. */
  answers(n: number): Promise<readonly RawAnswer[]>;
}

export function open(port: number): Line {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let isClosed = false;
  const waiters = new Set<() => void>();
  const look = (): void => {
    for (const waiter of waiters) waiter();
  };
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    look();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isClosed = true;
    look();
  });
  const until = (done: (text: string) => boolean): Promise<string> =>
    new Promise((resolve) => {
      const waiter = (): void => {
        if (!isClosed && !done(text)) return;
        waiters.delete(waiter);
        resolve(text);
      };
      waiters.add(waiter);
      waiter();
    });
  return {
    socket,
    send: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    until,
    closed: () => until(() => false),
    answers: async (n) => answersOf(await until((all) => answersOf(all).length >= n)),
  };
}

/** Whole answers in a stream of bytes (as latin1): by Content-Length, chunked, or up to the end where a head says nothing. */
export function answersOf(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let at = 0;
  for (;;) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) return answers;
    const head = text.slice(at, end);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
    const headers = headersOf(head);
    const taken = bodyOf(text, end + 4, status, headers);
    if (taken === null) return answers;
    // An interim answer comes before the one that counts.
    if (status >= 200) answers.push({ status, head, headers, body: taken.body });
    at = taken.end;
  }
}

function headersOf(head: string): Record<string, string> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

function bodyOf(text: string, from: number, status: number, headers: Readonly<Record<string, string>>): { readonly body: string; readonly end: number } | null {
  if (status < 200 || status === 204 || status === 304) return { body: '', end: from };
  if (headers['transfer-encoding'] === 'chunked') return chunksOf(text, from);
  const length = Number(headers['content-length'] ?? 0);
  return text.length < from + length ? null : { body: text.slice(from, from + length), end: from + length };
}

function chunksOf(text: string, from: number): { readonly body: string; readonly end: number } | null {
  let body = '';
  let at = from;
  for (;;) {
    const line = text.indexOf('\r\n', at);
    if (line < 0) return null;
    const size = Number.parseInt(text.slice(at, line), 16);
    const end = line + 2 + size;
    if (text.length < end + 2) return null;
    body += text.slice(line + 2, end);
    at = end + 2;
    if (size === 0) return { body, end: at };
  }
}
