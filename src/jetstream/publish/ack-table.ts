import type { GroupCommit } from './group-commit.ts';
import { PublishError } from './publish-error.ts';
import { ReplyGroup } from './reply-group.ts';

/** Which messages wait for acknowledgements, by the token of their reply subject. */
export interface AckTable {
  /** A new group, on the table; its acknowledgements pass through `commit` where there is one. */
  open(commit: GroupCommit | undefined): ReplyGroup;
  /** Undefined: no group waits under this token, or no longer. */
  find(token: number): ReplyGroup | undefined;
  /** Takes a group off the table. */
  take(group: ReplyGroup): void;
  /** Fails every message on the table. */
  failAll(error: PublishError): void;
  close(): void;
}

/** How often acknowledgements that never came are looked for: one timer for all of them. */
const sweepIntervalMs = 250;

/** A power of two, so that a token finds its place by its low bits. */
const placesAtFirst = 1024;

/**
 * Every group leaves once: answered, by the sweep after `timeoutMs`, or by `failAll`.
 *
 * A ring of places, numbered on for ever. Acknowledgements come nearly in order, so it is about as
 * long as what is in flight; finding a place is one operation, where a Map would hash, and grow anew
 * as it churns.
 */
export function createAckTable(
  timeoutMs: number,
  onFailed: (group: ReplyGroup, error: PublishError) => void,
): AckTable {
  let places: (ReplyGroup | undefined)[] = emptyPlaces(placesAtFirst);
  /** Everything before it is settled. */
  let oldest = 1;
  let next = 1;

  const grow = (): void => {
    const { length } = places;
    const larger: typeof places = emptyPlaces(length * 2);
    for (let token = oldest; token < next; token += 1) {
      larger[token & (length * 2 - 1)] = places[token & (length - 1)];
    }
    places = larger;
  };

  const find = (token: number): ReplyGroup | undefined =>
    token >= oldest && token < next ? places[token & (places.length - 1)] : undefined;

  const take = ({ token }: ReplyGroup): void => {
    places[token & (places.length - 1)] = undefined;
    while (oldest < next && places[oldest & (places.length - 1)] === undefined) oldest += 1;
  };

  const fail = (group: ReplyGroup, error: PublishError): void => {
    take(group);
    onFailed(group, error);
  };

  const sweep = setInterval(() => {
    const now = performance.now();
    while (oldest < next) {
      const group = places[oldest & (places.length - 1)]!;
      if (group.deadline > now) break;
      fail(group, new PublishError('timeout', `no acknowledgement within ${timeoutMs} ms`));
    }
  }, sweepIntervalMs);
  sweep.unref();

  return {
    open: (commit) => {
      if (next - oldest === places.length) grow();
      const group = new ReplyGroup(next, commit, performance.now() + timeoutMs);
      places[next & (places.length - 1)] = group;
      next += 1;
      return group;
    },
    find,
    take,
    failAll: (error) => {
      // Messages that a callback adds meanwhile are not failed with the others.
      for (let token = oldest, end = next; token < end; token += 1) {
        const group = find(token);
        if (group !== undefined) fail(group, error);
      }
    },
    close: () => clearInterval(sweep),
  };
}

function emptyPlaces<T>(length: number): (T | undefined)[] {
  return Array.from({ length });
}
