import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import type { Delivery } from '../../src/destinations/destination.ts';
import { collect, runCli, spawnCli, type CliAnswer } from '../cli/run-cli.ts';
import { deliverAll } from '../destinations/deliveries.ts';
import type { Bucket } from './buckets.ts';

type Settings = Readonly<Record<string, unknown>>;

/** `headgate archive` with a bucket named `lake` and other destinations, in a folder of its own. */
export interface ReplayRig {
  readonly folder: string;
  run(...args: string[]): Promise<CliAnswer>;
  /** Runs it until `isFar` is true, then kills it with SIGKILL. Resolves to whether it was killed. */
  killed(isFar: () => boolean, ...args: string[]): Promise<boolean>;
  /** The ids in the table of events of a `sqlite` destination at `<folder>/<name>.db`. */
  idsIn(name: string): string[];
  close(): void;
}

export function createReplayRig(
  bucket: Bucket,
  destinations: (folder: string) => Readonly<Record<string, Settings>>,
  env: Readonly<Record<string, string>>,
): ReplayRig {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-replay-'));
  const config = path.join(folder, 'headgate.yaml');
  const lake = { ...placeOf(bucket), spool: path.join(folder, 'unused') };
  // JSON is YAML too.
  writeFileSync(config, JSON.stringify({ destinations: { lake, ...destinations(folder) } }));
  const own = { HEADGATE_DATA_DIR: folder, HEADGATE_SCHEMAS_DIR: path.resolve('schemas'), ...env };
  const lineOf = (args: readonly string[]): string[] => ['archive', ...args, '--config', config];
  return {
    folder,
    run: (...args) => runCli(lineOf(args), { env: own, cwd: folder }),
    async killed(isFar, ...args) {
      const child = spawnCli(lineOf(args), own, folder);
      child.stdin!.end();
      const timer = setInterval(() => isFar() && child.kill('SIGKILL'), 5);
      const ended = collect(child);
      await once(child, 'exit');
      clearInterval(timer);
      await ended;
      return child.signalCode === 'SIGKILL';
    },
    idsIn(name) {
      const database = new DatabaseSync(path.join(folder, `${name}.db`));
      try {
        const rows = database.prepare('SELECT event_id FROM events').all();
        return rows.map((row) => String(row['event_id'])).sort();
      } finally {
        database.close();
      }
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** As headgate.yaml has it. */
export function placeOf({ type, settings }: Bucket): Settings {
  const { bucket, prefix, endpoint, region, path_style } = settings;
  const place = { type: type.type, bucket, prefix, endpoint };
  return type.type === 's3' ? { ...place, region, path_style } : place;
}

/** A year has more than a thousand objects. */
const fillMsMax = 300_000;

/** Writes events into objects, by the destination itself. */
export async function fill(bucket: Bucket, deliveries: readonly Delivery[]): Promise<void> {
  const destination = await bucket.type.create('lake', bucket.settings);
  try {
    await deliverAll(destination, deliveries);
    await bucket.untilUploaded(fillMsMax);
  } finally {
    await destination.close();
  }
}

export function idsOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map((delivery) => delivery.event().eventId).sort();
}
