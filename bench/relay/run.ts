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
import {
  adminToken,
  bestOf,
  cpuOf,
  cpuPerEvent,
  measureForwarding,
  store,
  sumOf,
  watch,
  type Forwarding,
  type Pair,
} from './forward.ts';
import { measureLatency } from './latency.ts';
import { hasOption, numberAfter, valueAfter } from '../script/options.ts';

/*
 * npm run bench:relay [-- --events 360000] [--warm 60000] [--floor 50000] [--calls 2000] [--batch 500] [--rounds 1]
 *                        [--beside FOLDER] [--pinned] [--profile FOLDER]
 *
 * One gate forwards its stored events to another (destination `headgate`), both on this machine with
 * their nats-servers; with `--pinned` each pair on a core of its own, as on two hosts. The events are stored first, while the far gate is
 * away; then the far gate starts, and what counts is the time from event `--warm` that it takes to its last.
 * Before that, both gates have just started, and their code is not compiled. Beside it the same far gate takes
 * the same events by BatchTrack of gRPC, whose first second is not counted either: the ratio of the two
 * depends less on what else the machine does than the rate. At last the answers to Track, from the relay and
 * from the far gate.
 * `--beside` measures the two gates of another checkout as well, in turn. Of several rounds it prints the
 * highest rate and the least CPU: other work on the machine disturbs these least.
 *
 * Fails below the floor, or if an event is missing. `--profile` writes a profile of each gate.
 */
const events = numberAfter('--events', 360_000);
const warm = numberAfter('--warm', 60_000);
if (warm >= events) throw new Error('--warm: name fewer events than --events');
const floor = numberAfter('--floor', 50_000);
const calls = numberAfter('--calls', 2_000);
/** Each request has an id of its own, which its events keep, so single events cost the far gate more. */
const batch = numberAfter('--batch', 500);
const pinned = hasOption('--pinned');
const rounds = numberAfter('--rounds', 1);
const beside = valueAfter('--beside');
const profile = valueAfter('--profile');
const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];

const key = 'hg_key-of-the-relay-bench';
const directSeconds = 4;
const directBatch = 500;
/** As many requests of as many events as the destination has by default. */
const requestsInFlight = 8;

/** The `bench` folder of each; undefined: this one. */
const checkouts = new Map<string, string | undefined>([['here', undefined]]);
if (beside !== undefined) checkouts.set('beside', path.join(path.resolve(beside), 'bench'));

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-relay-'));
const write = (name: string, content: object): string => {
  const file = path.join(folder, name);
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify(content));
  return file;
};
const start = (env: Record<string, string>, bench?: string): Promise<Gate> =>
  startGate(
    {
      HEADGATE_ADMIN_TOKEN: adminToken,
      HEADGATE_LOG_STORAGE_BYTES_MAX: '2GiB',
      // That the far gate is away at first is meant.
      HEADGATE_LOG_LEVEL: 'error',
      ...env,
    },
    bench,
    flags,
  );
const farConfig = write('far.yaml', {
  keys: [{ source: 'relay', hash: hashWriteKey(key), relay_sources: ['*'] }],
  destinations: {},
});
const startFar = (listen: string, bench?: string): Promise<Gate> =>
  start({ HEADGATE_LISTEN: listen, HEADGATE_AUTH: 'keys', HEADGATE_CONFIG: farConfig }, bench);

const direct = await measureDirect();
const forwarded = new Map<string, Forwarding[]>();
let latency: string[] = [];
try {
  for (let round = 1; round <= rounds; round += 1) {
    // Each is first equally often.
    const turn = [...checkouts];
    turn.push(...turn.splice(0, round % turn.length));
    for (const [checkout, bench] of turn) {
      console.error(`${checkout}, round ${round} of ${rounds}: ${events} events are stored`);
      await withPair(bench, async (pair) => {
        const measured = await measureForwarding(pair, { events, warm, pinned });
        forwarded.set(checkout, [...(forwarded.get(checkout) ?? []), measured]);
        if (checkout === 'here' && round === rounds) {
          latency = await measureLatency({ ...pair, key, calls });
        }
      });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = report() ? 0 : 1;

/** Stores the events at a relay, starts the far gate, and stops both after `work`. */
async function withPair(
  bench: string | undefined,
  work: (pair: Pair) => Promise<void>,
): Promise<void> {
  const running: Gate[] = [];
  try {
    const farPort = await freePort();
    const destination = { type: 'headgate', url: `http://127.0.0.1:${farPort}`, key };
    const config = write('relay.yaml', { destinations: { far: destination } });
    const relay = await start({ HEADGATE_CONFIG: config }, bench);
    running.push(relay);
    await store(relay, events, batch);
    settleDisk();
    const far = await startFar(`127.0.0.1:${farPort}`, bench);
    running.push(far);
    await work({ relay, far });
  } finally {
    for (const gate of running) await gate.stop();
  }
}

/** Prints all figures. False if the rate is below the floor. */
function report(): boolean {
  const { perSecond, cpu, coldUs } = bestOf(forwarded.get('here')!);
  const isGood = perSecond >= floor;
  console.log(`${isGood ? 'ok  ' : 'LOW '} ${perSecond} events/s to one far gate (floor ${floor})`);
  const ratio = (perSecond / direct.rate).toFixed(2);
  console.log(`     ${ratio} of BatchTrack by gRPC alone, which takes ${direct.rate} events/s`);
  for (const [name, us] of cpu) {
    const alone = direct.cpu.get(name);
    const compared = alone === undefined ? '' : ` (BatchTrack alone: ${alone.toFixed(1)})`;
    console.log(`     ${us.toFixed(1)} µs of CPU per event: ${name}${compared}`);
  }
  const total = sumOf(cpu);
  const cold = warm > 0 ? `; ${coldUs.toFixed(1)} µs for the first ${warm} events` : '';
  console.log(`     ${total.toFixed(1)} µs in all${cold}`);
  const other = forwarded.get('beside');
  if (other !== undefined) printBeside(bestOf(other), perSecond, total);
  for (const line of latency) console.log(line);
  const load = os.loadavg()[0]!.toFixed(1);
  console.log(`     load of the machine: ${load} on ${os.availableParallelism()} cores`);
  return isGood;
}

function printBeside({ perSecond, cpu }: Forwarding, here: number, total: number): void {
  const parts = [...cpu].map(([name, us]) => `${name} ${us.toFixed(1)}`).join(', ');
  console.log(`     beside: ${perSecond} events/s, ${sumOf(cpu).toFixed(1)} µs (${parts})`);
  const ratios = [here / perSecond, total / sumOf(cpu)].map((one) => one.toFixed(2));
  console.log(`     here : beside = ${ratios[0]} of the rate, ${ratios[1]} of the CPU`);
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
