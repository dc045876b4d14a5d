import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { numberAfter, valueAfter } from '../script/options.ts';
import { startClusterLog } from './cluster-log.ts';
import { boundsOf, costsOf, medianCosts, type Costs } from './costs.ts';
import { rateOf, row, tableHead } from './shown.ts';
import { runStep, type Step } from './step.ts';

/*
 * npm run bench:scale [-- --events 40000] [--rounds 1] [--partitions 1,2,4,8] [--server FILE]
 *
 * What an event costs on a cluster of three nats-servers, with the partitions of the log, the gates and
 * the workers. Every process runs on this machine, so the rate cannot grow with them unless it has a
 * processor for each; CPU for an event says what machines of their own could do: a process whose
 * busiest thread takes 20 µs takes at most 50,000 events a second.
 *
 * `--server` names a nats-server. With TMPDIR=/dev/shm the servers store in memory: a busy disk then
 * costs no time, and no bytes of it are counted. Exit code 1: an event is missing, or a ratio of the
 * curve is above its limit. Needs Linux.
 */
const rounds = numberAfter('--rounds', 1);
const events = numberAfter('--events', 40_000);
const partitionsList = (valueAfter('--partitions') ?? '1,2,4,8').split(',').map(Number);
const binary = valueAfter('--server');
const warmUpEvents = events / 4;
const storageBytesMax = 8 * 1024 ** 3;
/** More gates and workers run with this many partitions. */
const partitionsOfMore = 4;
const processesList = [1, 2, 4];

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-scale-'));
const curve = new Map<string, Costs[]>();
try {
  for (let round = 1; round <= rounds; round += 1) {
    for (const partitions of partitionsList) await measurePartitions(partitions, round);
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
print([...curve.values()].map(medianCosts));

async function measurePartitions(partitions: number, round: number): Promise<void> {
  await using log = await startClusterLog({ partitions, storageBytesMax, binary });
  for (const processes of partitions === partitionsOfMore ? processesList : [1]) {
    const step = await runStep({
      log,
      partitions,
      processes,
      events,
      warmUpEvents,
      storageBytesMax,
      folder: path.join(folder, String(round)),
    });
    checkCounts(step);
    const costs = costsOf(step);
    const name = `${partitions} ${processes}`;
    curve.set(name, [...(curve.get(name) ?? []), costs]);
    console.error(`round ${round} of ${rounds}: ${JSON.stringify({ ...costs, ...seen(step) })}`);
  }
}

function seen({ leads, storedBytes, counts }: Step) {
  return { leads, storedBytes: Math.round(storedBytes), counts };
}

function checkCounts({ partitions, processes, counts }: Step): void {
  const { sent, stored, delivered, repeated } = counts;
  if (stored === sent && delivered === sent && repeated === 0) return;
  console.log(`${partitions} partitions, ${processes} processes: ${JSON.stringify(counts)}`);
  process.exitCode = 1;
}

function print(all: readonly Costs[]): void {
  console.log(
    `${os.availableParallelism()} processors for three nats-servers, the gates, the workers and the sender, ` +
      `load ${os.loadavg()[0]!.toFixed(0)}: the rates are this machine's. CPU for an event in µs, of ` +
      `${events} events, medians of ${rounds}:\n`,
  );
  console.log(tableHead);
  for (const costs of all) console.log(row(costs));
  console.log('\nFrom these, by arithmetic: 1 s / CPU of the busiest for an event.\n');
  for (const costs of all) console.log(rateOf(costs));
  console.log('');
  for (const { name, ratio, ratioMax, holds } of boundsOf(all)) {
    console.log(`${name}: ${ratio.toFixed(2)}, at most ${ratioMax}${holds ? '' : ': ABOVE'}`);
    if (!holds) process.exitCode = 1;
  }
}
