import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';

import { allowedMethods, noProxy } from '../check-requests.ts';
import { defaultLinger } from '../linger.ts';
import { problemText } from '../problem-text.ts';
import { isLingering } from './linger.ts';
import { discardRest } from './node-streams.ts';

/**
 * Answers a request that Node's HTTP/1.1 parser refused, as problem JSON: 400, 408 (too slow) or
 * 431 (too large). Use it for a server's `clientError` event. Without a listener, Node sends a bare
 * status line or closes the connection.
 */
export function answerBadRequest(error: NodeJS.ErrnoException, socket: net.Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  if (isLingering(socket)) {
    // The request has its answer, and what follows it cannot be read as a request of its own.
    socket.end();
    return;
  }
  const [status, code] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'malformed_request']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'request_timeout']
        : [400, 'malformed_request'];
  endWith(socket, answerText(status, code, 'This is not a whole HTTP request.', ''));
}

/** Answers CONNECT, for which Node makes no response. */
export function refuseConnect(_request: http.IncomingMessage, socket: Duplex): void {
  const { status, code, detail } = noProxy;
  socket.on('error', () => socket.destroy());
  socket.end(answerText(status, code, detail, `allow: ${allowedMethods}\r\n`));
}

function answerText(status: number, code: string, detail: string, lines: string): string {
  const body = problemText(status, code, detail);
  return (
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines}` +
    'content-type: application/problem+json\r\nconnection: close\r\n' +
    `x-correlation-id: ${randomUUID()}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

/**
 * Answers the requests before the invalid one first, because a caller would take this answer for
 * theirs. If the error is in the body of the request that waits for its answer, this is its answer,
 * at once: no more of that body can be read.
 */
function endWith(socket: net.Socket, answer: string): void {
  const { _httpMessage: pendingAnswer } = socket as { _httpMessage?: http.ServerResponse | null };
  if (!pendingAnswer) {
    if (socket.writable) socket.end(answer);
  } else if (pendingAnswer.req.complete || pendingAnswer.headersSent) {
    socket.pause();
    pendingAnswer.once('finish', () => endWith(socket, answer));
  } else {
    socket.end(answer);
    // Unread bytes would reset the connection before the caller has read this. When it closes, the
    // endpoint takes that for the end of the caller.
    socket.removeAllListeners('data');
    discardRest(socket, defaultLinger, () => socket.destroy()).start();
  }
}
