import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream';

import type { EventFilter } from '../../event/event-filter.ts';

/** What a destination wanted, from a place of EVENTS on. */
export interface FilterEra extends EventFilter {
  readonly from: number;
}

const metadataKey = 'headgate-filters';
/** Of the changes before these the books know nothing, and take the oldest that is left. */
const erasMax = 20;

/**
 * Writes down, with the destination's consumer on EVENTS, what it wants from now on. The log forgets
 * what was filtered as soon as that is settled, and the books must tell it from what is missing, also
 * when the configuration has changed since.
 */
export async function recordFilter(
  manager: JetStreamManager,
  destination: string,
  { events, sources }: EventFilter,
): Promise<void> {
  const info = await manager.consumers.info('EVENTS', destination);
  const eras = readEras(info);
  const last = eras.at(-1);
  const text = JSON.stringify([events, sources]);
  if (last !== undefined && JSON.stringify([last.events, last.sources]) === text) return;
  const era: FilterEra = { from: info.delivered.stream_seq + 1, events, sources };
  const kept = JSON.stringify([...eras, era].slice(-erasMax));
  const metadata = { ...info.config.metadata, [metadataKey]: kept };
  await manager.consumers.update('EVENTS', destination, { metadata });
}

/** Oldest first; empty where nothing was written down. */
export function readEras({ config }: Pick<ConsumerInfo, 'config'>): FilterEra[] {
  const text = config.metadata?.[metadataKey];
  if (text === undefined) return [];
  const eras: unknown = JSON.parse(text);
  return Array.isArray(eras) ? eras.filter(isEra) : [];
}

function isEra(value: unknown): value is FilterEra {
  if (typeof value !== 'object' || value === null) return false;
  const { from, events, sources } = value as Partial<Record<keyof FilterEra, unknown>>;
  return typeof from === 'number' && Array.isArray(events) && Array.isArray(sources);
}
