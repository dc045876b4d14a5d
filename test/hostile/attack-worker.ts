import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

import { attacks } from './attacks.ts';
import { connectionAttacks } from './connection-attacks.ts';

/* Runs one attack in a thread of its own, so that it does not slow the producers that are measured. */

const { name, port } = workerData as { name: string; port: number };
const attack = { ...attacks, ...connectionAttacks }[name]!;
/*
 * Who attacks has a machine of his own. `HOSTILE_NICE=19` lets this thread (0: Linux knows threads alone) have only
 * what the gate and its producers leave, so that they do not wait for it.
 */
const nice = process.env['HOSTILE_NICE'];
if (nice !== undefined) setPriority(0, Number(nice));

parentPort!.on('message', (ms: number) => {
  void attack(port, AbortSignal.timeout(ms)).then((answered) =>
    parentPort!.postMessage(answered, []),
  );
});
parentPort!.postMessage('ready', []);
