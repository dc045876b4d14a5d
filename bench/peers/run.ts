import os from 'node:os';

import type { StreamConfig } from '@nats-io/jetstream';

import { generatorCore, pinning, residentBytesMax, runScript, settleDisk } from '../processes.ts';
import { exitCodeOf, resultOf } from '../results.ts';
import { ownCpuSeconds } from '../script/cpu.ts';
import { median } from '../script/median.ts';
import { numberAfter, valueAfter } from '../script/options.ts';
import { buildPeer } from './build.ts';
import {
  countStored,
  startGateContender,
  startPeerContender,
  streamSettings,
  type Contender,
  type Running,
} from './contenders.ts';
import { askContract, compareAnswers } from './contract.ts';

/*
 * npm run bench:peers [-- --rounds 3] [--seconds 3] [--only go,rust]
 *
 * The gate beside services of ours in Go and Rust that keep the same contract (bench/peers/go, bench/peers/rust):
 * the same endpoints, schemas, message ids and settings of the stream, on the same nats-server. `async` waits for
 * the acknowledgement of nats-server; `fsync` is safe in a power cut too: the gate syncs by itself, the peers'
 * nats-server with `sync_interval: always`. Each figure is of a new server with a new store, in turn. Every
 * acknowledged event is counted in the stream; a count that differs ends the run.
 *
 * Exit code 1: of the medians, an event costs the gate more CPU beside Rust than `ratioMax` allows. A peer whose
 * tools are not here is left out, with the reason; without Rust nothing has a floor. Needs Linux.
 */
const rounds = numberAfter('--rounds', 3);
const seconds = numberAfter('--seconds', 3);
const languages = (valueAfter('--only') ?? 'go,rust').split(',');

/**
 * Before it is measured, a server works until it has used so much CPU, or for so many windows of a second: V8
 * compiles on the way, and on a busy machine a fixed time is too short for it.
 */
const warmCpuSeconds = 2;
const warmWindowsMax = 6;

interface Load {
  readonly name: string;
  readonly kind: string;
  readonly path: string;
  readonly concurrency: number;
  readonly batch: number;
  /** What the gate's CPU for an event may be, in times of Rust's. */
  readonly ratioMax: number;
}

const track = '/headgate.v1.TrackService/Track';
const loads: readonly Load[] = [
  {
    name: 'POST /v1/track, 64 connections',
    kind: 'rest',
    path: '/v1/track',
    concurrency: 64,
    batch: 1,
    ratioMax: 1.4,
  },
  {
    name: 'gRPC Track, 4 connections of 16 streams',
    kind: 'grpc',
    path: track,
    concurrency: 64,
    batch: 1,
    ratioMax: 1,
  },
  {
    name: 'POST /v1/batch of 100, 8 connections',
    kind: 'rest-batch',
    path: '/v1/batch',
    concurrency: 8,
    batch: 100,
    ratioMax: 1.1,
  },
];

interface Answered {
  /** Requests with a good answer, from the first to the last. */
  readonly answered: number;
  readonly requests: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU for an event, in µs. */
  readonly serverUs: number;
  readonly natsUs: number;
  readonly serverMB: number;
  readonly natsMB: number;
}

const programs = new Map<string, string>();
for (const language of languages) {
  console.error(`building bench/peers/${language}`);
  const built = buildPeer(language);
  if ('program' in built) programs.set(language, built.program);
  else console.log(`${language}: left out: ${built.missing}`);
}
if (programs.size === 0) process.exit(0);
const contenders = ['gate', ...programs.keys()].flatMap((server): Contender[] => [
  { server, durability: 'fsync' },
  { server, durability: 'async' },
]);
const nameOf = ({ server, durability }: Contender): string => `${server} ${durability}`;

const settings = await compareContracts();
const figures = new Map<string, Figures[]>();
const keyOf = (load: Load, contender: Contender): string => `${load.name}, ${nameOf(contender)}`;
for (let round = 1; round <= rounds; round += 1) {
  console.error(
    `round ${round} of ${rounds} (${pinning}; load of the machine ${os.loadavg()[0]!.toFixed(1)})`,
  );
  // Each is first, in the middle and last equally often.
  const turn = [...contenders];
  turn.push(...turn.splice(0, (round * 2) % turn.length));
  for (const load of loads) {
    for (const contender of turn) {
      const key = keyOf(load, contender);
      figures.set(key, [...(figures.get(key) ?? []), await measure(load, contender)]);
    }
  }
}
printTables();
printRatios();

function start({ server, durability }: Contender, of: StreamConfig | undefined): Promise<Running> {
  return server === 'gate'
    ? startGateContender(durability)
    : startPeerContender(programs.get(server)!, durability, of!);
}

/** Every peer answers and stores as the gate does. Returns the settings of the gate's stream. */
async function compareContracts(): Promise<StreamConfig> {
  const gate = await startGateContender('async');
  const [expected, of] = await (async () => {
    try {
      return [await askContract(gate), await streamSettings(gate)] as const;
    } finally {
      await gate.stop();
    }
  })();
  for (const server of programs.keys()) {
    const peer = await start({ server, durability: 'async' }, of);
    try {
      compareAnswers(server, expected, await askContract(peer));
    } finally {
      await peer.stop();
    }
  }
  return of;
}

async function measure(load: Load, contender: Contender): Promise<Figures> {
  settleDisk();
  const running = await start(contender, settings);
  try {
    const { kind, path, concurrency, batch } = load;
    const send = (forSeconds: number): Promise<Answered> =>
      runScript<Answered>(
        'generator.ts',
        {
          kind,
          path,
          concurrency,
          batch,
          port: running.port,
          rate: 0,
          warmSeconds: 0,
          seconds: forSeconds,
        },
        generatorCore,
      );
    const cpu = () =>
      [ownCpuSeconds(running.processId), ownCpuSeconds(running.natsProcessId)] as const;
    const all: Answered[] = [];
    const [started] = cpu();
    while (all.length < warmWindowsMax && cpu()[0] - started < warmCpuSeconds) {
      all.push(await send(1));
    }
    const before = cpu();
    const measured = await send(seconds);
    const after = cpu();
    all.push(measured);
    const acknowledged = all.reduce((sum, { answered }) => sum + answered * batch, 0);
    const failed = all.reduce((sum, window) => sum + window.failed, 0);
    const stored = await countStored(running);
    if (failed > 0 || measured.requests === 0 || stored !== acknowledged) {
      throw new Error(
        `${keyOf(load, contender)}: of ${measured.requests} requests ${failed} failed; ` +
          `${acknowledged} events were acknowledged and ${stored} are stored`,
      );
    }
    const events = measured.answered * batch;
    return {
      perSecond: measured.perSecond * batch,
      p50Ms: measured.p50Ms,
      p99Ms: measured.p99Ms,
      serverUs: ((after[0] - before[0]) / events) * 1e6,
      natsUs: ((after[1] - before[1]) / events) * 1e6,
      serverMB: residentBytesMax(running.processId) / 1e6,
      natsMB: residentBytesMax(running.natsProcessId) / 1e6,
    };
  } finally {
    await running.stop();
  }
}

function printTables(): void {
  for (const load of loads) {
    console.log(`\n${load.name} (medians of ${rounds}; every acknowledged event is stored once)\n`);
    console.log(
      '| server | events/s (range) | p50, p99 ms | server, nats µs of CPU an event | server, nats MB |',
    );
    console.log('|---|---|---|---|---|');
    for (const contender of contenders) {
      const all = figures.get(keyOf(load, contender))!;
      const of = (figure: keyof Figures): number => median(all.map((one) => one[figure]));
      const rates = all.map(({ perSecond }) => perSecond);
      const range = `${whole(Math.min(...rates))} to ${whole(Math.max(...rates))}`;
      console.log(
        `| ${nameOf(contender)} | ${whole(of('perSecond'))} (${range}) | ` +
          `${of('p50Ms').toFixed(2)}, ${of('p99Ms').toFixed(2)} | ` +
          `${of('serverUs').toFixed(1)}, ${of('natsUs').toFixed(1)} | ` +
          `${of('serverMB').toFixed(0)}, ${of('natsMB').toFixed(0)} |`,
      );
    }
  }
  console.log('');
}

/** Of each round, because only what was measured close together compares. */
function printRatios(): void {
  for (const server of programs.keys()) {
    for (const durability of ['fsync', 'async'] as const) {
      for (const load of loads) {
        const [ours, theirs] = pairs(load, { server, durability });
        const rates = ours.map(({ perSecond }, at) => perSecond / theirs[at]!.perSecond);
        const cpu = ours.map(({ serverUs }, at) => serverUs / theirs[at]!.serverUs);
        console.log(
          `gate : ${server}, ${durability}, ${load.name}: ${spread(rates)} in events/s, ` +
            `${spread(cpu)} in CPU of the server an event`,
        );
      }
    }
  }
  if (!programs.has('rust')) return;
  const results = loads.map((load) => {
    const [ours, theirs] = pairs(load, { server: 'rust', durability: 'async' });
    return resultOf({
      name: `${load.name}: CPU an event of Rust, times ${load.ratioMax}, compared with the gate (async)`,
      floor: 1,
      ratios: ours.map(({ serverUs }, at) => (load.ratioMax * theirs[at]!.serverUs) / serverUs),
      shown: ours.map(
        ({ serverUs }, at) => `${theirs[at]!.serverUs.toFixed(1)} µs : ${serverUs.toFixed(1)} µs`,
      ),
    });
  });
  for (const { name, ratio, floor, min, max, isLow, shown } of results) {
    console.log(`${isLow ? 'LOW ' : 'ok  '} ${name}`);
    console.log(`       ratio ${ratio} (${min} to ${max}), floor ${floor}; ${shown}`);
  }
  process.exitCode = exitCodeOf(results);
}

/** The gate's figures and those of a peer, by round. */
function pairs(load: Load, peer: Contender): [Figures[], Figures[]] {
  const gate = { server: 'gate', durability: peer.durability };
  return [figures.get(keyOf(load, gate))!, figures.get(keyOf(load, peer))!];
}

function spread(ratios: readonly number[]): string {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return `${median(ratios).toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
