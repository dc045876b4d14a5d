import { stringify } from 'yaml';

import { firstEntryOf, schemaFileOf } from '../../inference/first-entry.ts';
import { inferSchema } from '../../inference/infer-schema.ts';
import type { Doubt } from '../../inference/schema-of-sketch.ts';
import { addToTaxonomy } from '../../inference/edit-taxonomy.ts';
import { entryText, fieldsOf, taxonomyText, type NewEntry } from '../../inference/taxonomy-text.ts';
import { createTraffic, type EventTraffic } from '../../inference/traffic.ts';
import { updateEvent } from '../../inference/widen/update-event.ts';
import type { SchemaRegistry } from '../../validation/schema-registry.ts';
import { readEventText } from './read-events.ts';
import {
  walkTraffic,
  type TrafficRange,
  type TrafficSink,
  type TrafficSources,
} from './walk-traffic.ts';

/** A first contract for the events of a name, or the next version of one, as InferSchemaResponse. */
export async function inferContract(
  sources: TrafficSources,
  registry: SchemaRegistry,
  range: TrafficRange,
  samplesMin: number,
  taxonomy: string | undefined,
  signal: AbortSignal,
) {
  const { eventName } = range;
  // Aliases are stored under the name of the contract.
  const traffic = createTraffic(() => eventName, registry.events);
  const sink: TrafficSink = {
    stored: (_sequence, storedJson) => {
      const event = readEventText(Buffer.from(storedJson).toString('utf8'));
      if (event !== undefined) traffic.add(event, 'stored');
    },
    rejected: (_sequence, text, { source }) => {
      const event = readEventText(text);
      if (event !== undefined) traffic.add({ ...event, source }, 'rejected');
    },
  };
  const incomplete = await walkTraffic(sources, range, sink, signal);
  const [event] = traffic.events();
  if (event === undefined) return { eventName, incomplete };
  const contract = contractFor(event, registry, samplesMin, taxonomy);
  return {
    eventName,
    ...contract,
    stored: BigInt(event.counts.stored),
    rejected: BigInt(event.counts.rejected),
    sources: [...event.sources].sort(),
    incomplete,
    file: contract.schemaJson === '' ? '' : schemaFileOf(eventName, contract.version),
  };
}

interface InferredContract {
  /** Empty: the contract takes what came, or a person has to change it, as the doubts say. */
  readonly schemaJson: string;
  readonly version: number;
  readonly entry: string;
  readonly taxonomyEntry: string;
  readonly taxonomy: string;
  readonly doubts: Doubt[];
}

function contractFor(
  event: EventTraffic,
  registry: SchemaRegistry,
  samplesMin: number,
  taxonomy: string | undefined,
): InferredContract {
  const choices = { samplesMin, personal: undefined };
  const before = registry.events.find(({ name }) => name === event.name);
  if (before !== undefined && before.versions.length > 0) {
    const update = updateEvent(before, event.sketch, event.failures?.list() ?? [], choices);
    const { version = 0, text, changes, doubts } = update;
    return {
      schemaJson: text,
      version,
      entry: '',
      taxonomyEntry: '',
      taxonomy: '',
      doubts: [...changes, ...doubts],
    };
  }
  const { text, doubts } = inferSchema(event.sketch, choices);
  const entry = firstEntryOf(event);
  return {
    schemaJson: text,
    version: 1,
    entry: stringify(fieldsOf(entry)),
    taxonomyEntry: before === undefined ? entryText(entry) : '',
    taxonomy: before === undefined && taxonomy !== undefined ? withEntry(taxonomy, entry) : '',
    doubts: [...doubts],
  };
}

/** In observe mode there is no file yet. */
function withEntry(taxonomy: string, entry: NewEntry): string {
  if (taxonomy === '') return taxonomyText([entry], 'Made from events that came.');
  return addToTaxonomy(taxonomy, { entries: [entry], activated: new Map() });
}
