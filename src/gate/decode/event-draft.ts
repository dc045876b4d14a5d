import type { IncomingEvent, WrittenMembers } from '../../event/incoming-event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import type { EventError } from '../../event/verdict.ts';
import type { Violation } from '../../event/violation.ts';
import { parseShortest } from '../../event/exact-numbers.ts';
import type { SentText, SentTexts } from './walk-body.ts';

/** What a decoder may find wrong with one event, worst first. */
export type DraftFault = 'unknown_field' | 'reserved_field' | 'invalid_field';

/** How deep `properties` and `context` may nest: what walks them later does so by recursion. */
export const nestingMax = 32;

/**
 * An event while it is being decoded. Every decoder fills one of these, so that one place decides what
 * endpoints accept. A fault leaves the other fields as they are: the verdict names the event by its
 * idempotency key whatever else is wrong with it.
 */
export interface EventDraft {
  eventName: string;
  userId: string;
  anonymousId: string;
  idempotencyKey: string;
  properties: JsonObject | undefined;
  /** `properties` with the numbers of its text, where a double would change them. */
  exactProperties: JsonValue | undefined;
  /** The same of `context`. */
  exactContext: JsonObject | undefined;
  /** Somewhere there is a number that a double would change, so perhaps one beyond all doubles. */
  inexact: boolean;
  /** The texts of `properties` and `context`, where they may be stored as they are. */
  sentTexts: SentTexts | undefined;
  propertiesJson: string;
  context: JsonObject | undefined;
  occurredAt: string;
  schemaVersion: number;
  faults: { code: DraftFault; violation: Violation }[] | undefined;
}

export function createDraft(): EventDraft {
  return {
    eventName: '',
    userId: '',
    anonymousId: '',
    idempotencyKey: '',
    properties: undefined,
    exactProperties: undefined,
    exactContext: undefined,
    inexact: false,
    sentTexts: undefined,
    propertiesJson: '',
    context: undefined,
    occurredAt: '',
    schemaVersion: 0,
    faults: undefined,
  };
}

/** More are not reported: an event of a thousand unknown fields is one mistake, not a thousand. */
const faultsMax = 20;

export function addFault(
  draft: EventDraft,
  code: DraftFault,
  path: string,
  rule: string,
  message: string,
): void {
  draft.faults ??= [];
  if (takesFaults(draft)) draft.faults.push({ code, violation: { path, code: rule, message } });
}

/** Whether another fault of the event would be reported. */
export function takesFaults({ faults = [] }: EventDraft): boolean {
  return faults.length < faultsMax;
}

/** Completes an event. `original` gives its bytes as they were sent. */
export function finishDraft(draft: EventDraft, original: () => Uint8Array): IncomingEvent {
  let propertiesText: string | undefined;
  if (draft.propertiesJson !== '') propertiesText = readPropertiesJson(draft);
  else if (draft.exactProperties !== undefined) {
    propertiesText = JSON.stringify(draft.exactProperties);
  }
  const { properties, context } = draft;
  const propertiesMembers = properties && checkNesting(draft, '/properties', properties);
  const contextMembers = context && checkNesting(draft, '/context', context);
  if (draft.inexact) {
    checkFinite(draft, '/properties', draft.properties);
    checkFinite(draft, '/context', draft.context);
  }
  return {
    eventName: draft.eventName,
    userId: draft.userId,
    anonymousId: draft.anonymousId,
    idempotencyKey: draft.idempotencyKey,
    properties: draft.properties ?? {},
    propertiesText,
    context: draft.context && (draft.exactContext ?? context),
    written: draft.sentTexts && writtenOf(draft, propertiesMembers, contextMembers),
    occurredAt: draft.occurredAt,
    schemaVersion: draft.schemaVersion,
    vendorCall: undefined,
    clock: undefined,
    fault: draft.faults === undefined ? undefined : faultOf(draft.faults),
    original,
  };
}

function readPropertiesJson(draft: EventDraft): string | undefined {
  if (draft.properties !== undefined) {
    addFault(
      draft,
      'invalid_field',
      '/properties_json',
      'one_of',
      'Send properties or properties_json, not both.',
    );
    return undefined;
  }
  let value: unknown;
  try {
    value = parseJsonText(draft.propertiesJson);
  } catch {
    value = undefined;
  }
  if (!isJsonObject(value)) {
    addFault(
      draft,
      'invalid_field',
      '/properties_json',
      'json',
      'properties_json must be the text of a JSON object.',
    );
    return undefined;
  }
  draft.properties = value;
  let exact: JsonValue | undefined;
  try {
    // Where the text says what the object does, to the letter, it is kept and not written anew later.
    if (JSON.stringify(value) === draft.propertiesJson) return draft.propertiesJson;
    exact = parseShortest(draft.propertiesJson);
  } catch {
    // It nests too deep, which `checkNesting` reports.
  }
  draft.inexact ||= exact !== undefined;
  return exact === undefined ? undefined : JSON.stringify(exact);
}

/** Only a text with as many members as its value has can be the text of it: a name may stand twice. */
function writtenOf(
  { properties, context, sentTexts }: EventDraft,
  propertiesMembers: number | undefined,
  contextMembers: number | undefined,
): WrittenMembers | undefined {
  if (properties === undefined || sentTexts === undefined) return undefined;
  const propertiesText = textOfMembers(sentTexts.properties, propertiesMembers);
  const contextText = textOfMembers(sentTexts.context, contextMembers);
  return { properties, propertiesText, context, contextText, seen: sentTexts.seen };
}

function textOfMembers(
  sent: SentText | undefined,
  members: number | undefined,
): string | undefined {
  return sent !== undefined && sent.members === members ? sent.text : undefined;
}

/** Returns the number of members of all objects in the value. */
function checkNesting(draft: EventDraft, path: string, value: JsonObject): number {
  const members = countMembers(value, nestingMax);
  if (members === tooDeep) {
    addFault(
      draft,
      'invalid_field',
      path,
      'depth',
      `It may nest ${nestingMax} levels deep at most.`,
    );
    // What is too deep to walk goes no further; the original bytes are kept as they came.
    if (path === '/properties') draft.properties = undefined;
    else draft.context = undefined;
  }
  return members;
}

export function nestsDeeper(value: JsonValue, levels: number): boolean {
  return countMembers(value, levels) === tooDeep;
}

const tooDeep = -1;

/** How many members all objects in a value have; `tooDeep` if it nests deeper than so many levels. */
function countMembers(value: JsonValue, levels: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (levels === 0) return tooDeep;
  let members = 0;
  if (Array.isArray(value)) {
    for (const element of value) {
      const within = countMembers(element, levels - 1);
      if (within === tooDeep) return tooDeep;
      members += within;
    }
    return members;
  }
  for (const name in value) {
    const within = countMembers(value[name]!, levels - 1);
    if (within === tooDeep) return tooDeep;
    members += within + 1;
  }
  return members;
}

/** JSON can say 1e999; what reads the event later could not, and JSON would write it as null. */
function checkFinite(draft: EventDraft, path: string, value: JsonObject | undefined): void {
  if (value !== undefined && holdsInfinity(value)) {
    addFault(draft, 'invalid_field', path, 'number', 'A number is larger than any double can be.');
  }
}

/** For values that do not nest deep. */
export function holdsInfinity(value: JsonValue): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(holdsInfinity);
}

const faultTexts: Readonly<Record<DraftFault, string>> = {
  unknown_field:
    'The event has a field that is not part of the contract. Nothing is dropped silently.',
  reserved_field: 'The event has a field that the server alone writes. Leave it out.',
  invalid_field: 'A field of the event cannot be read.',
};

function faultOf(faults: NonNullable<EventDraft['faults']>): EventError {
  const order: DraftFault[] = ['unknown_field', 'reserved_field', 'invalid_field'];
  const code = order.find((candidate) => faults.some((fault) => fault.code === candidate))!;
  const violations = faults.map((fault) => fault.violation);
  const first = faults.find((fault) => fault.code === code)!.violation;
  return { code, message: `${faultTexts[code]} ${first.message}`, violations };
}
