import { ServiceError } from '../errors.ts';
import { ageMs } from '../event/time/steady-time.ts';
import type { Log } from '../jetstream/log.ts';
import { messageIdHeader } from '../jetstream/log.ts';
import { findRanges, readInOrder } from '../jetstream/read/read-ranges.ts';
import { anyName, subjects } from '../jetstream/topology.ts';
import type { ClaimGroup } from './outcome-note.ts';

/*
 * A replay claims its events before it sends them to EVENTS: it stores a note with the message ids
 * that they will have. All claims and discards are stored under one subject, each only if no other
 * was stored since its process has read the last one, so that of two processes one is first, and the
 * other reads its note.
 *
 * The note of the outcome ends a claim. If its process ends before, the claim is as good as ended
 * after `claimMs`: whoever wants to decide about the event then looks in EVENTS for what the claim
 * says, and records what he finds.
 */

/** How a replay stores an event: by this it is found again. */
export interface ClaimedCopy {
  /** In EVENTS. */
  readonly subject: string;
  readonly messageId: string;
}

/** A claim of one event, whose outcome is not recorded yet. */
export interface OpenClaim extends ClaimedCopy {
  readonly id: string;
  readonly sequence: number;
  readonly storedAtMs: number;
  /** Set once it has ended and nothing was stored. */
  isVoid: boolean;
}

export interface ClaimRules {
  /** The beginning of the ids of claims of this process. */
  readonly owner: string;
  /** How long after a claim its process may still store what it has claimed. */
  readonly claimMs: number;
  /** How long the outcome of another process is waited for. */
  readonly waitMs: number;
  /** How long the log itself refuses a second copy with the same message id. */
  readonly dedupWindowMs: number;
  /** The claims of this process that were not confirmed, so that nothing was sent under them. */
  readonly unused: ReadonlySet<string>;
}

/**
 * - `free`: does not stand in the way.
 * - `running`: another process will soon record the outcome.
 * - `unknown`: the event may still be stored.
 * - `ended`: what was stored is in EVENTS by now.
 */
export type ClaimState = 'free' | 'running' | 'unknown' | 'ended';

/** How a claim stands in the way of a discard, or of a replay under the given message id. */
export function stateOf(
  claim: OpenClaim,
  messageId: string | undefined,
  { owner, claimMs, waitMs, dedupWindowMs, unused }: ClaimRules,
): ClaimState {
  if (claim.isVoid || unused.has(claim.id)) return 'free';
  const age = ageMs(claim.storedAtMs);
  // A process does one thing after the other, so that its own claims are left from before.
  const isOwn = claim.id.startsWith(`${owner}/`);
  if (!isOwn && age < Math.min(waitMs, claimMs)) return 'running';
  // The log itself stores one of the two. Clocks differ: half of the window is certain.
  if (claim.messageId === messageId && age < dedupWindowMs / 2) return 'free';
  return age < claimMs ? 'unknown' : 'ended';
}

/** The events of a claim, as its note has them. */
export function claimGroups(id: string, copies: ReadonlyMap<number, ClaimedCopy>): ClaimGroup[] {
  const groups = new Map<string, ClaimGroup>();
  for (const [sequence, { subject, messageId }] of copies) {
    const group = groups.get(subject) ?? { id, subject, events: [] };
    groups.set(subject, group);
    group.events.push([sequence, messageId]);
  }
  return [...groups.values()];
}

/** The clocks of NATS servers differ. */
const clocksMs = 60_000;
/** More subjects are read together: each of them has a reader for each partition. */
const subjectsMax = 16;

/** What ended claims have stored: the positions in EVENTS, by the positions of the rejected events. */
export async function findStoredCopies(
  log: Log,
  claims: readonly OpenClaim[],
  claimMs: number,
): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const [storedAtMs, some] of Map.groupBy(claims, (claim) => claim.storedAtMs)) {
    const untilMs = storedAtMs + claimMs + clocksMs;
    const ranges = await findRanges(log, 'EVENTS', { sinceMs: storedAtMs - clocksMs, untilMs });
    // Copies of one event, which its producer sent more than once, have the same id.
    const wanted = Map.groupBy(some, ({ messageId }) => messageId);
    const named = [...new Set(some.map(({ subject }) => subject))];
    const read = named.length > subjectsMax ? [subjects.eventsOf('*', anyName)] : named;
    for await (const message of readInOrder(log, 'EVENTS', read, ranges)) {
      const copies = wanted.get(message.header(messageIdHeader)) ?? [];
      for (const { sequence } of copies) found.set(sequence, message.sequence);
    }
  }
  return found;
}

/** The error of who cannot decide about an event yet. */
export function busyError(claim: OpenClaim, claimMs: number): ServiceError {
  const [since, until] = [claim.storedAtMs, claim.storedAtMs + claimMs].map((ms) =>
    new Date(ms).toISOString(),
  );
  const text = `A replay of event ${claim.sequence} began at ${since} and its result is not known yet.`;
  return new ServiceError('rejected_busy', `${text} Try again after ${until} at the latest.`);
}
