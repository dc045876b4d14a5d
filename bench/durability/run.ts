import os from 'node:os';

import {
  generatorCore,
  pinning,
  runScript,
  settleDisk,
  startGate,
  type Gate,
} from '../processes.ts';
import { exitCodeOf, resultOf } from '../results.ts';
import { ownCpuSeconds } from '../script/cpu.ts';
import { median } from '../script/median.ts';
import { numberAfter, valueAfter } from '../script/options.ts';

/*
 * npm run bench:durability [-- --rounds 5] [--seconds 2] [--in-flight 64] [--beside FOLDER]
 *
 * What `fsync` costs single calls, beside `async`: events/s, time to the answer, and CPU of the gate for an event.
 * The gates run side by side, and take calls in turns of a few seconds. `--beside` measures a gate of another
 * checkout with `fsync` as well, whose `bench` is in FOLDER. Needs Linux.
 *
 * Exit code 1: of the medians, `fsync` runs at less than 0.85 of the rate of `async`, takes 8 µs more CPU for an
 * event, or answers half of the calls more than 2 ms later.
 */
const rounds = numberAfter('--rounds', 5);
const seconds = numberAfter('--seconds', 2);
const concurrency = numberAfter('--in-flight', 64);
const beside = valueAfter('--beside');

/** What a gate works before it is measured. */
const warmCpuSeconds = 2;
const warmWindowsMax = 6;

const rateMin = 0.85;
const addedUsMax = 8;
const addedMsMax = 2;

const loads = [
  { name: 'POST /v1/track', kind: 'rest', path: '/v1/track' },
  { name: 'gRPC Track', kind: 'grpc', path: '/headgate.v1.TrackService/Track' },
] as const;
type Load = (typeof loads)[number];

interface Answered {
  readonly answered: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Window extends Answered {
  /** CPU for an event, in µs. */
  readonly gateUs: number;
  readonly natsUs: number;
}

const gates = new Map<string, Gate>();
const windows = new Map<string, Window[]>();
const windowsOf = (load: Load, name: string): Window[] => windows.get(`${load.name} ${name}`) ?? [];
try {
  await startAll();
  for (const load of loads) for (const gate of gates.values()) await warm(load, gate);
  for (let round = 1; round <= rounds; round += 1) {
    const busy = os.loadavg()[0]!.toFixed(1);
    console.error(`round ${round} of ${rounds} (${pinning}; load of the machine ${busy})`);
    const turn = round % 2 === 0 ? [...gates].toReversed() : [...gates];
    for (const load of loads) {
      for (const [name, gate] of turn) {
        const window = await measure(load, gate);
        windows.set(`${load.name} ${name}`, [...windowsOf(load, name), window]);
      }
    }
  }
} finally {
  for (const gate of gates.values()) await gate.stop();
}
print();

async function startAll(): Promise<void> {
  const start = (durability: string, folder?: string): Promise<Gate> =>
    startGate({ HEADGATE_ROLES: 'gate', HEADGATE_DURABILITY: durability }, folder);
  gates.set('async', await start('async'));
  gates.set('fsync', await start('fsync'));
  if (beside !== undefined) gates.set('fsync, beside', await start('fsync', beside));
}

/** V8 compiles on the way, and on a busy machine a fixed time is too short for it. */
async function warm(load: Load, gate: Gate): Promise<void> {
  const started = ownCpuSeconds(gate.processId);
  for (let window = 0; window < warmWindowsMax; window += 1) {
    await measure(load, gate);
    if (ownCpuSeconds(gate.processId) - started >= warmCpuSeconds) return;
  }
}

async function measure({ kind, path }: Load, gate: Gate): Promise<Window> {
  settleDisk();
  const ids = [gate.processId, gate.nats.processId];
  const before = ids.map(ownCpuSeconds);
  const options = { kind, path, port: gate.port, concurrency, batch: 1, rate: 0 };
  const answer = await runScript<Answered>(
    'generator.ts',
    { ...options, warmSeconds: 0.3, seconds },
    generatorCore,
  );
  if (answer.failed > 0) throw new Error(`${kind}: ${answer.failed} calls failed`);
  const [gateUs, natsUs] = ids.map(
    (id, at) => ((ownCpuSeconds(id) - before[at]!) / answer.answered) * 1e6,
  );
  return { ...answer, gateUs: gateUs!, natsUs: natsUs! };
}

function print(): void {
  console.log('| load | gate | events/s | p50, p99 ms | gate, nats µs of CPU an event |');
  console.log('|---|---|---|---|---|');
  for (const load of loads) {
    for (const name of gates.keys()) {
      const of = (figure: keyof Window, digits = 1): string =>
        median(windowsOf(load, name).map((window) => window[figure])).toFixed(digits);
      console.log(
        `| ${load.name} | ${name} | ${of('perSecond', 0)} | ${of('p50Ms')}, ${of('p99Ms')} | ` +
          `${of('gateUs')}, ${of('natsUs')} |`,
      );
    }
  }
  const results = loads.flatMap(compare).map(resultOf);
  for (const { name, ratio, floor, min, max, isLow, shown } of results) {
    console.log(`${isLow ? 'LOW ' : 'ok  '} ${name}`);
    console.log(`       ratio ${ratio} (${min} to ${max}), floor ${floor}; ${shown}`);
  }
  process.exitCode = exitCodeOf(results);
}

/** `fsync` beside `async`, by round: only what was measured close together compares. */
function compare(load: Load): Parameters<typeof resultOf>[0][] {
  const { name } = load;
  const plain = windowsOf(load, 'async');
  const synced = windowsOf(load, 'fsync');
  const pairs = synced.map((ours, round) => [ours, plain[round]!] as const);
  return [
    {
      name: `${name}: events/s with fsync, compared with async`,
      floor: rateMin,
      ratios: pairs.map(([ours, theirs]) => ours.perSecond / theirs.perSecond),
      shown: pairs.map(
        ([ours, theirs]) => `${ours.perSecond.toFixed(0)}/s : ${theirs.perSecond.toFixed(0)}/s`,
      ),
    },
    {
      name: `${name}: CPU of an event, async and ${addedUsMax} µs, compared with fsync`,
      floor: 1,
      ratios: pairs.map(([ours, theirs]) => (theirs.gateUs + addedUsMax) / ours.gateUs),
      shown: pairs.map(
        ([ours, theirs]) => `${theirs.gateUs.toFixed(1)} µs : ${ours.gateUs.toFixed(1)} µs`,
      ),
    },
    {
      name: `${name}: p50, async and ${addedMsMax} ms, compared with fsync`,
      floor: 1,
      ratios: pairs.map(([ours, theirs]) => (theirs.p50Ms + addedMsMax) / ours.p50Ms),
      shown: pairs.map(
        ([ours, theirs]) => `${theirs.p50Ms.toFixed(1)} ms : ${ours.p50Ms.toFixed(1)} ms`,
      ),
    },
  ];
}
