import { randomBytes } from 'node:crypto';

/**
 * What a heartbeat shows at the door. Made anew at each start and told to the gate's own processes
 * alone: nobody else can send one.
 */
export function newCanaryKey(): string {
  return `canary_${randomBytes(32).toString('base64url')}`;
}
