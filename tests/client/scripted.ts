// A server that answers what a test tells it to, for what a good server does not do: it refuses, breaks off, says nonsense. And a
// proxy on TCP that cuts, holds or refuses what goes through it.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
export type Turn = (response: ServerResponse, seen: Seen) => void;

export interface Scripted extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly Seen[];
}

/** Each request gets the next turn; the last one stays. */
export async function scripted(...turns: readonly Turn[]): Promise<Scripted> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() };
      seen.push(one);
      turns[Math.min(seen.length, turns.length) - 1]?.(response, one);
    });
  });
  return { url: await open(server), seen, [Symbol.asyncDispose]: () => shut(server, () => server.closeAllConnections()) };
}

async function open(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function shut(server: Server, cut: () => void): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  cut();
  await closed;
}

export const json =
  (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Turn =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
export const problem = (status: number, code: string, more: object = {}, headers: Readonly<Record<string, string>> = {}): Turn =>
  json(status, { type: `urn:prismq:error:${code}`, title: code, status, code, detail: `it is ${code}`, request_id: 'r1', ...more }, headers);
export const text =
  (status: number, body: string, type = 'text/html'): Turn =>
  (response) =>
    void response.writeHead(status, { 'content-type': type }).end(body);
export const cut: Turn = (response) => void response.socket?.destroy();
/** Half of what was promised. */
export const half: Turn = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"tasks":[');
  setImmediate(() => response.socket?.destroy());
};

export interface Proxy extends AsyncDisposable {
  readonly url: string;
  /** What happens to a connection from its next bytes on. `cut_answer`: the request goes through, its answer does not. */
  mode: 'pass' | 'cut_answer' | 'hole' | 'refuse';
  /** Which of the pieces that come back are cut off with their connection, counted from 1. */
  cutAt: (piece: number) => boolean;
  /** How many connections were cut so. */
  readonly cuts: number;
  /** How many connections there were. */
  readonly opened: number;
  /** Cuts all that are open. */
  cutAll(): void;
}

export async function proxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const open_ = new Set<Socket>();
  let cuts = 0;
  let opened = 0;
  let pieces = 0;
  const server = createTcpServer((near) => {
    opened += 1;
    if (self.mode === 'refuse') return void near.destroy();
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      open_.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open_.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => {
      if (self.mode !== 'hole') far.write(bytes);
    });
    far.on('data', (bytes) => {
      pieces += 1;
      if (self.mode === 'pass' && !self.cutAt(pieces)) return void near.write(bytes);
      if (self.mode === 'hole') return;
      cuts += 1;
      near.destroy();
    });
  });
  const self: Proxy = {
    url: await open(server),
    mode: 'pass',
    cutAt: () => false,
    get cuts() {
      return cuts;
    },
    get opened() {
      return opened;
    },
    cutAll() {
      for (const socket of open_) socket.destroy();
    },
    [Symbol.asyncDispose]: () => shut(server, () => self.cutAll()),
  };
  return self;
}
