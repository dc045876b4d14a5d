/**
 * What the stream AUDIT holds. An act has a part that is written before it is done, its intent, and one
 * that is written afterwards, its outcome; further pages of the act add two parts each. A view has one
 * part, `whole`, or, if it lasts, an intent and an outcome.
 */
export type AuditPart = AuditIntent | AuditOutcome | AuditWhole;

export type AuditedKind = 'act' | 'view';

/** Who acts. */
export interface AuditedCaller {
  /** The operator's name. */
  readonly operator: string;
  readonly role: string;
  /** The IP address that the request came from. */
  readonly address: string;
}

/** The ids of one event, as far as they were known. */
export interface AuditedIds {
  /** Its number in quarantine. */
  readonly rejected?: number;
  /** The id of its dead letter. */
  readonly deadLetter?: string;
  readonly eventId?: string;
  readonly idempotencyKey?: string;
  /** An id of any kind that was searched for. */
  readonly searched?: string;
}

/** What a request is about. Never holds a payload, nor a secret. */
export interface AuditedRequest {
  /** What the request names, and its filters. */
  readonly target: Readonly<Record<string, string>>;
  readonly events: readonly AuditedIds[];
  /** Of all events, also those that are not in `events`. */
  readonly eventCount: number;
  readonly dryRun: boolean;
  /** The reason that the operator gave; empty without one. */
  readonly why: string;
}

/** What came of a request. */
export interface AuditedResult {
  /** `ok`, or a code of the error table. */
  readonly outcome: string;
  /** What the request made, and what else only its answer names. Added to what it is about. */
  readonly target: Readonly<Record<string, string>>;
  readonly counts: Readonly<Record<string, number>>;
  /** The events that the request did not name, but found. */
  readonly events: readonly AuditedIds[];
  readonly eventCount: number;
  /** Another page may follow. */
  readonly more: boolean;
}

interface Opening extends AuditedCaller, AuditedRequest {
  /** Of the whole act, with all its parts. */
  readonly id: string;
  /** The name of the RPC. */
  readonly action: string;
  readonly kind: AuditedKind;
  readonly correlationId: string;
}

/** The first part of an act, or the only one of a view. */
export type AuditOpening = FirstIntent | AuditWhole;

interface FirstIntent extends Opening {
  readonly part: 'intent';
  readonly page: 1;
}

/** A further page of an act: what it is about stands in the part at the position `first`. */
interface LaterIntent {
  readonly part: 'intent';
  readonly id: string;
  readonly page: number;
  readonly first: number;
}

export type AuditIntent = FirstIntent | LaterIntent;

export interface AuditOutcome extends AuditedResult {
  readonly part: 'outcome';
  readonly id: string;
  readonly first: number;
}

export interface AuditWhole extends Opening, AuditedResult {
  readonly part: 'whole';
}

export function isOpening(part: AuditPart): part is AuditOpening {
  return part.part === 'whole' || (part.part === 'intent' && !('first' in part));
}

/** How many events one part names. */
export const partEventsMax = 100;
const partIdCharactersMax = 128;

/** The events that a part names: the first hundred, with long ids cut. */
export function boundedEvents(events: readonly AuditedIds[]): AuditedIds[] {
  return events.slice(0, partEventsMax).map((ids) => {
    const bounded = Object.entries(ids)
      .filter(([, id]) => id !== undefined && id !== '')
      .map(([name, id]) => [name, typeof id === 'string' ? cutText(id) : id]);
    return Object.fromEntries(bounded) as AuditedIds;
  });
}

/** A text of a request, cut to what an id or a name may have. */
export function cutText(text: string): string {
  return text.length > partIdCharactersMax ? `${text.slice(0, partIdCharactersMax)}…` : text;
}

const decoder = new TextDecoder();

/** Undefined for a message that Headgate did not write. */
export function readAuditPart(payload: Uint8Array): AuditPart | undefined {
  try {
    const part = JSON.parse(decoder.decode(payload)) as Partial<AuditPart> | null;
    return typeof part?.id === 'string' ? complete(part as AuditPart) : undefined;
  } catch {
    return undefined;
  }
}

/** Empty fields are not written. */
export function writeAuditPart(part: AuditPart): string {
  const written = Object.entries(part).filter(([, value]) => !isEmpty(value));
  return JSON.stringify(Object.fromEntries(written));
}

function isEmpty(value: unknown): boolean {
  if (value === '' || value === false || value === 0) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

const emptyFields = {
  target: {},
  events: [],
  eventCount: 0,
  dryRun: false,
  why: '',
  correlationId: '',
  counts: {},
  more: false,
};

function complete(part: AuditPart): AuditPart {
  return { ...emptyFields, ...part };
}
