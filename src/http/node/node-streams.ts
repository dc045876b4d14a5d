import type { Readable, Writable } from 'node:stream';

import type { BodySink } from '../http-call.ts';

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

/** Calls `cutOff` after `lingerMs`, unless the body closes before. */
export function cutOffLater(body: Readable, lingerMs: number, cutOff: () => void): void {
  const timer = setTimeout(cutOff, lingerMs);
  timer.unref();
  body.once('close', () => clearTimeout(timer));
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
