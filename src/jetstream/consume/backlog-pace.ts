import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { createReadingPace, readPerSecond } from '../read/reading-pace.ts';

/** A backlog shrinks at least by twice what is stored meanwhile. */
export const leastShare = 3;

/** How many messages a second a destination's worker pulls beside producers that send so many. */
export function pulledPerSecond(taken: number): number {
  return Math.max(readPerSecond(taken), leastShare * taken);
}

/**
 * The pace of one worker in a process that takes events, too: counts messages that were pulled, and returns how many ms
 * the next ones wait. Bytes do not count: large events would else arrive faster than they leave.
 */
export function createBacklogPace(log: Log): (pulled: number) => number {
  const pace = createReadingPace(clientsOf(log).takenPerSecond, undefined, pulledPerSecond);
  return (pulled) => pace.count(pulled, 0);
}
