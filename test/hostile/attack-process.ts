import { setPriority } from 'node:os';

import { attacks, otherAttacks } from './attacks.ts';
import { connectionAttacks, operatorAttacks } from './connection-attacks.ts';

/* Runs one attack in a process of its own, so that it does not slow the producers that are measured. */

const [, , name, port] = process.argv;
const attack =
  { ...connectionAttacks, ...operatorAttacks }[name!] ?? { ...attacks, ...otherAttacks }[name!]!();
/*
 * Who attacks has a machine of his own. `HOSTILE_NICE=19` lets this process have only what the gate and its producers
 * leave, so that they do not wait for it.
 */
const nice = process.env['HOSTILE_NICE'];
if (nice !== undefined) setPriority(0, Number(nice));

process.on('message', (ms: number) => {
  void attack(Number(port), AbortSignal.timeout(ms)).then((answered) => process.send!(answered));
});
process.on('disconnect', () => process.exit());
process.send!('ready');
