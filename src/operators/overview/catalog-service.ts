import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';

import type { CatalogService } from '../../../gen/headgate/v1/catalog_service_pb.ts';
import type { SourceCounts } from '../../jetstream/read/event-names.ts';
import { modeText } from '../../validation/modes.ts';
import type { PlannedEvent } from '../../validation/schema-registry.ts';
import { isObserving } from '../../validation/taxonomy/taxonomy.ts';
import { findLastEvents } from '../contracts/last-events.ts';
import type { RegistryServiceOptions } from '../contracts/registry-service.ts';

export interface CatalogServiceOptions extends Pick<
  RegistryServiceOptions,
  'registry' | 'source' | 'lastEventAtMs'
> {
  readonly countStored: () => Promise<SourceCounts>;
  readonly countRejected: () => Promise<SourceCounts>;
}

/** Names without a contract in one answer. */
const unplannedMax = 1_000;
const sourcesMax = 50;

/** `headgate.v1.CatalogService`, for the admin port. */
export function createCatalogService(
  options: CatalogServiceOptions,
): ServiceImpl<typeof CatalogService> {
  return {
    listEvents: async () => {
      const { registry, source, lastEventAtMs } = options;
      const [stored, rejected] = await Promise.all([
        options.countStored(),
        options.countRejected(),
      ]);
      const planned = [...registry().events].sort((one, other) => (one.name < other.name ? -1 : 1));
      const known = new Set(planned.map(({ name }) => name));
      const unplanned = [...new Set([...stored.keys(), ...rejected.keys()])]
        .filter((name) => !known.has(name))
        .map((name) => described(name, stored, rejected))
        .sort((one, other) => Number(other.stored - one.stored));
      const events = [
        ...planned.map((event) => ({
          ...described(event.name, stored, rejected),
          ...contractOf(event),
        })),
        ...unplanned.slice(0, unplannedMax),
      ];
      return {
        events: await withLastEvents(events, lastEventAtMs),
        unplannedNames: unplanned.length,
        observing: isObserving(registry(), registry().events),
        source,
      };
    },
  };
}

function described(name: string, stored: SourceCounts, rejected: SourceCounts) {
  const names = new Set([
    ...(stored.get(name)?.keys() ?? []),
    ...(rejected.get(name)?.keys() ?? []),
  ]);
  const sources = [...names]
    .map((source) => ({
      source,
      stored: BigInt(stored.get(name)?.get(source) ?? 0),
      rejected: BigInt(rejected.get(name)?.get(source) ?? 0),
    }))
    .sort((one, other) => Number(other.stored + other.rejected - one.stored - one.rejected));
  return {
    name,
    sources: sources.slice(0, sourcesMax),
    stored: sources.reduce((sum, each) => sum + each.stored, 0n),
    rejected: sources.reduce((sum, each) => sum + each.rejected, 0n),
  };
}

function contractOf({ owner, description, mode, active, versions, deprecated }: PlannedEvent) {
  return {
    planned: true,
    owner,
    description,
    mode: modeText(mode),
    activeVersion: versions.length === 0 ? 0 : active,
    versions: versions.map(({ version }) => version),
    deprecatedVersions: [...deprecated],
  };
}

/** Only where the log holds such events. */
async function withLastEvents<Event extends { readonly name: string; readonly stored: bigint }>(
  events: readonly Event[],
  lastEventAtMs: RegistryServiceOptions['lastEventAtMs'],
) {
  const stored = events.filter((event) => event.stored > 0n).map(({ name }) => name);
  const times = await findLastEvents(stored, lastEventAtMs);
  return events.map((event) => {
    const atMs = times.get(event.name);
    return { ...event, lastEventAt: atMs === undefined ? undefined : timestampFromMs(atMs) };
  });
}
