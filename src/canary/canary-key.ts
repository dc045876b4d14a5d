import { randomBytes } from 'node:crypto';

/**
 * Creates the write key of heartbeats. Each start creates a new key, and only the gate's own
 * processes get it, so only they can send heartbeats.
 */
export function newCanaryKey(): string {
  return `canary_${randomBytes(32).toString('base64url')}`;
}
