import { endOf, type StoredKey } from './stored-key.ts';

/** What a key is just now. A key that was replaced is in force until it ends. */
export type KeyState = 'in_force' | 'expired' | 'revoked';

type Ends = Pick<Partial<StoredKey>, 'expiresAtMs' | 'revokedAtMs'>;

export function stateOf(key: Ends, nowMs = Date.now()): KeyState {
  if (key.revokedAtMs !== undefined) return 'revoked';
  return endOf(key) <= nowMs ? 'expired' : 'in_force';
}

const dayMs = 86_400_000;
/** How long before its end a key is reported. */
export const expiringMs = 14 * dayMs;
/** A sender may be a job that runs once a week. */
const inUseMs = 14 * dayMs;
/** A key that a rotation has replaced is in use if its sender has not changed to the new one. */
const replacedInUseMs = 3_600_000;

/** Whether a key ends soon, and its sender still uses it. */
export function isExpiringInUse(
  key: Ends,
  lastUsedAtMs: number | undefined,
  isReplaced: boolean,
  nowMs = Date.now(),
): boolean {
  if (stateOf(key, nowMs) !== 'in_force' || endOf(key) - nowMs > expiringMs) return false;
  const usedMs = nowMs - (lastUsedAtMs ?? -Infinity);
  return usedMs <= (isReplaced ? replacedInUseMs : inUseMs);
}
