import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { eventsBetween, sendAll } from '../destinations/stored-events.ts';
import {
  generatorCore,
  natsUrlOf,
  pinning,
  runScript,
  startGate,
  unpin,
  type Gate,
} from '../processes.ts';
import { median } from '../script/median.ts';
import { writeOpenContracts } from '../script/open-contracts.ts';
import { numberAfter, valueAfter } from '../script/options.ts';
import { ask, works, type Operated, type Work } from './works.ts';

/*
 * npm run bench:tails [-- --rounds 3] [--seconds 4] [--rate 4000] [--events 150000] [--only scrape,find]
 *                     [--idle SECONDS] [--beside FOLDER]
 *
 * What operators, scrapers and delivery do to producers: POST /v1/track at a fixed rate to one process
 * that takes and delivers, in windows alone and beside each work, in turn. Two figures each:
 *
 * - the p99, which on a busy machine also says how busy that is;
 * - the longest time that the event loop was held up, in CPU time of its thread (slices.ts), which does
 *   not. A request waits at least so long.
 *
 * `--idle SECONDS`: how long nothing happens before the first window. nats-server keeps what it has read of a
 * block for two minutes. The longest answer counts the first second, too.
 *
 * `--beside FOLDER` runs the gate of another checkout instead of this one. Exit code 1: of the medians,
 * a work moves the p99 or the longest time by 10 ms or more. Needs Linux.
 */
const rounds = numberAfter('--rounds', 3);
const seconds = numberAfter('--seconds', 4);
const rate = numberAfter('--rate', 4_000);
const events = numberAfter('--events', 150_000);
const idleSeconds = numberAfter('--idle', 0);
const only = valueAfter('--only')?.split(',') ?? Object.keys(works);
const beside = valueAfter('--beside');
const movedMsMax = 10;

const sourcesCount = 20;
const namesCount = 200;
const writeKeyOf = (source: number): string => `hg_bench_${source}`;

interface Window {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  readonly longestAnswerMs: number;
}

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-tails-'));
const slicesFile = path.join(folder, 'slices.json');
const token = `hgo_${'0'.repeat(40)}`;
const backlogs = Array.from({ length: rounds }, (_, index) => `backlog_${index}`);
const settings = writeSetUp();
const gate = await startGate(
  {
    ...settings,
    HEADGATE_ADMIN_TOKEN: token,
    HEADGATE_LOG_STORAGE_BYTES_MAX: '8GiB',
    BENCH_SLICES_FILE: slicesFile,
  },
  beside === undefined ? undefined : path.join(path.resolve(beside), 'bench'),
  ['--import', path.join(here, 'slices.ts')],
);
unpin(gate.processId);
unpin(gate.nats.processId);
try {
  const operated: Operated = {
    adminPort: gate.adminPort,
    token,
    folder,
    middle: '',
    backlogs: [...backlogs],
    env: {
      ...settings,
      HEADGATE_NATS_URL: natsUrlOf(gate),
      HEADGATE_ADMIN_TOKEN: token,
      HEADGATE_OPERATOR_TOKEN: token,
    },
  };
  await prepare(operated);
  await compareAll(operated);
} finally {
  await gate.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Pauses the destinations, and stores what they will drain. */
async function prepare(operated: Operated): Promise<void> {
  for (const name of backlogs) {
    await ask(operated, 'DestinationService/PauseDestination', { name, why: 'the bench' });
  }
  const key = (source: number) => ({ 'x-write-key': writeKeyOf(source) });
  // Every series and every count of an hour exists.
  for (let source = 0; source < sourcesCount; source += 1) {
    const one = (number: number) => ({
      event_name: number === 0 ? 'order_completed' : `thing${number}_completed`,
      user_id: 'bench',
      idempotency_key: crypto.randomUUID(),
      properties: {},
    });
    const make = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => one(from + index));
    await sendAll(gate.port, namesCount, make, key(source));
  }
  const half = Math.ceil(events / 2);
  await sendAll(gate.port, half, eventsBetween, key(0));
  operated.middle = new Date().toISOString();
  await sendAll(gate.port, half, eventsBetween, key(0));
  // For the last page of a list to find something.
  await sendAll(gate.port, 1, eventsBetween, key(1));
  await sleep(idleSeconds * 1_000);
}

async function compareAll(operated: Operated): Promise<void> {
  for (const name of only) {
    const work = works[name];
    if (work === undefined) throw new Error(`no work ${name}: ${Object.keys(works).join(', ')}`);
    const [alone, busy]: [Window[], Window[]] = [[], []];
    for (let round = 1; round <= rounds; round += 1) {
      console.error(`${name}: round ${round} of ${rounds} (${pinning})`);
      alone.push(await measure());
      busy.push(await measure(operated, work));
    }
    print(name, alone, busy);
  }
}

async function measure(operated?: Operated, work?: Work): Promise<Window> {
  const stop = new AbortController();
  await readLongest(gate);
  const options = {
    kind: 'rest',
    path: '/v1/track',
    port: gate.port,
    concurrency: 256,
    batch: 1,
    rate,
    warmSeconds: 1,
    seconds,
    writeKey: writeKeyOf(0),
  };
  const working = operated && work?.(operated, stop.signal);
  // A fault of the work ends the bench below, not the process before.
  working?.catch(() => undefined);
  type Latencies = Omit<Window, 'longestMs'> & { readonly failed: number };
  const figures = await runScript<Latencies>('generator.ts', options, generatorCore);
  const longestMs = await readLongest(gate);
  stop.abort();
  await working;
  if (figures.failed > 0) throw new Error(`${figures.failed} requests failed`);
  return { ...figures, longestMs };
}

/** The third longest time since the last call: of two outliers, a collection of garbage may be one. */
async function readLongest({ processId }: Gate): Promise<number> {
  rmSync(slicesFile, { force: true });
  process.kill(processId, 'SIGUSR2');
  for (;;) {
    await sleep(20);
    try {
      const { longestMs } = JSON.parse(readFileSync(slicesFile, 'utf8')) as {
        longestMs: number[];
      };
      return longestMs[2] ?? 0;
    } catch {
      // It is not written yet.
    }
  }
}

function print(name: string, alone: readonly Window[], busy: readonly Window[]): void {
  const of = (windows: readonly Window[], figure: keyof Window): number =>
    median(windows.map((window) => window[figure]));
  const [p99, longest] = (['p99Ms', 'longestMs'] as const).map(
    (figure) => of(busy, figure) - of(alone, figure),
  ) as [number, number];
  const pair = (figure: keyof Window): string =>
    `${of(alone, figure).toFixed(1)} and ${of(busy, figure).toFixed(1)} ms`;
  const isLow = Math.max(p99, longest) < movedMsMax;
  console.log(
    `${name}: alone and beside it p50 ${pair('p50Ms')}, p99 ${pair('p99Ms')} ` +
      `(${p99.toFixed(1)} moved), longest answer ${longestAnswer(alone)} and ${longestAnswer(busy)} ms, held up ${pair('longestMs')} (${longest.toFixed(1)} moved)` +
      (isLow ? '' : `; limit ${movedMsMax}: HIGH`),
  );
  if (!isLow) process.exitCode = 1;
}

function longestAnswer(windows: readonly Window[]): string {
  return Math.max(...windows.map(({ longestAnswerMs }) => longestAnswerMs)).toFixed(0);
}

/** Writes contracts, keys and destinations. Returns the settings that name them. */
function writeSetUp(): Record<string, string> {
  const schemasDir = path.join(folder, 'schemas');
  const names = Array.from({ length: namesCount }, (_, index) =>
    index === 0 ? 'order_completed' : `thing${index}_completed`,
  );
  writeOpenContracts(schemasDir, names);
  const keys = Array.from({ length: sourcesCount }, (_, source) => ({
    source: `source_${source}`,
    hash: hashWriteKey(writeKeyOf(source)),
  }));
  const destinations = Object.fromEntries(
    backlogs.map((name) => [name, { type: 'sqlite', path: path.join(folder, `${name}.db`) }]),
  );
  const config = path.join(folder, 'headgate.yaml');
  // JSON is YAML too.
  writeFileSync(config, JSON.stringify({ auth: 'keys', keys, destinations }), { mode: 0o600 });
  return { HEADGATE_SCHEMAS_DIR: schemasDir, HEADGATE_CONFIG: config };
}
