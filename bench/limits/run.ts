import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { openSource, type BenchSource } from './source.ts';
import { generatorCore, pin, pinning, startGate, startPeer } from '../processes.ts';
import { median } from '../script/median.ts';
import { numberAfter } from '../script/options.ts';

/*
 * npm run bench:limits [-- --pairs 40] [--milliseconds 500]
 *
 * What limits of sources cost, and what they are for, in one run and one gate process:
 *
 * - the processor time of the gate for a request of a source with limits, which it does not reach,
 *   compared with that of a source without. Fails above 1.02.
 * - the p99 of a source while another one sends ten times its limit, compared with the p99 while those
 *   requests go to a bare server on the same core. Fails above 1.10.
 *
 * Short windows alternate, so that other work on the machine meets both sides. Of the costs the median
 * of the ratios of neighbours counts, of the times the p99 over all windows.
 */
const pairs = numberAfter('--pairs', 40);
const windowMs = numberAfter('--milliseconds', 500);
const costMax = 1.02;
const p99Max = 1.1;

const loudLimit = 100;
const loudRate = loudLimit * 10;
const quietRate = 1_000;
const connections = 32;
const p99Rounds = 16;
const p99WindowMs = 1_000;

const key = (source: string): string => `hg_bench_${source}_0123456789`;
const limitsOf: Readonly<Record<string, string>> = {
  free: '',
  capped: ', limits: { events_per_second: 1000000, burst: 10000000, bytes_per_day: 100TiB }',
  quiet: '',
  loud: `, limits: { events_per_second: ${loudLimit}, burst: 10 }`,
};
const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-bench-limits-'));
const configFile = path.join(folder, 'headgate.yaml');
const keys = Object.entries(limitsOf).map(
  ([source, limits]) => `  - { source: ${source}, hash: "${hashWriteKey(key(source))}"${limits} }`,
);
writeFileSync(configFile, `destinations: {}\nkeys:\n${keys.join('\n')}\n`);

const gate = await startGate({
  HEADGATE_ROLES: 'gate',
  HEADGATE_AUTH: 'keys',
  HEADGATE_CONFIG: configFile,
  HEADGATE_DURABILITY: 'async',
  HEADGATE_LOG_LEVEL: 'error',
});
pin(process.pid, generatorCore);
console.error(pinning);
const opened: BenchSource[] = [];
const open = async (source: string): Promise<BenchSource> => {
  opened.push(await openSource(gate.port, key(source), connections));
  return opened.at(-1)!;
};
try {
  const cost = await compareCosts(await open('free'), await open('capped'));
  // Opened now: the gate closes connections that never send.
  const moved = await compareP99s();
  process.exitCode = cost && moved ? 0 : 1;
} finally {
  for (const source of opened) source.close();
  await gate.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Both sources send as fast as answers come, in turn. */
async function compareCosts(unlimited: BenchSource, capped: BenchSource): Promise<boolean> {
  const sources = { free: unlimited, capped };
  const costOf = async ({ sendAll }: BenchSource): Promise<number> => {
    const before = processorNs(gate.processId);
    const { answers, refused } = await sendAll(windowMs);
    if (refused > 0) throw new Error(`${refused} of ${answers} requests were refused`);
    return (processorNs(gate.processId) - before) / answers / 1000;
  };
  // Both are compiled before anything counts.
  for (const source of [sources.free, sources.capped]) await costOf(source);
  const ratios: number[] = [];
  const free: number[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const order = pair % 2 === 0 ? (['free', 'capped'] as const) : (['capped', 'free'] as const);
    const cost = { free: 0, capped: 0 };
    for (const source of order) cost[source] = await costOf(sources[source]);
    ratios.push(cost.capped / cost.free);
    free.push(cost.free);
  }
  console.error(`a request without limits: ${median(free).toFixed(2)} us of the gate`);
  return report('processor time of a request, with limits : without', ratios, costMax);
}

/**
 * The quiet source sends at its rate, in turn beside nothing, beside a source at ten times its limit,
 * and while that source's requests go to a bare server instead: sending them and answering them costs
 * this machine as much, so the rest is what they do inside the gate.
 */
async function compareP99s(): Promise<boolean> {
  const quiet = await open('quiet');
  const loud = await open('loud');
  const peer = await startPeer('bare-http');
  const elsewhere = await openSource(peer.port, key('loud'), connections);
  const times = { alone: [] as number[][], elsewhere: [] as number[][], loud: [] as number[][] };
  const others = { alone: undefined, elsewhere, loud };
  let sent = 0;
  let refused = 0;
  try {
    for (let round = 0; round < p99Rounds; round += 1) {
      for (const state of ['elsewhere', 'loud', 'alone', 'loud', 'elsewhere', 'alone'] as const) {
        const [answers, other] = await Promise.all([
          quiet.sendAt(quietRate, p99WindowMs),
          others[state]?.sendAt(loudRate, p99WindowMs),
        ]);
        if (answers.refused > 0) throw new Error(`${answers.refused} requests were refused`);
        times[state].push([...answers.timesMs]);
        if (state !== 'loud') continue;
        sent += other!.answers;
        refused += other!.refused;
      }
    }
  } finally {
    elsewhere.close();
    await peer.stop();
  }
  if (refused < sent / 2) throw new Error('the loud source was not limited');
  const p99 = { alone: 0, elsewhere: 0, loud: 0 };
  for (const state of ['alone', 'elsewhere', 'loud'] as const) p99[state] = p99Of(times[state]);
  console.error(
    `p99 of ${quietRate}/s: ${p99.alone.toFixed(2)} ms alone, ${p99.loud.toFixed(2)} ms beside ` +
      `${loudRate}/s of a source with a limit of ${loudLimit}/s, ${p99.elsewhere.toFixed(2)} ms while ` +
      `those go to a bare server; ${refused} of ${sent} were refused`,
  );
  // One part of the windows at a time is left out, so that the spread shows.
  const parts = [0, 1, 2, 3].map((part) => {
    const without = (windows: number[][]): number[][] =>
      windows.filter((_window, index) => index % 4 !== part);
    return p99Of(without(times.loud)) / p99Of(without(times.elsewhere));
  });
  return report('p99 of another source, at ten times the limit : elsewhere', parts, p99Max);
}

/** Of all requests of all windows. */
function p99Of(windows: readonly number[][]): number {
  const all = windows.flat().toSorted((one, other) => one - other);
  return all[Math.floor(all.length * 0.99)] ?? Number.NaN;
}

function report(name: string, ratios: readonly number[], most: number): boolean {
  const sorted = ratios.toSorted((one, other) => one - other);
  const middle = median(ratios);
  const isGood = middle <= most;
  const quartile = (part: number): string => sorted[Math.floor(sorted.length * part)]!.toFixed(3);
  console.log(
    `${isGood ? 'ok  ' : 'HIGH'} ${name}: ${middle.toFixed(3)} (quartiles ${quartile(0.25)} to ` +
      `${quartile(0.75)}${most === Infinity ? '' : `, at most ${most}`})`,
  );
  return isGood;
}

/** The time on a processor of all threads of a process, in ns. */
function processorNs(processId: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${processId}/task`)) {
    const text = readFileSync(`/proc/${processId}/task/${thread}/schedstat`, 'utf8');
    sum += Number(text.split(' ', 1)[0]);
  }
  return sum;
}
