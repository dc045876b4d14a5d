import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { openSource, type BenchSource } from './source.ts';
import { generatorCore, pin, pinning, startGate } from '../processes.ts';

/*
 * npm run bench:limits [-- --pairs 40] [--milliseconds 500]
 *
 * What limits of sources cost, and what they are for, in one run and one gate process:
 *
 * - the processor time of the gate for a request of a source with limits, which it does not reach,
 *   compared with that of a source without. Fails above 1.02.
 * - the p99 of a source while another one sends ten times its limit, compared with the p99 while that
 *   one sends nothing. Fails above 1.10. Beside it, the p99 while another source sends as much and has
 *   no limit.
 *
 * Short windows alternate, and each ratio is of windows that follow each other, so that other work on
 * the machine meets both; the median counts.
 */
const args = process.argv.slice(2);
const numberAfter = (name: string, otherwise: number): number => {
  const at = args.indexOf(name);
  return at === -1 ? otherwise : Number(args[at + 1]);
};
const pairs = numberAfter('--pairs', 40);
const windowMs = numberAfter('--milliseconds', 500);
const costMax = 1.02;
const p99Max = 1.1;

const loudLimit = 100;
const loudRate = loudLimit * 10;
const quietRate = 1_000;

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
  opened.push(await openSource(gate.port, key(source), 32));
  return opened.at(-1)!;
};
try {
  const cost = await compareCosts(await open('free'), await open('capped'));
  // Opened now: the gate closes connections that never send.
  const moved = await compareP99s(await open('quiet'), await open('loud'), await open('free'));
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
  console.error(`a request without limits: ${medianOf(free).toFixed(2)} us of the gate`);
  return report('processor time of a request, with limits : without', ratios, costMax);
}

/** The quiet source sends at its rate, beside nothing, a limited source, and one without limit. */
async function compareP99s(
  quiet: BenchSource,
  limited: BenchSource,
  unlimited: BenchSource,
): Promise<boolean> {
  const p99Beside = async (other: BenchSource | undefined): Promise<number> => {
    const [{ p99Ms, refused }, loud] = await Promise.all([
      quiet.sendAt(quietRate, windowMs),
      other?.sendAt(loudRate, windowMs),
    ]);
    if (refused > 0) throw new Error(`${refused} requests of the quiet source were refused`);
    if (other === limited) counts.push(loud!);
    return p99Ms;
  };
  const counts: { answers: number; refused: number }[] = [];
  const p99s: number[] = [];
  const alone: number[] = [];
  const besideLoud: number[] = [];
  const besideFree: number[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const before = await p99Beside(undefined);
    const beside = await p99Beside(limited);
    const after = await p99Beside(undefined);
    const free = await p99Beside(unlimited);
    // What is before and what is after it, so that a drift of the machine cancels out.
    const mean = (before + after) / 2;
    alone.push(before, after);
    p99s.push(beside);
    besideLoud.push(beside / mean);
    besideFree.push(free / after);
    await sleep(20);
  }
  const sent = counts.reduce((sum, { answers }) => sum + answers, 0);
  const refused = counts.reduce((sum, each) => sum + each.refused, 0);
  console.error(
    `p99 of ${quietRate}/s: ${medianOf(alone).toFixed(2)} ms alone, ${medianOf(p99s).toFixed(2)} ms ` +
      `beside ${loudRate}/s of a source with a limit of ${loudLimit}/s; ${refused} of its ${sent} ` +
      'requests were refused',
  );
  if (refused < sent / 2) throw new Error('the loud source was not limited');
  const isGood = report(
    'p99 of another source, at ten times the limit : alone',
    besideLoud,
    p99Max,
  );
  report('the same, as many events of a source without limit : alone', besideFree, Infinity);
  return isGood;
}

function report(name: string, ratios: readonly number[], most: number): boolean {
  const sorted = ratios.toSorted((one, other) => one - other);
  const median = medianOf(ratios);
  const isGood = median <= most;
  const quartile = (part: number): string => sorted[Math.floor(sorted.length * part)]!.toFixed(3);
  console.log(
    `${isGood ? 'ok  ' : 'HIGH'} ${name}: ${median.toFixed(3)} (quartiles ${quartile(0.25)} to ` +
      `${quartile(0.75)}${most === Infinity ? '' : `, at most ${most}`})`,
  );
  return isGood;
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)]!;
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
