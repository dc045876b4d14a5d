import type { ConsumerConfig } from '@nats-io/jetstream';

import type { EventFilter } from '../../event/event-filter.ts';
import { clientsOf } from '../clients.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';

/** A filter of a destination, and the position of EVENTS from which it applied. */
export interface FilterEra extends EventFilter {
  readonly from: number;
}

const metadataKey = 'headgate-filters';
/** How many filters are kept. The oldest kept filter stands for all earlier ones. */
const erasMax = 20;
/** More processes than write the metadata of a consumer at the same time. */
const triesMax = 10;

/**
 * Records the destination's new filter in the metadata of its consumer on a part of EVENTS, which
 * must exist.
 * NATS does not keep which events were filtered once they are settled. Reconciliation needs this
 * record to tell filtered events from missing ones, even after the filter changed. Rejects when the
 * log cannot be reached.
 *
 * NATS changes metadata without a condition: of two processes that start at once, one may write over
 * the record of the other. So what was written is read again, and written again if it is gone.
 */
export async function recordFilter(
  log: Log,
  part: StreamPart,
  destination: string,
  { events, sources }: EventFilter,
): Promise<void> {
  const { consumers } = clientsOf(log).manager;
  let written: FilterEra | undefined;
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { config, delivered } = await consumers.info(part.stream, destination);
    const eras = readFilterEras(config);
    const isRecorded =
      written === undefined
        ? textOf(eras.at(-1)) === textOf({ events, sources })
        : eras.some((era) => era.from === written!.from && textOf(era) === textOf(written));
    if (isRecorded) return;
    const from = part.position(Math.max(delivered.stream_seq + 1, part.from));
    written = { from, events, sources };
    const kept = JSON.stringify([...eras, written].slice(-erasMax));
    await consumers.update(part.stream, destination, {
      metadata: { ...config.metadata, [metadataKey]: kept },
    });
  }
}

/** Two filters are the same if their texts are. */
function textOf(filter: EventFilter | undefined): string {
  return JSON.stringify([filter?.events, filter?.sources]);
}

/** The metadata of a consumer, for one on a part that begins with this position: the last filter goes on. */
export function continuedMetadata(
  config: Pick<ConsumerConfig, 'metadata'>,
  from: number,
): Record<string, string> {
  const last = readFilterEras(config).at(-1);
  const metadata = { ...config.metadata };
  delete metadata[metadataKey];
  return last === undefined
    ? metadata
    : { ...metadata, [metadataKey]: JSON.stringify([{ ...last, from }]) };
}

/** The recorded filters, oldest first; empty if none was recorded. */
export function readFilterEras({ metadata }: Pick<ConsumerConfig, 'metadata'>): FilterEra[] {
  const text = metadata?.[metadataKey];
  if (text === undefined) return [];
  const eras: unknown = JSON.parse(text);
  return Array.isArray(eras) ? eras.filter(isEra) : [];
}

function isEra(value: unknown): value is FilterEra {
  if (typeof value !== 'object' || value === null) return false;
  const { from, events, sources } = value as Partial<Record<keyof FilterEra, unknown>>;
  return typeof from === 'number' && Array.isArray(events) && Array.isArray(sources);
}
