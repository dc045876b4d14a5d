import type { Readable, Writable } from 'node:stream';

import type { BodySink } from '../http-call.ts';
import { idleBytesMin, type LingerLimits } from '../linger.ts';

/* Shared by the calls of Node's two servers: the bodies of both are Node's streams. */

/** Passes the body to `sink` as it arrives. `sink` may be called again after its `end` or `cut`. */
export function receiveStream(
  body: Readable & { readonly aborted: boolean },
  sink: BodySink,
): void {
  body.on('data', (chunk: Buffer) => sink.chunk(chunk));
  body.on('end', () => {
    // An HTTP/2 upload that its caller resets ends like a complete one.
    if (body.aborted) sink.cut();
    else sink.end();
  });
  const cut = (): void => sink.cut();
  body.on('error', cut);
  body.on('close', cut);
}

/**
 * Discards the rest of a body, and calls `cutOff` at the first of `limits`, unless the body ends
 * before. The times count from `start` on, which the caller calls once the answer is written.
 */
export function discardRest(
  body: Readable,
  limits: LingerLimits,
  cutOff: () => void,
): { start(): void } {
  let timer: NodeJS.Timeout | undefined;
  let bytes = 0;
  let bytesBefore = 0;
  let arrivedAt = 0;
  let endsAt = 0;
  const stop = (): void => clearTimeout(timer);
  // One timer that is not restarted for each chunk.
  const check = (): void => {
    const leftMs = Math.min(endsAt, arrivedAt + limits.idleMs) - performance.now();
    if (leftMs <= 0) cutOff();
    else timer = setTimeout(check, leftMs).unref();
  };
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes - bytesBefore >= idleBytesMin) {
      bytesBefore = bytes;
      arrivedAt = performance.now();
    }
    if (bytes > limits.bytesMax) cutOff();
  });
  body.once('end', stop);
  body.once('close', stop);
  body.resume();
  return {
    start: () => {
      arrivedAt = performance.now();
      endsAt = arrivedAt + limits.lingerMs;
      check();
    },
  };
}

/**
 * Calls back at once if there is room, otherwise when there is room again or the caller has
 * disconnected.
 */
export function writeWithRoom(to: Writable, bytes: Uint8Array, whenTaken: () => void): void {
  if (to.write(bytes) || to.destroyed) {
    whenTaken();
    return;
  }
  const taken = (): void => {
    to.off('drain', taken);
    to.off('close', taken);
    whenTaken();
  };
  to.on('drain', taken);
  to.on('close', taken);
}
