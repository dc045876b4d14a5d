/** A request that holds memory of a room. Only the room uses the fields. */
export interface Tenant {
  /** The caller's address, or the source of its key. */
  readonly group: string;
  readonly connection: object;
  /**
   * Called when the room needed this tenant's memory for others, and does not count it any more: at once, or a few
   * turns of the event loop later.
   */
  evict(): void;
  /** The request is nearly complete and is no longer evicted. */
  readonly isFixed: boolean;
  bytesHeld: number;
  /** `performance.now()` at its arrival. */
  heldSince: number;
}

/** Memory that requests share. */
export interface MemoryRoom {
  /**
   * Adds to what a tenant holds. Returns false if there is no room: the tenant then holds nothing,
   * and `evict` was not called.
   */
  add(tenant: Tenant, bytes: number): boolean;
  /** Frees everything that a tenant holds. */
  leave(tenant: Tenant): void;
  readonly bytesHeld: number;
}

export interface MemoryRoomOptions {
  readonly bytesMax: number;
  /** A tenant, or the newcomer itself, was evicted because the room is full. */
  readonly onFull: (tenant: Tenant) => void;
}

/** In the first moments of a request its age says little: an upload of many parts is not preferred. */
const youthMs = 1;

/** What a turn of the event loop does for those who are evicted. */
const evictionTurnMs = 1;
/** A search weighs all tenants, so among many it finds several at once: one in so many, for so long. */
export const foundPart = 16;
const foundMs = 100;

/**
 * Shares memory between callers. Shares are not fixed: a single caller may use all of it. When the
 * room is full, the tenant with the largest weight is evicted: bytes x age x bytes of its
 * connection x bytes of its address (or source). So a caller that holds much, or for long, makes
 * room for one that holds little and briefly. A caller that fills the room loses to all others,
 * also at the same address.
 */
export function createMemoryRoom({ bytesMax, onFull }: MemoryRoomOptions): MemoryRoom {
  // Small bodies that arrive at once never enter a room, so its tenants are slow or large.
  const tenants = new Set<Tenant>();
  const byGroup = new Map<string, number>();
  const byConnection = new Map<object, number>();
  let held = 0;

  const count = (tenant: Tenant, bytes: number): void => {
    const { group, connection } = tenant;
    held += bytes;
    tenant.bytesHeld += bytes;
    addTo(byGroup, group, bytes);
    addTo(byConnection, connection, bytes);
  };
  const leave = (tenant: Tenant): void => {
    if (!tenants.delete(tenant)) return;
    count(tenant, -tenant.bytesHeld);
  };
  /** 0: it stays. */
  const weigh = (tenant: Tenant, now: number): number => {
    if (tenant.isFixed || !tenants.has(tenant)) return 0;
    const share = byGroup.get(tenant.group)! * byConnection.get(tenant.connection)!;
    return share * tenant.bytesHeld * (now - tenant.heldSince + youthMs);
  };
  const heaviest = createHeaviest(tenants, weigh);
  const evict = createEvictions(leave);
  return {
    add: (tenant, bytes) => {
      if (!tenants.has(tenant)) {
        tenants.add(tenant);
        tenant.bytesHeld = 0;
        tenant.heldSince = performance.now();
      }
      count(tenant, bytes);
      const evicted: Tenant[] = [];
      let hasRoom = true;
      while (held > bytesMax && hasRoom) {
        const victim = heaviest(tenant);
        leave(victim);
        onFull(victim);
        hasRoom = victim !== tenant;
        if (hasRoom) evicted.push(victim);
      }
      if (evicted.length > 0) evict(evicted);
      return hasRoom;
    },
    leave,
    get bytesHeld() {
      return held;
    },
  };
}

interface Weighed {
  readonly tenant: Tenant;
  readonly weight: number;
}

/** Returns who is to leave for a newcomer, which may be itself. A weight of 0: it stays. */
function createHeaviest(
  tenants: ReadonlySet<Tenant>,
  weigh: (tenant: Tenant, now: number) => number,
): (newcomer: Tenant) => Tenant {
  /** The heaviest last. */
  let found: Weighed[] = [];
  let foundAt = 0;
  const search = (now: number): void => {
    const all: Weighed[] = [];
    for (const tenant of tenants) {
      const weight = weigh(tenant, now);
      if (weight > 0) all.push({ tenant, weight });
    }
    all.sort((one, other) => other.weight - one.weight);
    found = all.slice(0, Math.ceil(all.length / foundPart)).toReversed();
    foundAt = now;
  };
  return (newcomer) => {
    const now = performance.now();
    if (now - foundAt > foundMs) found = [];
    const weight = weigh(newcomer, now);
    for (let isNew = false; ; isNew = true) {
      const last = found.at(-1);
      // Its weight falls with each one of its connection and address that leaves.
      const lastWeight = last === undefined ? 0 : weigh(last.tenant, now);
      const isGood = last !== undefined && lastWeight * 2 > found[0]!.weight;
      if (isGood && weight <= lastWeight) {
        found.pop();
        return last.tenant;
      }
      if (isGood || isNew) return newcomer;
      search(now);
    }
  };
}

/**
 * Tells tenants that they have left. Not within one another, and not all in one turn of the event loop: who is evicted
 * may need room for its refusal, so that others are evicted, thousands of them.
 */
function createEvictions(leave: (tenant: Tenant) => void): (victims: readonly Tenant[]) => void {
  let waiting: Tenant[] = [];
  let isEvicting = false;
  let turnMs = 0;
  let isTurnScheduled = false;
  const nextTurn = (): void => {
    isTurnScheduled = false;
    turnMs = 0;
    evict();
  };
  const evict = (): void => {
    isEvicting = true;
    let at = 0;
    try {
      while (at < waiting.length && turnMs < evictionTurnMs) {
        const victim = waiting[at]!;
        at += 1;
        const startedAt = performance.now();
        // It may have come back.
        leave(victim);
        victim.evict();
        turnMs += performance.now() - startedAt;
      }
    } finally {
      isEvicting = false;
      waiting = waiting.slice(at);
      if (!isTurnScheduled && turnMs > 0) {
        isTurnScheduled = true;
        setImmediate(nextTurn);
      }
    }
  };
  return (victims) => {
    waiting.push(...victims);
    if (!isEvicting) evict();
  };
}

function addTo<Key>(counts: Map<Key, number>, key: Key, bytes: number): void {
  const sum = (counts.get(key) ?? 0) + bytes;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}
