import { LineCounter, parseDocument } from 'yaml';

import { isSnakeCase } from '../event-name.ts';
import { compatibilityModes, type CompatibilityMode } from '../compatibility/compatibility.ts';
import { readMode, unplannedModes, type EventMode, type UnplannedMode } from '../modes.ts';
import { nearestName } from '../nearest-name.ts';
import type { ReportFault } from '../registry-fault.ts';
import {
  checkAliases,
  checkEntryName,
  namings,
  noAliases,
  readAliases,
  type Aliases,
  type Naming,
} from './naming.ts';
import { readDeprecated, readSupersedes, type Superseded } from './taxonomy-versions.ts';

/** One planned event, as `taxonomy.yaml` defines it. */
export interface TaxonomyEntry {
  readonly name: string;
  readonly owner: string;
  readonly description: string;
  /** The version that validates events without a version; 0 if it has no schema. */
  readonly active: number;
  readonly mode: EventMode;
  /** What a new version may change. */
  readonly compatibility: CompatibilityMode;
  /** The versions that another version validates in their place. */
  readonly superseded: Superseded;
  /** Versions that still validate events, and warn their producers to send the active version. */
  readonly deprecated: readonly number[];
}

/** The settings of `taxonomy.yaml` for all events. */
export interface TaxonomyHeader {
  /** The form of events' names. */
  readonly naming: Naming;
  /** Empty under `naming: any`, if it has none. */
  readonly verbs: readonly string[];
  readonly unplanned: UnplannedMode;
  readonly aliases: Aliases;
}

/** The content of `taxonomy.yaml`. */
export interface Taxonomy extends TaxonomyHeader {
  readonly entries: readonly TaxonomyEntry[];
}

/** Event names are metric labels: more of them would overload the monitoring. */
export const eventsMax = 2000;
const verbsMax = 200;

const topKeys = ['naming', 'verbs', 'unplanned', 'aliases', 'events'];
const entryKeys = [
  'owner',
  'description',
  'active',
  'mode',
  'compatibility',
  'supersedes',
  'deprecated',
];

export type Fields = Readonly<Record<string, unknown>>;

/** Reads `taxonomy.yaml`. Reports every fault, and returns the valid rest. */
export function readTaxonomy(text: string, report: ReportFault): Taxonomy {
  const root = parseYaml(text, report);
  if (root === undefined) return { ...noHeader, entries: [] };
  return readTaxonomyFields(root, report);
}

/** Reads the parsed YAML of `taxonomy.yaml`. */
export function readTaxonomyFields(root: Fields, report: ReportFault): Taxonomy {
  if (isObserved(root)) return { ...readHeader(observedFields(root), report), entries: [] };
  const header = readHeader(root, report);
  const entries = readEntries(root['events'], header, report);
  if (entries.length > 0) checkAliases(header.aliases, entries, report);
  return { ...header, entries };
}

/** The header of a taxonomy that cannot be read. */
export const noHeader: TaxonomyHeader = {
  naming: 'noun_verb',
  verbs: [],
  unplanned: 'reject',
  aliases: noAliases,
};

/** `events: {}` without a word on unplanned events: observe mode (docs/contracts/observe.md). */
export function isObserved({ events, unplanned }: Fields): boolean {
  return unplanned === undefined && isFields(events) && Object.keys(events).length === 0;
}

/** What such a taxonomy says when it is written out. */
export function observedFields({ events: _none, ...header }: Fields): Fields {
  return { naming: 'any', ...header, unplanned: 'warn' };
}

/** The header of observe mode: events of any name are stored, and marked. */
export const observedHeader: TaxonomyHeader = { ...noHeader, naming: 'any', unplanned: 'warn' };

/**
 * Whether nothing has a contract yet. A taxonomy without events that says what is done with unplanned
 * ones is refused, so that nothing else has this form.
 */
export function isObserving(
  header: Pick<TaxonomyHeader, 'unplanned'>,
  events: readonly unknown[],
): boolean {
  return events.length === 0 && header.unplanned === 'warn';
}

/** Reads the keys beside `events`. */
export function readHeader(root: Fields, report: ReportFault): TaxonomyHeader {
  refuseUnknownKeys(root, topKeys, '', report);
  const naming = readChoice(root['naming'], namings, 'naming', report);
  const isWithoutVerbs = naming === 'any' && root['verbs'] === undefined;
  return {
    naming,
    verbs: isWithoutVerbs ? [] : readVerbs(root['verbs'], report),
    unplanned: readChoice(root['unplanned'], unplannedModes, 'unplanned', report),
    aliases: readAliases(root['aliases'], report),
  };
}

/** Parses YAML that must be a mapping. Reports faults, and then returns undefined. */
export function parseYaml(text: string, report: ReportFault): Fields | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  for (const error of document.errors) {
    const { line } = lines.linePos(error.pos[0]);
    report(`line ${line}: ${oneLine(error.message)}`, 'Fix the YAML there.');
  }
  if (document.errors.length > 0) return undefined;
  let root: unknown;
  try {
    root = document.toJS();
  } catch (error) {
    report(oneLine((error as Error).message), 'Write it out without so many aliases.');
    return undefined;
  }
  if (isFields(root)) return root;
  report('it is not a mapping', 'Write verbs:, unplanned: and events: at its top level.');
  return undefined;
}

function readVerbs(value: unknown, report: ReportFault): string[] {
  if (!Array.isArray(value) || value.length === 0) {
    report(
      'verbs is not a list of words',
      'Write, for example, verbs: [completed, created, signed_up].',
    );
    return [];
  }
  if (value.length > verbsMax) report(`verbs has more than ${verbsMax}`, 'Leave some out.');
  const verbs = new Set<string>();
  for (const [index, verb] of (value as unknown[]).entries()) {
    if (typeof verb !== 'string' || !isSnakeCase(verb)) {
      report(`verbs[${index}] is not lower snake case`, 'Write a past-tense verb: completed.');
    } else if (verbs.has(verb)) {
      report(`verbs names ${verb} twice`, 'Keep one.');
    } else {
      verbs.add(verb);
    }
  }
  return [...verbs];
}

function readEntries(
  value: unknown,
  header: Pick<TaxonomyHeader, 'naming' | 'verbs'>,
  report: ReportFault,
): TaxonomyEntry[] {
  if (!isFields(value) || Object.keys(value).length === 0) {
    report('events names no event', 'Add one under events:, such as order_completed.');
    return [];
  }
  const names = Object.keys(value);
  if (names.length > eventsMax) {
    report(`events has ${names.length} entries, more than ${eventsMax}`, 'Leave some out.');
    return [];
  }
  return names.map((name) => readEntry(name, value[name], header, report));
}

/** Reads one entry. If `verbs` is empty, the verb of its name is not checked. */
export function readEntry(
  name: string,
  value: unknown,
  { naming, verbs }: Pick<TaxonomyHeader, 'naming' | 'verbs'>,
  report: ReportFault,
): TaxonomyEntry {
  const place = `events.${name}`;
  checkEntryName(name, naming, verbs, report);
  if (!isFields(value)) {
    report(`${place} is not a mapping`, 'Write { owner: ..., description: ..., active: 1 }.');
    return { name, ...emptyEntry };
  }
  refuseUnknownKeys(value, entryKeys, `${place}.`, report);
  const mode = readMode(value['mode'], `${place}.mode`, report);
  const isWithoutSchema = mode === 'off' && value['active'] === undefined;
  const active = isWithoutSchema ? 0 : readActive(value['active'], `${place}.active`, report);
  const superseded = readSupersedes(value['supersedes'], active, `${place}.supersedes`, report);
  return {
    name,
    owner: readText(value['owner'], `${place}.owner`, 'the team to ask about it', report),
    description: readText(value['description'], `${place}.description`, 'when it is sent', report),
    active,
    mode,
    compatibility: readChoice(
      value['compatibility'],
      compatibilityModes,
      `${place}.compatibility`,
      report,
    ),
    superseded,
    deprecated: readDeprecated(value['deprecated'], active, `${place}.deprecated`, report),
  };
}

const emptyEntry = {
  owner: '',
  description: '',
  active: 0,
  mode: 'enforce',
  compatibility: 'compatible',
  superseded: new Map<number, number>(),
  deprecated: [],
} as const satisfies Omit<TaxonomyEntry, 'name'>;

function readText(value: unknown, place: string, meaning: string, report: ReportFault): string {
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  report(`${place} is ${value === undefined ? 'missing' : 'not a text'}`, `Write ${meaning}.`);
  return '';
}

/** 0 if it cannot be read, so that no other fault is reported about that version. */
function readActive(value: unknown, place: string, report: ReportFault): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value;
  const problem = value === undefined ? 'missing' : 'not a whole number from 1 up';
  report(
    `${place} is ${problem}`,
    'Write the number of the schema file that validates by default.',
  );
  return 0;
}

/** The first choice is the default. */
function readChoice<Choice extends string>(
  value: unknown,
  choices: readonly [Choice, ...Choice[]],
  place: string,
  report: ReportFault,
): Choice {
  const choice = value === undefined ? choices[0] : choices.find((known) => known === value);
  if (choice !== undefined) return choice;
  const fix = `Write one of them; the default is ${choices[0]}.`;
  report(`${place} is not one of ${choices.join(', ')}`, fix);
  return choices[0];
}

function refuseUnknownKeys(
  fields: Fields,
  known: readonly string[],
  place: string,
  report: ReportFault,
): void {
  for (const key of Object.keys(fields)) {
    if (known.includes(key)) continue;
    const nearest = nearestName(key, known);
    const fix = nearest === undefined ? `Use one of ${known.join(', ')}.` : `Write ${nearest}.`;
    report(`${place}${key} is not a known key`, fix);
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').replace(/[.:\s]+$/, '');
}
