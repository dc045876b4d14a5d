import type net from 'node:net';

/** Closes sockets whose peer takes no byte of what waits for it. */
export interface UnreadSockets {
  watch(socket: net.Socket): void;
}

interface Progress {
  taken: number;
  queued: number;
  at: number;
}

const sweepIntervalMsMax = 1000;

/** `timeoutMs`: how long a peer may take nothing. Node times requests, not answers. */
export function createUnreadSockets(timeoutMs: number): UnreadSockets {
  const sockets = new Map<net.Socket, Progress>();
  let timer: NodeJS.Timeout | undefined;
  const sweep = (): void => {
    const now = performance.now();
    for (const [socket, progress] of sockets) {
      const waiting = socket.writableLength;
      const taken = socket.bytesWritten - waiting;
      // A part of a large write shows only here.
      const queued = queuedBytes(socket);
      if (waiting === 0 || taken !== progress.taken || queued !== progress.queued) {
        Object.assign(progress, { taken, queued, at: now });
      } else if (now - progress.at >= timeoutMs) socket.destroy();
    }
  };
  return {
    watch: (socket) => {
      sockets.set(socket, { taken: -1, queued: -1, at: performance.now() });
      timer ??= setInterval(sweep, Math.min(sweepIntervalMsMax, Math.ceil(timeoutMs / 4))).unref();
      socket.once('close', () => {
        sockets.delete(socket);
        if (sockets.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      });
    },
  };
}

/** What the operating system has not taken yet. Node's socket timeouts use the same number. */
function queuedBytes(socket: net.Socket): number {
  const { _handle: handle } = socket as { _handle?: { readonly writeQueueSize?: number } | null };
  return handle?.writeQueueSize ?? 0;
}
