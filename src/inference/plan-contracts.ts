import { inferSchema } from './infer-schema.ts';
import { countOf, descriptionToWrite, type Doubt, type SchemaChoices } from './schema-of-sketch.ts';
import { addToTaxonomy } from './edit-taxonomy.ts';
import { knowsNaming, taxonomyText, type NewEntry } from './taxonomy-text.ts';
import type { EventTraffic, SeenTraffic } from './traffic.ts';
import { updateEvent } from './widen/update-event.ts';
import { readEntry } from '../validation/taxonomy/taxonomy.ts';
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
  /** The version that is written. */
  readonly version: number | undefined;
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
  const events = traffic.events().map((event): EventOutcome => {
    const before = planned.get(event.name);
    const outcome = { name: event.name, counts: event.counts, sources: [...event.sources].sort() };
    if (before !== undefined && before.versions.length > 0) {
      return { ...outcome, ...updateKnown(before, event, choices, files, activated) };
    }
    const refusal = before === undefined ? nameRefusal(event.name, known) : undefined;
    if (refusal !== undefined) {
      const doubts = [{ path: '', text: refusal }];
      return { ...outcome, done: 'left out', version: undefined, changes: [], doubts };
    }
    const { text, doubts } = inferSchema(event.sketch, choices);
    files.set(`${event.name}/1.json`, text);
    if (before === undefined) added.push(entryOf(event));
    else activated.set(event.name, 1);
    const few = event.sketch.objects < choices.samplesMin;
    const first = [
      ...(few ? [{ path: '', text: fewText(event.sketch.objects) }] : []),
      ...[...event.sentAs].sort().map((name) => ({ path: '', text: sentAsText(name) })),
    ];
    return { ...outcome, done: 'new', version: 1, changes: [], doubts: [...first, ...doubts] };
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
): Pick<EventOutcome, 'done' | 'version' | 'changes' | 'doubts'> {
  const failures = event.failures?.list() ?? [];
  const { version, text, changes, doubts } = updateEvent(before, event.sketch, failures, choices);
  if (version === undefined) return { done: 'kept', version, changes, doubts };
  files.set(`${event.name}/${version}.json`, text);
  activated.set(event.name, version);
  return { done: 'version', version, changes, doubts };
}

/** Why the taxonomy that people have written cannot have a name. */
function nameRefusal(name: string, known: KnownContracts | undefined): string | undefined {
  if (known === undefined && !knowsNaming() && !name.includes('_')) {
    return 'its name is one word: a noun and a verb are needed';
  }
  let refusal: string | undefined;
  const verbs = known?.registry.verbs ?? [];
  const entry = { owner: 'x', description: 'x', active: 1 };
  readEntry(name, entry, verbs, (problem, fix) => void (refusal ??= `${problem}. ${fix}`));
  return refusal;
}

function entryOf({ name, sources }: EventTraffic): NewEntry {
  const from = sources.size === 0 ? '' : ` (sent by ${[...sources].sort().join(', ')})`;
  return {
    name,
    owner: descriptionToWrite,
    description: `${descriptionToWrite}: when it is sent${from}`,
    active: 1,
    mode: 'warn',
  };
}

function sentAsText(name: string): string {
  return `was sent as ${JSON.stringify(name)}, which is another name`;
}

function fewText(count: number): string {
  return `only ${countOf(count, 'event')}: nothing is required, and other properties are allowed`;
}
