import type { ServerHttp2Session } from 'node:http2';

/** Closes HTTP/2 connections on which nothing was asked for a while. */
export interface IdleSessions {
  /** Watches a session until it closes. */
  watch(session: ServerHttp2Session): void;
  close(): void;
}

interface Watched {
  /** Of the newest stream when it was last looked at. */
  lastStreamId: number;
  /** `performance.now()` */
  quietSince: number;
}

/** How often at most sessions are looked at, and how many times within the timeout. */
const sweepIntervalMsMax = 5_000;
const sweepsPerTimeout = 4;

/**
 * One timer for all of them: the session's own is set back by every frame, which is a fiftieth of
 * what a gRPC call costs (docs/performance.md). A ping counts as being in use.
 */
export function createIdleSessions(idleTimeoutMs: number): IdleSessions {
  const sessions = new Map<ServerHttp2Session, Watched>();
  const intervalMs = Math.min(sweepIntervalMsMax, Math.ceil(idleTimeoutMs / sweepsPerTimeout));

  const sweep = setInterval(() => {
    const now = performance.now();
    for (const [session, watched] of sessions) {
      if (session.destroyed) continue;
      const lastStreamId = session.state.lastProcStreamID ?? 0;
      if (lastStreamId !== watched.lastStreamId) {
        watched.lastStreamId = lastStreamId;
        watched.quietSince = now;
      } else if (now - watched.quietSince >= idleTimeoutMs) session.close();
    }
  }, intervalMs);
  sweep.unref();

  return {
    watch: (session) => {
      const watched = { lastStreamId: 0, quietSince: performance.now() };
      sessions.set(session, watched);
      session.on('ping', () => (watched.quietSince = performance.now()));
      session.once('close', () => sessions.delete(session));
    },
    close: () => clearInterval(sweep),
  };
}
