/**
 * A process that delivers events of a contract which grows, and is killed. It continues where `--from` says,
 * and prints the number of each event that is delivered: `done 500`.
 */
import { createHash } from 'node:crypto';

import type { Destination, DestinationSettings } from '../../src/destinations/destination.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { decodeStoredEvent } from '../../src/event/stored-event.ts';

export interface KilledWriterTask {
  readonly type: 'sqlite' | 'postgres' | 'clickhouse' | 'parquet';
  readonly settings: DestinationSettings;
  readonly events: number;
  readonly versions: number;
  readonly from: number;
}

export const killedName = 'parcel_viewed';
const batchEvents = 200;

/** Each version has one property more, and the type of the first changes with every second. */
export function killedContract(versions: number): EventContract {
  const schemas = Array.from({ length: versions }, (_, at) => ({
    type: 'object',
    properties: {
      changing: { type: Math.floor(at / 2) % 2 === 0 ? 'integer' : 'string' },
      ...Object.fromEntries(
        Array.from({ length: at + 1 }, (_v, n) => [`p${n}`, { type: 'integer' }]),
      ),
    },
  }));
  return { name: killedName, schemas };
}

export function versionOf({ events, versions }: KilledWriterTask, number: number): number {
  return 1 + Math.floor((number * versions) / events);
}

/** A UUID that depends on the number alone. */
export function idOf(number: number): string {
  const hex = createHash('sha256').update(String(number)).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}

function payloadOf(task: KilledWriterTask, number: number): string {
  const version = versionOf(task, number);
  const isText = Math.floor((version - 1) / 2) % 2 === 1;
  return JSON.stringify({
    eventId: idOf(number),
    eventName: killedName,
    source: 'shop',
    timestamp: '2026-03-01T12:00:00.123Z',
    eventTime: '2026-03-01T12:00:00.123Z',
    idempotencyKey: String(number),
    schemaVersion: version,
    properties: { changing: isText ? `n${number}` : number, [`p${version - 1}`]: number },
  });
}

async function open(
  { type, settings }: KilledWriterTask,
  contracts: () => EventContract[],
): Promise<Destination> {
  if (type === 'sqlite') {
    const { createSqliteDestination } = await import('../../src/destinations/sqlite/sqlite.ts');
    return createSqliteDestination('w', settings, { contracts });
  }
  if (type === 'clickhouse') {
    const { createClickhouseDestination } =
      await import('../../src/destinations/clickhouse/clickhouse.ts');
    return createClickhouseDestination('w', settings, { contracts });
  }
  if (type === 'parquet') {
    const { createParquetDestination } = await import('../../src/destinations/parquet/parquet.ts');
    return createParquetDestination('w', settings, { contracts });
  }
  const { createPostgresDestination } = await import('../../src/destinations/postgres/postgres.ts');
  return createPostgresDestination('w', settings, { contracts });
}

async function run(task: KilledWriterTask): Promise<void> {
  let contracts: EventContract[] = [];
  const destination = await open(task, () => contracts);
  let version = 0;
  for (let from = task.from; from < task.events; from += batchEvents) {
    const to = Math.min(task.events, from + batchEvents);
    const newest = versionOf(task, to - 1);
    if (newest !== version) {
      contracts = [killedContract(newest)];
      version = newest;
      process.stdout.write(`migrates ${from}\n`);
    }
    const batch = Array.from({ length: to - from }, (_, at) => {
      const payload = Buffer.from(payloadOf(task, from + at));
      return {
        sequence: from + at + 1,
        attempt: 1,
        payload,
        event: () => decodeStoredEvent(payload),
      };
    });
    for (;;) {
      const outcomes = await destination.deliver(batch, new AbortController().signal);
      const dead = outcomes.find(({ kind }) => kind === 'dead');
      if (dead !== undefined) throw new Error(JSON.stringify(dead));
      if (outcomes.every(({ kind }) => kind === 'delivered')) break;
    }
    process.stdout.write(`done ${to}\n`);
  }
  await destination.close();
}

if (process.argv[2] !== undefined && process.argv[1]?.endsWith('killed-writer.ts') === true) {
  await run(JSON.parse(process.argv[2]) as KilledWriterTask);
}
