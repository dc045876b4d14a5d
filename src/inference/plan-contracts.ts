import { firstEntryOf, schemaFileOf } from './first-entry.ts';
import { inferSchema } from './infer-schema.ts';
import { countOf, type Doubt, type SchemaChoices } from './schema-of-sketch.ts';
import { addToTaxonomy } from './edit-taxonomy.ts';
import { taxonomyText, type NewEntry } from './taxonomy-text.ts';
import type { EventTraffic, SeenTraffic } from './traffic.ts';
import { updateEvent } from './widen/update-event.ts';
import { anyEntryName, checkEntryName } from '../validation/taxonomy/naming.ts';
import {
  taxonomyFile,
  type PlannedEvent,
  type SchemaRegistry,
} from '../validation/schema-registry.ts';

/** The contracts of a folder before. */
export interface KnownContracts {
  readonly registry: SchemaRegistry;
  /** `taxonomy.yaml` as it is written. */
  readonly taxonomy: string;
}

/** What becomes of one event. */
export interface EventOutcome {
  readonly name: string;
  readonly counts: EventTraffic['counts'];
  readonly sources: readonly string[];
  /** `kept`: its contract takes what came, or a person has to change it. */
  readonly done: 'new' | 'version' | 'kept' | 'left out';
  /** The schema that is written, by its path in the folder. */
  readonly file: string | undefined;
  readonly changes: readonly Doubt[];
  readonly doubts: readonly Doubt[];
}

export interface ContractPlan {
  /** The files to write, by their path in the folder. */
  readonly files: ReadonlyMap<string, string>;
  readonly events: readonly EventOutcome[];
}

/** The contracts for what came. Writes nothing. The same traffic gives the same plan. */
export function planContracts(
  traffic: SeenTraffic,
  known: KnownContracts | undefined,
  choices: Omit<SchemaChoices, 'levelsMax'>,
  origin: string,
): ContractPlan {
  const files = new Map<string, string>();
  const added: NewEntry[] = [];
  const activated = new Map<string, number>();
  const planned = new Map((known?.registry.events ?? []).map((event) => [event.name, event]));
  const came = traffic.events();
  const twins = Map.groupBy(
    new Set([...planned.keys(), ...came.map(({ name }) => name)]),
    plainName,
  );
  const events = came.map((event): EventOutcome => {
    const before = planned.get(event.name);
    const outcome = { name: event.name, counts: event.counts, sources: [...event.sources].sort() };
    if (before !== undefined && before.versions.length > 0) {
      return { ...outcome, ...updateKnown(before, event, choices, files, activated) };
    }
    const refusal = before === undefined ? nameRefusal(event.name, known) : undefined;
    if (refusal !== undefined) {
      const doubts = [{ path: '', text: refusal }];
      return { ...outcome, done: 'left out', file: undefined, changes: [], doubts };
    }
    const { text, doubts } = inferSchema(event.sketch, choices);
    const file = schemaFileOf(event.name, 1);
    files.set(file, text);
    if (before === undefined) added.push(firstEntryOf(event));
    else activated.set(event.name, 1);
    const few = event.sketch.objects < choices.samplesMin;
    const first = [
      ...(few ? [{ path: '', text: fewText(event.sketch.objects) }] : []),
      ...twinsOf(event.name, twins).map((text) => ({ path: '', text })),
    ];
    return { ...outcome, done: 'new', file, changes: [], doubts: [...first, ...doubts] };
  });
  const taxonomy =
    known === undefined
      ? taxonomyText(added, origin)
      : addToTaxonomy(known.taxonomy, { entries: added, activated });
  if (taxonomy !== known?.taxonomy && (known !== undefined || added.length > 0)) {
    files.set(taxonomyFile, taxonomy);
  }
  return { files, events };
}

function updateKnown(
  before: PlannedEvent,
  event: EventTraffic,
  choices: Omit<SchemaChoices, 'levelsMax'>,
  files: Map<string, string>,
  activated: Map<string, number>,
): Pick<EventOutcome, 'done' | 'file' | 'changes' | 'doubts'> {
  const failures = event.failures?.list() ?? [];
  const { version, text, changes, doubts } = updateEvent(before, event.sketch, failures, choices);
  if (version === undefined) return { done: 'kept', file: undefined, changes, doubts };
  const file = schemaFileOf(event.name, version);
  files.set(file, text);
  activated.set(event.name, version);
  return { done: 'version', file, changes, doubts };
}

/** Why a taxonomy cannot have a name. */
function nameRefusal(name: string, known: KnownContracts | undefined): string | undefined {
  let refusal: string | undefined;
  const { naming, verbs } = known?.registry ?? anyEntryName;
  checkEntryName(name, naming, verbs, (problem, fix) => void (refusal ??= `${problem}. ${fix}`));
  return refusal;
}

/** Names that are written in different ways only: `Order Completed` and `order_completed`. */
function twinsOf(name: string, twins: ReadonlyMap<string, readonly string[]>): string[] {
  const others = (twins.get(plainName(name)) ?? []).filter((other) => other !== name);
  return others.map((other) => `is ${JSON.stringify(other)} the same event? Then write an alias`);
}

function plainName(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '_');
}

function fewText(count: number): string {
  return `only ${countOf(count, 'event')}: nothing is required, and other properties are allowed`;
}
