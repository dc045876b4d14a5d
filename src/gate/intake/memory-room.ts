/** A request that holds memory of a room. Only the room uses the fields. */
export interface Tenant {
  /** The caller's address, or the source of its key. */
  readonly group: string;
  readonly connection: object;
  /** Called when the room needs this tenant's memory for others. It must leave the room at once. */
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
  const heaviest = (): Tenant | undefined => {
    const now = performance.now();
    let found: Tenant | undefined;
    let most = 0;
    for (const tenant of tenants) {
      if (tenant.isFixed) continue;
      const share = byGroup.get(tenant.group)! * byConnection.get(tenant.connection)!;
      const weight = share * tenant.bytesHeld * (now - tenant.heldSince + youthMs);
      if (weight <= most) continue;
      most = weight;
      found = tenant;
    }
    return found;
  };
  return {
    add: (tenant, bytes) => {
      if (!tenants.has(tenant)) {
        tenants.add(tenant);
        tenant.bytesHeld = 0;
        tenant.heldSince = performance.now();
      }
      count(tenant, bytes);
      while (held > bytesMax) {
        const victim = heaviest() ?? tenant;
        leave(victim);
        onFull(victim);
        if (victim === tenant) return false;
        victim.evict();
      }
      return true;
    },
    leave,
    get bytesHeld() {
      return held;
    },
  };
}

function addTo<Key>(counts: Map<Key, number>, key: Key, bytes: number): void {
  const sum = (counts.get(key) ?? 0) + bytes;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}
