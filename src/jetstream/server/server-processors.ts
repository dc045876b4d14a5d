import { availableParallelism } from 'node:os';

import type { ServerEnv } from './server-memory.ts';

/**
 * Sets GOMAXPROCS, how many processors the embedded nats-server uses at once, unless the operator has:
 * half of them. The other half is busy with the gate and its workers, which send it what it stores. With all of
 * them, which is Go's default, messages wake threads that find little to do, and each costs more
 * (`npm run bench:relay`, docs/operate/performance.md).
 *
 * @param processors of the machine, or of the container if it may use fewer.
 */
export function serverProcessors(env: ServerEnv, processors = availableParallelism()): ServerEnv {
  const half = Math.max(1, Math.floor(processors / 2));
  return { ...env, GOMAXPROCS: env['GOMAXPROCS'] || String(half) };
}
