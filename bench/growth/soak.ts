import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { sendAll } from '../destinations/stored-events.ts';
import { forkWorker, natsUrlOf, residentBytes, startGate, stopChild } from '../processes.ts';
import { median } from '../script/median.ts';
import { numberAfter } from '../script/options.ts';
import { eventsOfNames, namesCount, writeContracts } from './named-events.ts';

/*
 * npm run bench:soak [-- --minutes 5] [--rate 1000] [--every 10]
 *
 * Whether memory stays flat: events with new ids at a fixed rate into a gate, and from its embedded log
 * to a warehouse by a worker in a process of its own. Ids and events are kept for half a minute, so that
 * the log and the table of ids have their full size soon. Prints the resident memory of gate, nats-server
 * and worker every `--every` seconds. Exit code 1: of the second half of the run, the median of the last
 * third is more than a tenth and 20 MB above that of the first third. Needs Linux.
 */
const minutes = numberAfter('--minutes', 5);
const rate = numberAfter('--rate', 1_000);
const everySeconds = numberAfter('--every', 10);
const growthShareMax = 0.1;
const growthBytesMax = 20e6;

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-soak-'));
const schemasDir = path.join(folder, 'schemas');
writeContracts(schemasDir);
const logSettings = {
  HEADGATE_SCHEMAS_DIR: schemasDir,
  HEADGATE_LOG_STORAGE_BYTES_MAX: '2GiB',
  HEADGATE_LOG_DEDUP_WINDOW: '30s',
  HEADGATE_LOG_RETENTION: '30s',
};
const gate = await startGate({ ...logSettings, HEADGATE_ROLES: 'gate' });
try {
  const worker = await startWorker();
  try {
    const processes = {
      gate: gate.processId,
      'nats-server': gate.nats.processId,
      worker: worker.pid!,
    };
    report(await watch(processes));
  } finally {
    await stopChild(worker);
  }
} finally {
  await gate.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Resident bytes of each process, in order of time. */
type Samples = ReadonlyMap<string, number[]>;

async function watch(processes: Readonly<Record<string, number>>): Promise<Samples> {
  const samples = new Map(Object.keys(processes).map((name) => [name, [] as number[]]));
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1_000;
  let sent = 0;
  for (let next = everySeconds; seconds() < minutes * 60;) {
    // A machine that is too busy for the rate sends less, and never more to catch up.
    const from = performance.now();
    await sendAll(gate.port, rate, eventsOfNames(namesCount));
    sent += rate;
    await sleep(Math.max(0, 1_000 - (performance.now() - from)));
    if (seconds() < next) continue;
    next += everySeconds;
    const parts = Object.entries(processes).map(([name, id]) => {
      const bytes = residentBytes(id);
      samples.get(name)!.push(bytes);
      return `${name} ${(bytes / 1e6).toFixed(0)} MB`;
    });
    console.log(
      `${seconds().toFixed(0)} s, ${sent.toLocaleString('en')} events: ${parts.join(', ')}`,
    );
  }
  return samples;
}

function report(samples: Samples): void {
  for (const [name, all] of samples) {
    const half = all.slice(Math.floor(all.length / 2));
    const third = Math.ceil(half.length / 3);
    const [before, after] = [median(half.slice(0, third)), median(half.slice(-third))];
    const grown = after - before;
    const isFlat = grown <= before * growthShareMax + growthBytesMax;
    if (!isFlat) process.exitCode = 1;
    console.log(
      `${isFlat ? 'ok  ' : 'HIGH'} ${name}: ${(before / 1e6).toFixed(0)} MB, then ` +
        `${(after / 1e6).toFixed(0)} MB in the second half`,
    );
  }
}

/** Delivers to SQLite, whose file grows, and nothing else of the worker does. */
async function startWorker() {
  const config = path.join(folder, 'headgate.yaml');
  const destination = { type: 'sqlite', path: path.join(folder, 'warehouse.db') };
  // JSON is YAML too.
  writeFileSync(config, JSON.stringify({ destinations: { warehouse: destination } }));
  const child = forkWorker(path.join(import.meta.dirname, '..'), {
    ...logSettings,
    HEADGATE_NATS_URL: natsUrlOf(gate),
    HEADGATE_CONFIG: config,
    HEADGATE_DATA_DIR: folder,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`the worker exited with code ${code}`)));
  });
  return child;
}
