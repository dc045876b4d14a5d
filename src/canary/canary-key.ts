import { randomBytes } from 'node:crypto';

/**
 * The write key of heartbeats. Made anew at each start and given only to the gate's own processes: only
 * they can send one.
 */
export function newCanaryKey(): string {
  return `canary_${randomBytes(32).toString('base64url')}`;
}
