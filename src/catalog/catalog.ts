import type { JsonObject } from '../event/json/json.ts';

/** The content of the catalog. */
export interface Catalog {
  /** Sorted by name. */
  readonly events: readonly CatalogEvent[];
  /** Why the destinations are not listed. Undefined if they are. */
  readonly destinationsUnknown: string | undefined;
  /** Why the time of the last event is unknown. Undefined if it is known. */
  readonly lastEventsUnknown: string | undefined;
}

export interface CatalogEvent {
  readonly name: string;
  readonly owner: string;
  readonly description: string;
  /** `enforce`, or the differences from it. */
  readonly mode: string;
  readonly compatibility: string;
  readonly active: number;
  /** The newest first. */
  readonly versions: readonly CatalogVersion[];
  /** The destinations whose filters let it through. */
  readonly destinations: readonly CatalogDestination[];
  /** Undefined if the log has no such event, or if it is unknown. */
  readonly lastEventAt: Date | undefined;
}

export interface CatalogDestination {
  readonly name: string;
  readonly type: string;
}

export interface CatalogVersion {
  readonly version: number;
  /** `active`, `deprecated`, `validated by 3`, or empty. */
  readonly state: string;
  readonly properties: readonly CatalogProperty[];
  /** The number of properties that are not listed in `properties`. */
  readonly propertiesHidden: number;
  /** Whether unlisted properties are accepted. */
  readonly open: boolean;
  /** Properties that the version accepts; undefined if no example could be made. */
  readonly example: JsonObject | undefined;
}

export interface CatalogProperty {
  /** `items[].sku`. */
  readonly path: string;
  /** `string`, `array of object`, `"card" or "invoice"`. */
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
  /** `at most 64 characters`. */
  readonly limits: readonly string[];
  /** How it is redacted before it is stored: `drop`, `hash`, `mask`, or empty. */
  readonly personal: string;
}
