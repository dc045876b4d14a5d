import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';

import { StartError } from '../../../errors.ts';
import {
  layoutDefault,
  partitionsOf,
  readLayout,
  writeLayout,
  type PartitionLayout,
  type StoredLayout,
} from '../../events/layout.ts';
import { partitionsMax } from '../../events/event-position.ts';
import { infoOf } from '../../events/stream-parts.ts';
import {
  earlierStream,
  isPartitionStream,
  partitionOfStream,
  partitionStream,
} from '../../topology.ts';
import { retryWhileForming } from '../retry-forming.ts';

export interface LayoutOptions {
  readonly manager: JetStreamManager;
  /** All streams, by their names; read before the layout. */
  readonly infos: ReadonlyMap<string, StreamInfo>;
  /** Of a new log. Undefined: one. */
  readonly partitions: number | undefined;
  /** Creates the stream LEDGER if it does not exist. */
  readonly ensureLedger: () => Promise<void>;
}

/**
 * The layout of the log. If it is new, it gets the partitions of the configuration: LEDGER decides
 * between processes that differ. The layout of a log that has events changes only by
 * `change-partitions.ts`.
 */
export async function ensureLayout(options: LayoutOptions): Promise<StoredLayout> {
  const { manager, infos, partitions, ensureLedger } = options;
  const stored = infos.has('LEDGER')
    ? await readLayout(manager)
    : { layout: layoutDefault, sequence: 0 };
  const unknown = await unknownPartitions(options, stored.layout);
  if (unknown.length > 0) return await adopt(options, stored, unknown);
  const isUsed = infos.has(earlierStream) || infos.has(partitionStream(0));
  if (stored.sequence > 0 || isUsed || partitions === undefined) return stored;
  await ensureLedger();
  const open = Array.from({ length: partitions }, (_one, partition) => partition);
  await writeLayout(manager, { ...layoutDefault, open }, 0);
  return readLayout(manager);
}

/** Another process has changed the layout, so that the settings of its streams are old. */
export class LayoutChanged extends Error {}

/** Throws if another process has changed the layout. */
export type CheckLayout = () => Promise<void>;

/** A process that retires all closed partitions after a change writes it once for each of them. */
const changesMax = 2 * partitionsMax;

/**
 * Applies the current layout, and again while another one becomes current meanwhile: settings by an
 * old one would open partitions that another process has closed. Call `check` before each change.
 * Throws a StartError if the layout does not come to rest.
 */
export async function applyLayout<Read extends StoredLayout, Value>(
  manager: JetStreamManager,
  read: () => Promise<Read>,
  apply: (stored: Read, check: CheckLayout) => Promise<Value>,
): Promise<Value> {
  for (let changes = 0; changes < changesMax; changes += 1) {
    const stored = await read();
    const check: CheckLayout = async () => {
      const { sequence } = await retryWhileForming(() => readLayout(manager));
      if (sequence !== stored.sequence) throw new LayoutChanged('the layout has changed');
    };
    try {
      const value = await apply(stored, check);
      await check();
      return value;
    } catch (error) {
      if (!(error instanceof LayoutChanged)) throw error;
    }
  }
  throw new StartError('The partitions are changed again and again, by another process.');
}

/** Partitions that exist and that the layout does not know: LEDGER was lost, or comes from an older backup. */
async function unknownPartitions(
  { manager, infos }: LayoutOptions,
  layout: PartitionLayout,
): Promise<number[]> {
  const known = new Set(partitionsOf(layout).map(partitionStream));
  const unknown: number[] = [];
  for (const name of infos.keys()) {
    if (!isPartitionStream(name) || (known as ReadonlySet<string>).has(name)) continue;
    // Another process may have deleted it since, and then its entry.
    if ((await infoOf(manager, name)) === undefined) continue;
    unknown.push(partitionOfStream(name));
  }
  return unknown;
}

/** Their events are delivered and kept as those of closed partitions. */
async function adopt(
  { manager, ensureLedger }: LayoutOptions,
  { layout, sequence }: StoredLayout,
  unknown: readonly number[],
): Promise<StoredLayout> {
  await ensureLedger();
  await writeLayout(manager, { ...layout, closed: [...layout.closed, unknown] }, sequence);
  return readLayout(manager);
}
