// Bytes on a real socket and what comes back, byte by byte: for requests that no client would send.
import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}
export interface RawEnd {
  readonly answers: readonly RawAnswer[];
  /** Whether the server ended the connection. */
  readonly closed: boolean;
  readonly text: string;
}

export interface RawOptions {
  /** Stop reading after so many answers; else until the server ends the connection. */
  readonly answers?: number;
  /** Goes away as soon as everything is sent. */
  readonly leave?: true;
}

/** Against a server that never answers: no test waits for ever. */
const GIVE_UP_MS = 20_000;

/** Sends the parts one after the other, each in a write of its own, and reads until there are answers enough or the server ends it. */
export function send(port: number, parts: readonly (string | Buffer)[], { answers: wanted = Infinity, leave }: RawOptions = {}): Promise<RawEnd> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let closed = false;
    const done = (): void => {
      socket.destroy();
      const text = Buffer.concat(chunks).toString('latin1');
      try {
        resolve({ answers: parseAnswers(text, true).answers, closed, text });
      } catch (error) {
        reject(error);
      }
    };
    socket.setTimeout(GIVE_UP_MS, () => socket.destroy(new Error('the server neither answered nor closed')));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (parseAnswers(Buffer.concat(chunks).toString('latin1'), false).answers.length >= wanted) done();
    });
    socket.on('end', () => (closed = true));
    // A server that ends a connection with bytes unread resets it: what it answered before is what counts.
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? (closed = true) : reject(error)));
    socket.on('close', done);
    void write(socket, parts).then(() => leave === true && socket.destroy());
  });
}

async function write(socket: ReturnType<typeof connect>, parts: readonly (string | Buffer)[]): Promise<void> {
  for (const part of parts) {
    if (socket.destroyed) return;
    await new Promise<void>((resolve) => socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part, () => resolve()));
  }
}

/** Answers one after the other; `whole` says that no more comes. */
function parseAnswers(text: string, whole: boolean): { readonly answers: RawAnswer[] } {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) break;
    const [line = '', ...heads] = rest.slice(0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1]);
    if (!(status >= 100)) throw new Error(`this is no answer: ${JSON.stringify(line)}`);
    const headers = new Map(heads.map((head) => [head.slice(0, head.indexOf(':')).toLowerCase(), head.slice(head.indexOf(':') + 1).trim()]));
    const body = bodyOf(rest.slice(end + 4), headers, status, whole);
    if (body === null) break;
    answers.push({ status, headers, body: body.text });
    rest = rest.slice(end + 4 + body.length);
  }
  return { answers };
}

function bodyOf(text: string, headers: ReadonlyMap<string, string>, status: number, whole: boolean): { text: string; length: number } | null {
  if (status === 100 || status === 204) return { text: '', length: 0 };
  const length = headers.get('content-length');
  if (length !== undefined)
    return text.length < Number(length) ? (whole ? { text, length: text.length } : null) : { text: text.slice(0, Number(length)), length: Number(length) };
  if (headers.get('transfer-encoding') !== 'chunked') return whole ? { text, length: text.length } : null;
  const end = text.indexOf('0\r\n\r\n');
  if (end < 0) return whole ? { text, length: text.length } : null;
  return {
    text: text
      .slice(0, end)
      .replace(/^[0-9a-f]+\r\n/, '')
      .replace(/\r\n$/, ''),
    length: end + 5,
  };
}

export interface Head {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly host?: string | null;
  readonly key?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  /** False: no content-length is made. */
  readonly length?: boolean;
}

/** A request as text; whatever is left out is as it should be. */
export function request({
  method = 'POST',
  target = '/queue/enqueue',
  version = 'HTTP/1.1',
  host = 'localhost',
  key,
  headers = [],
  body,
  length = true,
}: Head): string {
  const lines = [`${method} ${target} ${version}`];
  if (host !== null) lines.push(`Host: ${host}`);
  if (key !== undefined) lines.push(`Authorization: Bearer ${key}`);
  if (body !== undefined && !headers.some((line) => /^content-type/i.test(line))) lines.push('Content-Type: application/json');
  if (body !== undefined && length) lines.push(`Content-Length: ${Buffer.byteLength(body, 'latin1')}`);
  return `${[...lines, ...headers].join('\r\n')}\r\n\r\n${body ?? ''}`;
}
