import { openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { openPeer, type PeerName } from './peers.ts';

/**
 * The program that tracks, and is killed. `perSecond` 0: as fast as the client takes them, in turns
 * of 100. It notes how many calls were done, and goes on from there when it is started again.
 */
interface Options {
  readonly peer: PeerName;
  readonly url: string;
  readonly directory: string;
  readonly notes: string;
  readonly total: number;
  readonly perSecond: number;
}

const {
  peer: name,
  url,
  directory,
  notes,
  total,
  perSecond,
} = JSON.parse(process.argv[2]!) as Options;
const file = openSync(notes, 'a');
const turn = 100;
const first = readFileSync(notes).length * turn;
const peer = openPeer(name, url, directory);
const cpu = process.cpuUsage();
const began = performance.now();
let rssMax = 0;

for (let next = first; next < total; next += turn) {
  const calls = [];
  for (let number = next; number < next + turn; number += 1) calls.push(peer.track(number));
  await Promise.all(calls);
  // One byte says: these hundred calls were done.
  writeSync(file, '.');
  rssMax = Math.max(rssMax, process.memoryUsage.rss());
  const dueMs = perSecond === 0 ? 0 : ((next + turn - first) / perSecond) * 1_000;
  const leftMs = began + dueMs - performance.now();
  if (leftMs > 0) await sleep(leftMs);
  else await new Promise(setImmediate);
}
const seconds = (performance.now() - began) / 1_000;
await peer.close();
const { user, system } = process.cpuUsage(cpu);
process.send!({
  callsPerSecond: (total - first) / seconds,
  cpuMicroseconds: (user + system) / (total - first),
  rssMaxMib: Math.max(rssMax, process.memoryUsage.rss()) / 1_048_576,
});
process.exit(0);
