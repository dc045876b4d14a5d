import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { forkWorker } from '../processes.ts';
import { cpuSecondsOf } from '../script/cpu.ts';
import { valueAfter } from '../script/options.ts';
import type { FilledLog } from './stored-events.ts';

const pollMs = 20;
/** `--profile FOLDER`: a CPU profile of each worker's event loop; its threads are not in it. */
const profileFolder = valueAfter('--profile');
const profile =
  profileFolder === undefined
    ? []
    : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(profileFolder)}`];
const minutesMax = 10;

export interface Drain {
  readonly perSecond: number;
  /** CPU of each side for one event. `far` is zero where the worker writes files itself. */
  readonly workerUs: number;
  readonly natsUs: number;
  readonly farUs: number;
}

export interface DrainOptions {
  /** The `bench` folder of the checkout whose worker runs. */
  readonly bench: string;
  /** Its name in headgate.yaml, and in the log. */
  readonly destination: string;
  readonly settings: object;
  readonly farProcessId: number | undefined;
  /** Whether the end of the worker belongs to the work: it writes what it still holds. */
  readonly endsWithWorker: boolean;
  /** Events before the measured ones, while connections open and code is compiled. Default: 0. */
  readonly warmUpEvents?: number;
}

/** Runs a worker with one destination until that has every event of the log. */
export async function drain(log: FilledLog, options: DrainOptions): Promise<Drain> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-drain-'));
  const config = path.join(folder, 'headgate.yaml');
  const destination = { from: 'earliest', ...options.settings };
  // JSON is YAML too.
  const tree = { destinations: { [options.destination]: destination } };
  writeFileSync(config, JSON.stringify(tree), { mode: 0o600 });
  const env = {
    HEADGATE_NATS_URL: log.natsUrl,
    HEADGATE_CONFIG: config,
    HEADGATE_DATA_DIR: folder,
    HEADGATE_LOG_STORAGE_BYTES_MAX: '16GiB',
    HEADGATE_SCHEMAS_DIR: path.join(options.bench, '..', 'schemas'),
  };
  const child = forkWorker(options.bench, env, profile);
  try {
    return await watch(child, log, options);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Moment {
  readonly at: number;
  readonly unsettled: number;
  readonly worker: number;
  readonly nats: number;
  readonly far: number;
}

async function watch(child: ChildProcess, log: FilledLog, options: DrainOptions): Promise<Drain> {
  let code: number | null | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (value) => {
      code = value;
      resolve();
    });
  });
  const now = (unsettled: number): Moment => ({
    at: performance.now(),
    unsettled,
    worker: cpuSecondsOf(child.pid!),
    nats: cpuSecondsOf(log.natsProcessId),
    far: options.farProcessId === undefined ? 0 : cpuSecondsOf(options.farProcessId),
  });
  const limit = performance.now() + minutesMax * 60_000;
  let all: number | undefined;
  let first: Moment | undefined;
  let last: Moment;
  for (;;) {
    const unsettled = await log.unsettled(options.destination);
    all ??= unsettled;
    const { warmUpEvents = 0 } = options;
    if (unsettled !== undefined && unsettled < all! - warmUpEvents) first ??= now(unsettled);
    if (unsettled === 0) break;
    if (code !== undefined) throw new Error(`the worker ended with ${code}`);
    if (performance.now() > limit) throw new Error(`${unsettled} events were not delivered`);
    await sleep(pollMs);
  }
  last = now(0);
  child.kill('SIGTERM');
  if (options.endsWithWorker) {
    // An ended process has no CPU to read.
    for (; code === undefined; await sleep(pollMs)) {
      const next = now(0);
      last = { ...next, worker: Math.max(last.worker, next.worker) };
    }
  }
  await ended;
  const events = first!.unsettled;
  return {
    perSecond: events / ((last.at - first!.at) / 1_000),
    workerUs: ((last.worker - first!.worker) / events) * 1e6,
    natsUs: ((last.nats - first!.nats) / events) * 1e6,
    farUs: ((last.far - first!.far) / events) * 1e6,
  };
}
