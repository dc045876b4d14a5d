import { createHash, randomBytes } from 'node:crypto';

import type { TokenOwner } from '../access/authorize.ts';

/** A session of the console: an operator who has signed in with a browser. */
export interface ConsoleSession {
  /** Of the token. It is no longer current once the session has ended. */
  readonly owner: TokenOwner;
  /** When it ends at the latest, as a Unix time in ms, for people. */
  readonly expiresAtMs: number;
}

/** The sessions of this process. A restart ends them. */
export interface Sessions {
  /** Opens one. Returns the secret that the browser keeps, which is not kept here. */
  open(owner: TokenOwner): { readonly secret: string; readonly session: ConsoleSession };
  /** The session of a secret, which this use keeps open; undefined if it has ended, or never was. */
  find(secret: string): ConsoleSession | undefined;
  end(secret: string): void;
  /** How many sessions an operator has open. */
  countOf(name: string): number;
}

export interface SessionLimits {
  /** A session that is not used for so long ends. A person who reads a page uses it: pages refresh. */
  readonly idleMs: number;
  readonly lifetimeMs: number;
  /** Of one operator. Beyond it, the one that was idle longest ends. */
  readonly ofOperatorMax: number;
  /** Of all operators, likewise. */
  readonly allMax: number;
}

const hourMs = 3_600_000;

/** A working day, and a lunch. */
export const sessionLimits: SessionLimits = {
  idleMs: 2 * hourMs,
  lifetimeMs: 12 * hourMs,
  ofOperatorMax: 20,
  allMax: 1_000,
};

interface KeptSession extends ConsoleSession {
  readonly isTokenCurrent: () => boolean;
  usedMs: number;
  readonly endsMs: number;
}

const secretBytes = 32;
/** `randomBytes(32)` as base64url. */
const secretPattern = /^[A-Za-z0-9_-]{43}$/;

/**
 * Keeps sessions by the digests of their secrets, so that neither the memory nor the order of a lookup
 * gives a secret away. Only `open` makes a secret: one that a browser brings along opens nothing. A
 * session has the role of its token, and ends when the token is removed or gets another role.
 */
export function createSessions(limits: SessionLimits = sessionLimits): Sessions {
  // The one that was idle longest comes first.
  const kept = new Map<string, KeptSession>();
  const hasEnded = ({ isTokenCurrent, usedMs, endsMs }: KeptSession, nowMs: number) =>
    nowMs >= endsMs || nowMs - usedMs >= limits.idleMs || !isTokenCurrent();
  const endOld = (): void => {
    const nowMs = performance.now();
    for (const [digest, session] of kept) if (hasEnded(session, nowMs)) kept.delete(digest);
  };
  const digestsOf = (name: string): string[] =>
    [...kept].filter(([, { owner }]) => owner.name === name).map(([digest]) => digest);
  const endLongestIdle = (digests: readonly string[], max: number): void => {
    for (const digest of digests.slice(0, Math.max(0, digests.length - max))) kept.delete(digest);
  };
  return {
    open: (owner) => {
      endOld();
      endLongestIdle(digestsOf(owner.name), limits.ofOperatorMax - 1);
      endLongestIdle([...kept.keys()], limits.allMax - 1);
      const secret = randomBytes(secretBytes).toString('base64url');
      const digest = digestOf(secret);
      const usedMs = performance.now();
      // Streams ask this while they run.
      const isCurrent = (): boolean =>
        kept.get(digest) === session && performance.now() < session.endsMs && owner.isCurrent();
      const session: KeptSession = {
        owner: { ...owner, isCurrent },
        isTokenCurrent: owner.isCurrent,
        expiresAtMs: Date.now() + limits.lifetimeMs,
        usedMs,
        endsMs: usedMs + limits.lifetimeMs,
      };
      kept.set(digest, session);
      return { secret, session };
    },
    find: (secret) => {
      if (!secretPattern.test(secret)) return undefined;
      const digest = digestOf(secret);
      const session = kept.get(digest);
      if (session === undefined) return undefined;
      kept.delete(digest);
      const nowMs = performance.now();
      if (hasEnded(session, nowMs)) return undefined;
      session.usedMs = nowMs;
      kept.set(digest, session);
      return session;
    },
    end: (secret) => void kept.delete(digestOf(secret)),
    countOf: (name) => {
      endOld();
      return digestsOf(name).length;
    },
  };
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
