import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { hashWriteKey } from '../../src/config/write-key.ts';
import {
  freePort,
  runScript,
  generatorCore,
  settleDisk,
  startGate,
  type Gate,
} from '../processes.ts';
import { adminToken, cpuOf, cpuPerEvent, measureForwarding, store, watch } from './forward.ts';
import { measureLatency } from './latency.ts';
import { hasOption, numberAfter, valueAfter } from '../script/options.ts';

/*
 * npm run bench:relay [-- --events 300000] [--floor 50000] [--calls 2000] [--batch 500] [--pinned] [--profile FOLDER]
 *
 * One gate forwards its stored events to another (destination `headgate`), both on this machine with
 * their nats-servers; with `--pinned` each pair on a core of its own, as on two hosts. The events are stored first, while the far gate is
 * away; then the far gate starts, and what counts is the time from its first event to its last. Beside it
 * the same far gate takes the same events by BatchTrack of gRPC: the ratio of the two depends less on what
 * else the machine does than the rate. At last the answers to Track, from the relay and from the far gate.
 *
 * Fails below the floor, or if an event is missing. `--profile` writes a profile of each gate.
 */
const events = numberAfter('--events', 300_000);
const floor = numberAfter('--floor', 50_000);
const calls = numberAfter('--calls', 2_000);
/** Each request has an id of its own, which its events keep, so single events cost the far gate more. */
const batch = numberAfter('--batch', 500);
const pinned = hasOption('--pinned');
const profile = valueAfter('--profile');
const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];

const key = 'hg_key-of-the-relay-bench';
const directSeconds = 4;
const directBatch = 500;
/** As many requests of as many events as the destination has by default. */
const requestsInFlight = 8;

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-relay-'));
const write = (name: string, content: object): string => {
  const file = path.join(folder, name);
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify(content));
  return file;
};
const start = (env: Record<string, string>): Promise<Gate> =>
  startGate(
    {
      HEADGATE_ADMIN_TOKEN: adminToken,
      HEADGATE_LOG_STORAGE_BYTES_MAX: '2GiB',
      // That the far gate is away at first is meant.
      HEADGATE_LOG_LEVEL: 'error',
      ...env,
    },
    undefined,
    flags,
  );
const farConfig = write('far.yaml', {
  keys: [{ source: 'relay', hash: hashWriteKey(key), relay_sources: ['*'] }],
  destinations: {},
});
const startFar = (listen: string): Promise<Gate> =>
  start({ HEADGATE_LISTEN: listen, HEADGATE_AUTH: 'keys', HEADGATE_CONFIG: farConfig });

const running: Gate[] = [];
try {
  const direct = await measureDirect();
  const farPort = await freePort();
  const relay = await start({
    HEADGATE_CONFIG: write('relay.yaml', {
      destinations: {
        far: { type: 'headgate', url: `http://127.0.0.1:${farPort}`, key },
      },
    }),
  });
  running.push(relay);
  console.error(`${events} events are stored at the relay`);
  await store(relay, events, batch);
  settleDisk();
  const far = await startFar(`127.0.0.1:${farPort}`);
  running.push(far);
  const { perSecond, cpu } = await measureForwarding({ relay, far }, events, pinned);
  const isGood = perSecond >= floor;
  console.log(`${isGood ? 'ok  ' : 'LOW '} ${perSecond} events/s to one far gate (floor ${floor})`);
  const ratio = (perSecond / direct.rate).toFixed(2);
  console.log(`     ${ratio} of BatchTrack by gRPC alone, which takes ${direct.rate} events/s`);
  for (const [name, us] of cpu) {
    const alone = direct.cpu.get(name);
    const compared = alone === undefined ? '' : ` (BatchTrack alone: ${alone.toFixed(1)})`;
    console.log(`     ${us.toFixed(1)} µs of CPU per event: ${name}${compared}`);
  }
  for (const line of await measureLatency({ relay, far, key, calls })) console.log(line);
  const load = os.loadavg()[0]!.toFixed(1);
  console.log(`     load of the machine: ${load} on ${os.availableParallelism()} cores`);
  process.exitCode = isGood ? 0 : 1;
} finally {
  for (const gate of running) await gate.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** What a far gate takes from a generator: events/s. */
async function measureDirect() {
  const gate = await startFar('127.0.0.1:0');
  try {
    const watched = watch({ far: gate }, pinned);
    const sending = runScript<{ perSecond: number; failed: number }>(
      'generator.ts',
      {
        kind: 'grpc-batch',
        path: '/headgate.v1.TrackService/BatchTrack',
        port: gate.port,
        writeKey: key,
        concurrency: requestsInFlight,
        batch: directBatch,
        rate: 0,
        warmSeconds: 1,
        seconds: directSeconds,
      },
      generatorCore,
    );
    await sleep(1_500);
    const from = cpuOf(watched);
    const startedAt = performance.now();
    await sleep((directSeconds - 1) * 1_000);
    const to = cpuOf(watched);
    const seconds = (performance.now() - startedAt) / 1_000;
    const { perSecond, failed } = await sending;
    if (failed > 0) throw new Error(`${failed} batches failed`);
    const rate = Math.round(perSecond * directBatch);
    return { rate, cpu: cpuPerEvent(from, to, rate * seconds) };
  } finally {
    await gate.stop();
  }
}
