import type { EvictionRank, OpenConnection } from './open-connection.ts';

export interface EvictionsOptions {
  readonly open: () => Iterable<OpenConnection>;
  /** How many connections each address has. */
  readonly counts: ReadonlyMap<string, number>;
}

export interface Evictions {
  /**
   * The connection that gives up its place next: one of `address`, or of all if that is undefined.
   * Undefined if each one works.
   */
  next(address: string | undefined, now: number): OpenConnection | undefined;
}

interface Candidate {
  readonly connection: OpenConnection;
  readonly rank: EvictionRank;
}

interface Found {
  readonly at: number;
  /** True if each connection worked. */
  readonly isNothing: boolean;
  /** The first to go last. */
  readonly candidates: Candidate[];
}

/** A search goes through all connections, so it finds several at once: one in so many. */
const foundPart = 64;
/** How long what was found, or that nothing was found, stays true enough. */
const foundMs = 1_000;
const nothingMs = 100;
const searchesMax = 64;

/** Selects connections to evict. Costs nothing until a listener is full. */
export function createEvictions({ open, counts }: EvictionsOptions): Evictions {
  const searches = new Map<string | undefined, Found>();

  const search = (address: string | undefined, now: number): Found => {
    const candidates: Candidate[] = [];
    let seen = 0;
    for (const connection of open()) {
      if (address !== undefined && connection.address !== address) continue;
      seen += 1;
      connection.look(now);
      const rank = connection.rank(now);
      if (rank !== undefined) candidates.push({ connection, rank });
    }
    // A proxy holds the connections of many callers.
    const held = ({ address: of, isProxy }: OpenConnection): number =>
      isProxy ? 0 : counts.get(of)!;
    const orderOf = orderOfRanks(candidates);
    candidates.sort(
      (one, other) =>
        orderOf(one.rank) - orderOf(other.rank) ||
        held(other.connection) - held(one.connection) ||
        since(one) - since(other),
    );
    const isNothing = candidates.length === 0;
    const first = candidates.slice(0, Math.ceil(seen / foundPart)).toReversed();
    const found: Found = { at: now, isNothing, candidates: first };
    if (searches.size >= searchesMax) searches.clear();
    searches.set(address, found);
    return found;
  };
  /** Undefined: what was found before is of no use any more. */
  const take = ({ candidates }: Found, now: number): OpenConnection | undefined => {
    for (let found = candidates.pop(); found !== undefined; found = candidates.pop()) {
      const { connection, rank } = found;
      connection.look(now);
      if (!connection.socket.destroyed && connection.rank(now) === rank) return connection;
    }
    return undefined;
  };

  return {
    next: (address, now) => {
      const before = searches.get(address);
      if (before !== undefined) {
        const ageMs = now - before.at;
        if (before.isNothing && ageMs < nothingMs) return undefined;
        const known = ageMs < foundMs ? take(before, now) : undefined;
        if (known !== undefined) return known;
      }
      return take(search(address, now), now);
    },
  };
}

/**
 * Of the silent that are fresh (2) and the served (3), those go first that are more: a flood of one kind must not
 * push out the few of the other kind, such as a health check among slow requests, or among new connections.
 */
function orderOfRanks(candidates: readonly Candidate[]): (rank: EvictionRank) => number {
  let silentLead = 0;
  for (const { rank } of candidates) {
    if (rank === 2) silentLead += 1;
    else if (rank === 3) silentLead -= 1;
  }
  return (rank) => (rank === 3 && silentLead < 0 ? 1.5 : rank);
}

/** Silent ones by their age, others by the time since their last request. */
function since({ connection, rank }: Candidate): number {
  return rank === 0 || rank === 2 ? connection.openedAt : connection.workedAt;
}
