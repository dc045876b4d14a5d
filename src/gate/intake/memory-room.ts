/** One request that holds memory of a room. The fields are the room's own. */
export interface Tenant {
  /** The caller's address, or the source of its key. */
  readonly group: string;
  readonly connection: object;
  /** Called when the room needs this tenant's memory for others. It must leave the room at once. */
  evict(): void;
  /** It is nearly over, and is not evicted any more. */
  readonly isFixed: boolean;
  bytesHeld: number;
  /** `performance.now()` when it came in. */
  heldSince: number;
}

/** Memory that requests share. */
export interface MemoryRoom {
  /**
   * Adds to what a tenant holds. Returns false if there is no room for it: the tenant then holds nothing
   * any more, and `evict` was not called.
   */
  add(tenant: Tenant, bytes: number): boolean;
  /** Gives back all that a tenant holds. */
  leave(tenant: Tenant): void;
  readonly bytesHeld: number;
}

export interface MemoryRoomOptions {
  readonly bytesMax: number;
  /** A tenant had to go, or the newcomer itself, because the room is full. */
  readonly onFull: (tenant: Tenant) => void;
}

/** In the first moments of a request its age says little: an upload of many parts is not preferred. */
const youthMs = 1;

/**
 * Shares memory between callers. Nobody has a fixed share: one caller alone may use all of it. When it is full,
 * whoever weighs most has to go: bytes x age x what its connection holds x what its address (or source) holds.
 * So a caller that holds much, or for long, makes room for one that holds little and briefly, and not the other
 * way round. Who fills the room loses to everybody else, also to others at the same address.
 */
export function createMemoryRoom({ bytesMax, onFull }: MemoryRoomOptions): MemoryRoom {
  // Small bodies that arrive at once never come here, so these hold what is slow or large.
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
