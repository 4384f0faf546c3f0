// Connections that have not asked anything yet. Node counts them as busy (a request may be on its way), so that a server that
// drains would wait for them until its grace is over.
import type { IncomingMessage, Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';

export interface SilentConnections {
  /** A request came: its connection is none of these any more. */
  spoke(request: IncomingMessage): void;
  end(): void;
}

/** A connection and the TLS over it are two sockets with one peer. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

export function watchSilent(server: Server | TlsServer): SilentConnections {
  const silent = new Map<string, Socket>();
  const known = new WeakSet<Socket>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    silent.set(peer, socket);
    socket.once('close', () => {
      if (silent.get(peer) === socket) silent.delete(peer);
    });
  });
  return {
    spoke({ socket }) {
      if (known.has(socket)) return;
      known.add(socket);
      silent.delete(peerOf(socket));
    },
    end() {
      for (const socket of silent.values()) socket.destroy();
    },
  };
}
