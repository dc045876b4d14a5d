import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { ContractsForm } from '../event/contracts/contracts-form.ts';
import { isJsonObject, type JsonObject } from '../event/json/json.ts';
import type { Enforcement } from './modes.ts';
import type { ReportFault } from './registry-fault.ts';
import {
  checkActive,
  compileVersion,
  emptyRegistry,
  type PlannedEvent,
  type SchemaRegistry,
  type SchemaVersion,
} from './schema-registry.ts';
import { eventsMax, readEntry, readHeader, type TaxonomyHeader } from './taxonomy/taxonomy.ts';

/** Each relay asks every few seconds, and contracts change rarely. */
const known = new WeakMap<SchemaRegistry, ContractsForm>();

/** The form of the contracts in force. */
export function contractsOf(registry: SchemaRegistry, enforcement: Enforcement): ContractsForm {
  const isSuspended = enforcement === 'warn';
  const made = known.get(registry);
  if (made?.isSuspended === isSuspended) return made;
  const form = formOf(registry, isSuspended);
  known.set(registry, form);
  return form;
}

function formOf({ events, ...header }: SchemaRegistry, isSuspended: boolean): ContractsForm {
  const content = {
    headerJson: JSON.stringify(withoutEmpty(header)),
    events: events.map(({ name, versions, superseded, active, ...entry }) => ({
      name,
      entryJson: JSON.stringify({
        ...entry,
        ...(active > 0 && { active }),
        supersedes: supersedesOf(superseded),
      }),
      schemasJson: versions.map(({ schema }) => JSON.stringify(schema)),
    })),
    isSuspended,
  };
  const revision = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  return { revision, ...content };
}

/** `taxonomy.yaml` may leave out what it has none of, and not say that it is empty. */
function withoutEmpty({ verbs, aliases, ...header }: TaxonomyHeader): Partial<TaxonomyHeader> {
  return {
    ...header,
    ...(verbs.length > 0 && { verbs }),
    ...(Object.keys(aliases).length > 0 && { aliases }),
  };
}

/** As `taxonomy.yaml` has it: `{ 3: [1, 2] }`. */
function supersedesOf(superseded: PlannedEvent['superseded']): Record<string, number[]> {
  const supersedes: Record<string, number[]> = {};
  for (const [version, successor] of superseded) (supersedes[successor] ??= []).push(version);
  return supersedes;
}

/**
 * The contracts of a form. They come from another gate, so they are read and compiled as those of files
 * are. Reports every fault; then the result is not to be used.
 */
export async function readContracts(
  { headerJson, events }: ContractsForm,
  report: ReportFault,
): Promise<SchemaRegistry> {
  const fields = objectOf(headerJson, 'the header', report);
  // A gate without contracts has no verbs, which no file may say.
  const hasNone = events.length === 0 && fields['verbs'] === undefined;
  const header = readHeader(hasNone ? { ...fields, verbs: ['completed'] } : fields, report);
  const { naming } = header;
  if (events.length > eventsMax) {
    report(`there are ${events.length} events, more than ${eventsMax}`, 'Use fewer.');
    return emptyRegistry;
  }
  const planned: PlannedEvent[] = [];
  for (const { name, entryJson, schemasJson } of events) {
    const fields = objectOf(entryJson, name, report);
    // The name was checked with the verbs at the other gate.
    const entry = readEntry(name, fields, { naming, verbs: [] }, report);
    const versions: (SchemaVersion | undefined)[] = [];
    for (const [index, text] of schemasJson.entries()) {
      versions.push(compileVersion(index + 1, objectOf(text, name, report), report));
      // Compiling takes one or more milliseconds; let requests run in between.
      await nextTurn();
    }
    checkActive(entry, versions, report);
    planned.push({ ...entry, versions: versions.filter((one) => one !== undefined) });
  }
  return { ...header, ...(hasNone && { verbs: [] }), events: planned };
}

function objectOf(text: string, what: string, report: ReportFault): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value as never)) return value as JsonObject;
  } catch {
    // Reported below.
  }
  report(`${what} is not a JSON object`, 'Look at the gate that the contracts come from.');
  return {};
}
