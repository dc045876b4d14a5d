import { openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { openPeer, type PeerName } from './peers.ts';

/**
 * The program that tracks events and is killed. If `perSecond` is 0, it tracks as fast as the
 * client accepts events. It notes every 100 completed calls, and continues from there when it is
 * restarted.
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
const step = 100;
const first = readFileSync(notes).length * step;
const peer = openPeer(name, url, directory);
const cpu = process.cpuUsage();
const began = performance.now();
let rssMax = 0;

for (let next = first; next < total; next += step) {
  const calls = [];
  for (let number = next; number < next + step; number += 1) calls.push(peer.track(number));
  await Promise.all(calls);
  // One byte means that these 100 calls were completed.
  writeSync(file, '.');
  rssMax = Math.max(rssMax, process.memoryUsage.rss());
  const dueMs = perSecond === 0 ? 0 : ((next + step - first) / perSecond) * 1_000;
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
