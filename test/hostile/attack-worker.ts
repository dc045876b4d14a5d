import { workerData } from 'node:worker_threads';

import { attacks } from './attacks.ts';
import { connectionAttacks } from './connection-attacks.ts';

/* Runs one attack in a thread of its own, so that it does not slow the producers that are measured. */

const { name, port, ms, answered } = workerData as {
  name: string;
  port: number;
  ms: number;
  answered: Int32Array;
};
answered[0] = await { ...attacks, ...connectionAttacks }[name]!(port, AbortSignal.timeout(ms));
process.exit();
