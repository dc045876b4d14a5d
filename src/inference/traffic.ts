import { addValue, emptySketch, placesMax, type PlaceBudget, type Sketch } from './sketch.ts';
import { createFailures, type Failures } from './widen/failures.ts';
import type { JsonObject } from '../event/json/json.ts';
import type { SchemaFindings } from '../validation/schema/compile-schema.ts';
import { TooMuchWork } from '../validation/schema/work-bound.ts';
import type { PlannedEvent } from '../validation/schema-registry.ts';
import { eventsMax } from '../validation/taxonomy/taxonomy.ts';

/** Where an event was found. */
export type FoundIn = 'stored' | 'rejected' | 'file';

/** The events of one name. */
export interface EventTraffic {
  /** The name in the taxonomy. */
  readonly name: string;
  readonly sketch: Sketch;
  readonly counts: Record<FoundIn, number>;
  readonly sources: Set<string>;
  /** What breaks the active version of its contract. Undefined without one. */
  readonly failures: Failures | undefined;
}

/** What came. Its memory is bounded, however many events are added. */
export interface SeenTraffic {
  add(event: TrafficEvent, found: FoundIn): void;
  readonly added: number;
  /** In the order of names. */
  events(): EventTraffic[];
  /** Names that no taxonomy can have, with counts. Bounded: not all of them. */
  readonly unnamed: ReadonlyMap<string, number>;
  /** Events of such names that are not in `unnamed`. */
  readonly otherUnnamed: number;
  /** Events whose names are more than a taxonomy can have. */
  readonly beyond: number;
  /** True if there were more places than are followed. */
  isFull(): boolean;
}

export interface TrafficEvent {
  /** As it was sent. */
  readonly name: string;
  readonly properties: JsonObject;
  /** Empty if unknown. */
  readonly source: string;
}

const sourcesMax = 5;
const unnamedMax = 200;

/**
 * @param nameOf gives the name in the taxonomy; undefined if it cannot have this one.
 * @param planned events that have a contract.
 */
export function createTraffic(
  nameOf: (sent: string) => string | undefined,
  planned: readonly PlannedEvent[] = [],
  eventNamesMax: number = eventsMax,
): SeenTraffic {
  const events = new Map<string, EventTraffic>();
  const contracts = new Map(planned.map((event) => [event.name, activeOf(event)]));
  const unnamed = new Map<string, number>();
  const budget: PlaceBudget = { left: placesMax };
  let added = 0;

  let otherUnnamed = 0;
  let beyond = 0;

  const refuse = (sent: string): void => {
    if (unnamed.has(sent) || unnamed.size < unnamedMax) {
      unnamed.set(sent, (unnamed.get(sent) ?? 0) + 1);
    } else otherUnnamed += 1;
  };

  return {
    get added() {
      return added;
    },
    add: ({ name: sent, properties, source }, found) => {
      added += 1;
      const name = nameOf(sent);
      if (name === undefined) return refuse(sent);
      let event = events.get(name);
      if (event === undefined) {
        if (events.size >= eventNamesMax) return void (beyond += 1);
        events.set(name, (event = emptyTraffic(name, contracts.get(name) !== undefined)));
      }
      event.counts[found] += 1;
      if (source !== '' && event.sources.size < sourcesMax) event.sources.add(source);
      addValue(event.sketch, properties, budget);
      const findings = findingsIn(contracts.get(name), properties);
      if (findings !== undefined) event.failures!.add(findings, properties);
    },
    events: () => [...events.values()].sort((one, other) => (one.name < other.name ? -1 : 1)),
    unnamed,
    get otherUnnamed() {
      return otherUnnamed;
    },
    get beyond() {
      return beyond;
    },
    isFull: () => budget.left <= 0,
  };
}

type Contract = PlannedEvent['versions'][number];

function activeOf({ active, versions }: PlannedEvent): Contract | undefined {
  return versions.find(({ version }) => version === active);
}

function emptyTraffic(name: string, hasContract: boolean): EventTraffic {
  return {
    name,
    sketch: emptySketch(),
    counts: { stored: 0, rejected: 0, file: 0 },
    sources: new Set(),
    failures: hasContract ? createFailures() : undefined,
  };
}

function findingsIn(
  contract: Contract | undefined,
  properties: JsonObject,
): SchemaFindings | undefined {
  try {
    return contract?.findingsIn(properties);
  } catch (error) {
    // The gate rejects such an event whatever its schema says.
    if (error instanceof TooMuchWork) return undefined;
    throw error;
  }
}
