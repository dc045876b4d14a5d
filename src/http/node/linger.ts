import type { IncomingMessage, ServerResponse } from 'node:http';
import type net from 'node:net';

import type { LingerLimits } from '../linger.ts';
import { discardRest } from './node-streams.ts';

/**
 * Keeps the connection of an answered request until the rest of its body has arrived, which is
 * discarded, and then lets Node close it. Closes it at the first of `limits`. Call this before the
 * answer is written, and only with an answer that has `connection: close`.
 *
 * By itself Node calls `destroySoon` right behind such an answer, whatever still arrives. The
 * connection is not half-closed before the body is complete: many callers take the end of their
 * peer, and over TLS its `close_notify`, for the end of both directions.
 */
export function lingerAfterAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  limits: LingerLimits,
): void {
  const socket: Lingering = request.socket;
  const destroySoon = request.socket.destroySoon.bind(request.socket);
  const rest = discardRest(request, limits, destroySoon);
  response.once('finish', () => {
    if (!request.complete) rest.start();
  });
  socket.destroySoon = () => {
    if (request.complete) destroySoon();
    else request.once('end', destroySoon);
  };
  // If the answer did not announce the end of the connection, the next request follows.
  request.once('end', () => delete socket.destroySoon);
}

/** The socket's last request is answered already; only the rest of its body arrives. */
export function isLingering(socket: net.Socket): boolean {
  return Object.hasOwn(socket, 'destroySoon');
}

/** A socket with its own `destroySoon`, in place of its class's. */
type Lingering = { destroySoon?: () => void };
