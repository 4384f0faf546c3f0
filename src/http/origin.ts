// Where a request comes from: the address that limits count, and whether it is this machine. A header is believed only as far as
// proxies were declared.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Where a request came from. */
export interface Origin {
  readonly address?: string;
  /** From this machine, by no proxy. */
  readonly isLocal?: boolean;
}

export const originOf = (request: IncomingMessage, proxies: number): Required<Origin> => ({
  address: addressOf(request, proxies),
  isLocal: proxies === 0 && isLocal(request),
});

/** The address that the outermost trusted proxy saw. */
export function addressOf(request: IncomingMessage, proxies: number): string {
  const direct = request.socket.remoteAddress ?? 'unknown';
  if (proxies === 0) return direct;
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => bareAddress(part.trim()))
    .filter((part) => part !== '');
  const seen = forwarded.at(-proxies) ?? '';
  return isIP(seen) === 0 ? direct : seen;
}

/** Some proxies write the port behind it: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const bareAddress = (text: string): string => /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;

const LOCAL_ADDRESS = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
const LOCAL_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/** By a local address, and by its name: behind a proxy everybody is local, and a page in a browser reaches this machine by a name of its own. */
const isLocal = ({ socket, headers }: IncomingMessage): boolean =>
  LOCAL_ADDRESS.test(socket.remoteAddress ?? '') &&
  LOCAL_HOST.test(headers.host ?? '') &&
  headers['x-forwarded-for'] === undefined &&
  headers['forwarded'] === undefined &&
  headers['via'] === undefined;
