import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { peerNames, type PeerName } from './peers.ts';

/**
 * Compares the client with those of Segment, PostHog and RudderStack, against a stand-in server
 * that counts events:
 *
 *     npm run bench:clients
 *
 * First as fast as each client accepts events. Then at a steady rate, while the server is away for
 * a while and the program is killed twice. An event is lost if its call completed and it never
 * arrived.
 */
const fastEvents = 30_000;
const steadyEvents = 12_000;
const steadyPerSecond = 2_000;
/** When the program is killed and the server is away in the steady run, from its start. */
const killsMs = [1_500, 4_500];
const outageMs = [2_500, 5_500] as const;
const runTimeoutMs = 90_000;

/** One byte of the notes represents this many calls (program.ts). */
const callsPerNote = 100;
const here = import.meta.dirname;
const silent = { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] as ('ignore' | 'ipc')[] };

interface Measures {
  readonly callsPerSecond: number;
  readonly cpuMicroseconds: number;
  readonly rssMaxMib: number;
}

interface Counted {
  readonly arrived: number;
  readonly copies: number;
}

interface Run {
  readonly measures: Measures | undefined;
  readonly done: number;
  readonly counted: Counted;
}

async function ask(server: ChildProcess, question: string): Promise<unknown> {
  const answer = once(server, 'message');
  server.send(question);
  return ((await answer) as unknown[])[0];
}

async function measure(peer: PeerName, total: number, perSecond: number): Promise<Run> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-bench-'));
  const notes = path.join(folder, 'notes');
  writeFileSync(notes, '');
  const server = fork(path.join(here, 'stand-in.ts'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let program: ChildProcess | undefined;
  let measures: Measures | undefined;
  try {
    const [address] = (await once(server, 'message')) as [AddressInfo];
    const directory = path.join(folder, 'spool');
    const options = {
      peer,
      url: `http://127.0.0.1:${address.port}`,
      directory,
      notes,
      total,
      perSecond,
    };
    const start = (): Promise<unknown> => {
      program = fork(path.join(here, 'program.ts'), [JSON.stringify(options)], silent);
      program.on('message', (message) => (measures = message as Measures));
      return once(program, 'exit');
    };
    let exit = start();
    if (perSecond > 0) ({ exit } = await disturb(server, () => program!, start, exit));
    await Promise.race([exit, sleep(runTimeoutMs, undefined, { ref: false })]);
    program?.kill('SIGKILL');
    const counted = (await ask(server, 'count')) as Counted;
    return { measures, done: readFileSync(notes).length * callsPerNote, counted };
  } finally {
    program?.kill('SIGKILL');
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Kills the program and interrupts the server at the planned times. */
async function disturb(
  server: ChildProcess,
  program: () => ChildProcess,
  start: () => Promise<unknown>,
  first: Promise<unknown>,
): Promise<{ readonly exit: Promise<unknown> }> {
  let exit = first;
  const began = performance.now();
  const steps = [
    ...killsMs.map((atMs) => ({ atMs, action: 'kill' })),
    { atMs: outageMs[0], action: 'away' },
    { atMs: outageMs[1], action: 'back' },
  ].sort((left, right) => left.atMs - right.atMs);
  for (const { atMs, action } of steps) {
    await sleep(Math.max(0, began + atMs - performance.now()));
    if (action !== 'kill') server.send(action);
    else {
      program().kill('SIGKILL');
      await exit;
      exit = start();
    }
  }
  return { exit };
}

const count = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fast = [`${count.format(fastEvents)} events as fast as the client accepts them`];
const steady = [
  `${count.format(steadyEvents)} events at ${count.format(steadyPerSecond)}/s, ` +
    `killed ${killsMs.length} times, the server away for ${(outageMs[1] - outageMs[0]) / 1_000} s`,
];
for (const peer of peerNames) {
  const { measures, done, counted } = await measure(peer, fastEvents, 0);
  const figures =
    measures === undefined
      ? 'did not finish'
      : `${count.format(measures.callsPerSecond)} calls/s, ${measures.cpuMicroseconds.toFixed(1)} µs of CPU per event, ` +
        `${count.format(measures.rssMaxMib)} MiB`;
  fast.push(`  ${peer.padEnd(20)}${figures}; ${count.format(done - counted.arrived)} lost`);
  console.log(fast.at(-1));
}
for (const peer of peerNames) {
  const { done, counted } = await measure(peer, steadyEvents, steadyPerSecond);
  const lost = Math.max(0, done - counted.arrived);
  const again = counted.copies - counted.arrived;
  steady.push(
    `  ${peer.padEnd(20)}${count.format(lost)} of ${count.format(done)} lost, ${count.format(again)} sent twice`,
  );
  console.log(steady.at(-1));
}
console.log(`\n${[...fast, '', ...steady].join('\n')}`);
process.exit(0);
