import { compileEventGlobs } from '../event/glob.ts';
import type { PlannedEvent, SchemaVersion } from '../validation/schema-registry.ts';
import { versionState } from '../validation/taxonomy/version-state.ts';
import type { Catalog, CatalogDestination, CatalogEvent, CatalogVersion } from './catalog.ts';
import { makeExample } from './make-example.ts';
import { propertiesShownMax, readProperties } from './read-properties.ts';

/** A destination, and the globs of the events that it accepts. */
export interface DestinationFilter extends CatalogDestination {
  readonly events: readonly string[];
}

/** Facts that are not in the schemas. A text instead of a value says why it is not known. */
export interface CatalogSurroundings {
  readonly destinations: readonly DestinationFilter[] | string;
  readonly lastEvents: ReadonlyMap<string, Date> | string;
}

/** A contract, from a folder or from a gate. */
export type CatalogContract = Omit<PlannedEvent, 'mode' | 'compatibility'> & {
  readonly mode: string;
  readonly compatibility: string;
};

/** Collects the content of all pages. */
export function readCatalog(
  contracts: readonly CatalogContract[],
  around: CatalogSurroundings,
): Catalog {
  const { destinations, lastEvents } = around;
  const filters = typeof destinations === 'string' ? [] : destinations;
  const matching = filters.map(({ name, type, events }) => ({
    destination: { name, type },
    takes: compileEventGlobs(events),
  }));
  const events = contracts.map((event): CatalogEvent => {
    const { name, owner, description, mode, compatibility, active } = event;
    return {
      name,
      owner,
      description,
      mode,
      compatibility,
      active,
      versions: event.versions.map((version) => readVersion(event, version)).toReversed(),
      destinations: matching
        .filter(({ takes }) => takes(name))
        .map(({ destination }) => destination),
      lastEventAt: typeof lastEvents === 'string' ? undefined : lastEvents.get(name),
    };
  });
  return {
    events: events.sort((left, right) => (left.name < right.name ? -1 : 1)),
    destinationsUnknown: typeof destinations === 'string' ? destinations : undefined,
    lastEventsUnknown: typeof lastEvents === 'string' ? lastEvents : undefined,
  };
}

function readVersion(event: CatalogContract, version: SchemaVersion): CatalogVersion {
  const properties = readProperties(version.schema);
  return {
    version: version.version,
    state: versionState(version.version, event),
    properties: properties.slice(0, propertiesShownMax),
    propertiesHidden: Math.max(0, properties.length - propertiesShownMax),
    open: version.schema['additionalProperties'] !== false,
    example: makeExample(version),
  };
}
