import type { ConsumerConfig } from '@nats-io/jetstream';

import type { EventFilter } from '../../event/event-filter.ts';
import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';

/** What a destination wanted, from a position of EVENTS on. */
export interface FilterEra extends EventFilter {
  readonly from: number;
}

const metadataKey = 'headgate-filters';
/** How many filters are kept. Of earlier ones nothing is known: the oldest that is kept stands for them. */
const erasMax = 20;

/**
 * Records with a destination's consumer on EVENTS, which must be there, what the destination wants
 * from now on. The log forgets which events were filtered as soon as they are settled, and the
 * reconciliation must tell them from missing ones, also after the filter was changed. Rejects when
 * the log cannot be reached.
 */
export async function recordFilter(
  log: Log,
  destination: string,
  { events, sources }: EventFilter,
): Promise<void> {
  const { consumers } = clientsOf(log).manager;
  const { config, delivered } = await consumers.info('EVENTS', destination);
  const eras = readFilterEras(config);
  const last = eras.at(-1);
  const text = JSON.stringify([events, sources]);
  if (last !== undefined && JSON.stringify([last.events, last.sources]) === text) return;
  const era: FilterEra = { from: delivered.stream_seq + 1, events, sources };
  const kept = JSON.stringify([...eras, era].slice(-erasMax));
  await consumers.update('EVENTS', destination, {
    metadata: { ...config.metadata, [metadataKey]: kept },
  });
}

/** Oldest first; empty where nothing was recorded. */
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
