import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { idBytes } from '../../src/jetstream/server/server-memory.ts';
import { sendAll } from '../destinations/stored-events.ts';
import { pinning, residentBytesMax, startGate, type Gate } from '../processes.ts';
import { ownCpuSeconds } from '../script/cpu.ts';
import { median } from '../script/median.ts';
import { numberAfter, valueAfter } from '../script/options.ts';
import { eventsOfNames, namesCount, writeContracts } from './named-events.ts';

/*
 * npm run bench:growth [-- --events 1000000] [--step 250000] [--rounds 5] [--window 50000] [--dedup-window 12h]
 *
 * What an event costs as the log grows, and what nats-server needs for the ids of the dedup window.
 * Events with new ids go in batches into an embedded log; after each step one line says the CPU of an
 * event and the largest memory so far. Then, in turn, windows of events
 *
 * - to the filled gate and to one that has just started;
 * - of 1,000 names and of one, to the filled gate.
 *
 * With a dedup window of some seconds, such as `10s`, only the stored events stay, and not their ids.
 *
 * Exit code 1: the median ratio of the windows is above 1.25, or an id takes three times what
 * `headgate doctor` reckons with. Both leave room for the noise of a machine that does other work.
 * Needs Linux.
 */
const events = numberAfter('--events', 1_000_000);
const step = numberAfter('--step', 250_000);
const rounds = numberAfter('--rounds', 5);
const windowEvents = numberAfter('--window', 50_000);
const dedupWindow = valueAfter('--dedup-window') ?? '12h';
const ratioMax = 1.25;
/** Below its limit of memory, nats-server takes more than it needs. */
const idBytesMax = 3 * idBytes;
/** Until code is compiled and buffers have their size. */
const warmUpEvents = 50_000;
/** Each contract is a function of its own, which takes thrice as long at its first calls. */
const warmCallsOfName = 200;

interface Cost {
  readonly gateUs: number;
  readonly natsUs: number;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-growth-'));
const schemasDir = path.join(folder, 'schemas');
writeContracts(schemasDir);
const running: Gate[] = [];
try {
  console.error(pinning);
  const filled = await startWarm();
  await fill(filled);
  const fresh = await startWarm();
  await compare('filled, compared with new', [filled, 1], [fresh, 1]);
  await costOf(filled, namesCount * warmCallsOfName, namesCount);
  await compare(`${namesCount} names, compared with 1`, [filled, namesCount], [filled, 1]);
} finally {
  for (const gate of running) await gate.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function startWarm(): Promise<Gate> {
  const gate = await startGate({
    HEADGATE_ROLES: 'gate',
    HEADGATE_DURABILITY: 'async',
    HEADGATE_SCHEMAS_DIR: schemasDir,
    HEADGATE_LOG_STORAGE_BYTES_MAX: '16GiB',
    HEADGATE_LOG_DEDUP_WINDOW: dedupWindow,
  });
  running.push(gate);
  await costOf(gate, warmUpEvents, 1);
  return gate;
}

async function fill(gate: Gate): Promise<void> {
  const bytesBefore = residentBytesMax(gate.nats.processId);
  let perId = 0;
  for (let added = step; added <= events; added += step) {
    const { gateUs, natsUs } = await costOf(gate, step, 1);
    const bytes = residentBytesMax(gate.nats.processId);
    perId = (bytes - bytesBefore) / added;
    console.log(
      `     ${(warmUpEvents + added).toLocaleString('en')} events, ids stay for ${dedupWindow}: nats-server ` +
        `${megabytes(bytes)} MB, ${perId.toFixed(0)} bytes an id; gate ${megabytes(gate.memoryMax())} MB; ` +
        `CPU of an event: gate ${gateUs.toFixed(1)} µs, nats-server ${natsUs.toFixed(1)} µs`,
    );
  }
  print(perId <= idBytesMax, `${perId.toFixed(0)} bytes an id (limit ${idBytesMax})`);
}

type Load = readonly [gate: Gate, names: number];

/** Windows in turn: what else the machine does then costs both the same. The ratio is that of pairs. */
async function compare(name: string, one: Load, other: Load): Promise<void> {
  const pairs: [Cost, Cost][] = [];
  const cost = ([gate, names]: Load): Promise<Cost> => costOf(gate, windowEvents, names);
  for (let round = 0; round < rounds; round += 1) {
    pairs.push([await cost(one), await cost(other)]);
  }
  for (const [part, title] of [
    ['gateUs', 'gate'],
    ['natsUs', 'nats-server'],
  ] as const) {
    const of = (at: 0 | 1): string => median(pairs.map((pair) => pair[at][part])).toFixed(1);
    const ratio = median(pairs.map(([high, low]) => high[part] / low[part]));
    print(
      ratio <= ratioMax,
      `${name}, ${title}: ${of(0)} : ${of(1)} µs, ${ratio.toFixed(2)} (limit ${ratioMax})`,
    );
  }
}

/** Sends events with new ids. CPU of the two processes for one of them. */
async function costOf(gate: Gate, count: number, names: number): Promise<Cost> {
  const cpu = (): [number, number] => [
    ownCpuSeconds(gate.processId),
    ownCpuSeconds(gate.nats.processId),
  ];
  const before = cpu();
  await sendAll(gate.port, count, eventsOfNames(names));
  const [gateUs, natsUs] = cpu().map((after, at) => ((after - before[at]!) / count) * 1e6);
  return { gateUs: gateUs!, natsUs: natsUs! };
}

function print(isGood: boolean, text: string): void {
  if (!isGood) process.exitCode = 1;
  console.log(`${isGood ? 'ok  ' : 'HIGH'} ${text}`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
