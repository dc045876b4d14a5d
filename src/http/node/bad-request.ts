import { randomUUID } from 'node:crypto';
import type http from 'node:http';
import type net from 'node:net';

import { isLingering } from './linger.ts';

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
      ? ['431 Request Header Fields Too Large', 'malformed_request']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'request_timeout']
        : ['400 Bad Request', 'malformed_request'];
  const body = JSON.stringify({
    type: `urn:headgate:error:${code}`,
    title: status.slice(4),
    status: Number(status.slice(0, 3)),
    detail: 'This is not a whole HTTP request.',
    code,
  });
  endWith(
    socket,
    `HTTP/1.1 ${status}\r\ncontent-type: application/problem+json\r\nconnection: close\r\n` +
      `x-correlation-id: ${randomUUID()}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/**
 * Answers the requests before the invalid one first, because a caller would take this answer for
 * theirs. If the error is in the body of the request that is being answered, its answer is the
 * last.
 */
function endWith(socket: net.Socket, answer: string): void {
  const { _httpMessage: pendingAnswer } = socket as { _httpMessage?: http.ServerResponse | null };
  if (pendingAnswer) {
    socket.pause();
    pendingAnswer.once('finish', () => endWith(socket, answer));
  } else if (socket.writable) socket.end(answer);
}
