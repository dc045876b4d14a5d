import { isJsonObject, type JsonObject, type JsonValue } from '../../../event/json/json.ts';
import { canonicalNumber } from '../../../event/canonical-number.ts';
import { numberText } from '../../../event/changed-properties.ts';
import { idempotencyKeyOf } from '../../../event/event-id.ts';
import { readTimeNumber } from '../../../event/time/time-text.ts';
import type { VendorCall } from '../../../event/vendor-call.ts';
import type { VendorProtocol } from '../../../observability/metrics.ts';

/**
 * The members of a call of another system, taken one by one. The rest has no place in the contract
 * and goes into `context`, so that nothing is dropped. `null` counts as absent.
 */
export class VendorMembers {
  private readonly members: Map<string, JsonValue>;

  constructor(sent: JsonObject) {
    this.members = new Map(Object.entries(sent));
  }

  take(name: string): JsonValue | undefined {
    const value = this.members.get(name);
    this.members.delete(name);
    return value ?? undefined;
  }

  /** The first of these that is there, and leaves the others. */
  takeFirst(...names: readonly string[]): JsonValue | undefined {
    for (const name of names) {
      if ((this.members.get(name) ?? undefined) !== undefined) return this.take(name);
    }
    return undefined;
  }

  /** Undefined, and left in its place, when it is no object. */
  takeObject(name: string): JsonObject | undefined {
    const value = this.members.get(name);
    if (!isJsonObject(value)) return undefined;
    this.members.delete(name);
    return value;
  }

  /**
   * What an update of a person or a group sets: `$set`, and what `$set_once` has besides. Both are
   * properties, so that schemas see both; the names that count only once are kept as `set_once`.
   */
  takeUpdate(): JsonObject | undefined {
    const set = this.takeObject('$set');
    const once = this.takeObject('$set_once');
    if (once === undefined) return set;
    const isShadowed = ([name]: readonly [string, JsonValue]): boolean =>
      set !== undefined && Object.hasOwn(set, name);
    const members = Object.entries(once);
    const shadowed = members.filter(isShadowed);
    if (shadowed.length > 0) this.put('$set_once', Object.fromEntries(shadowed));
    const added = members.filter((member) => !isShadowed(member));
    if (added.length > 0)
      this.put(
        'set_once',
        added.map(([name]) => name),
      );
    return { ...set, ...Object.fromEntries(added) };
  }

  /** Only where it is a string that `read` makes something of. */
  takeText(name: string, read: (text: string) => string | undefined): string | undefined {
    const value = this.members.get(name);
    const text = typeof value === 'string' ? read(value) : undefined;
    if (text !== undefined) this.members.delete(name);
    return text;
  }

  put(name: string, value: JsonValue): void {
    this.members.set(name, value);
  }

  /**
   * The members of a batch that mean nothing to its events: kept with each, so that nothing is
   * dropped, and below a name of their own, so that none passes for a member of the event.
   */
  putRequest(request: JsonObject): void {
    if (Object.keys(request).length === 0) return;
    this.put(this.members.has('request') ? 'request_of_batch' : 'request', request);
  }

  rest(): JsonObject {
    return Object.fromEntries(this.members);
  }
}

/** Longer numbers are no ids. */
const wholeNumber = /^-?\d{1,64}$/;

/**
 * Others take a number for an id: it becomes the text of its digits. Beyond 2^53 only an exact number has
 * them; a double stays a number, and is refused.
 */
export function idOf(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : value;
  const source = numberText(value);
  if (source === undefined) return value;
  const digits = canonicalNumber(source);
  return wholeNumber.test(digits) ? digits : value;
}

/** Of an id that is a text; what else it may be stays as it is, and is refused. */
export function keyOf(system: VendorProtocol, id: JsonValue | undefined): JsonValue | undefined {
  const text = idOf(id);
  return typeof text !== 'string' || text.trim() === '' ? text : idempotencyKeyOf(system, text);
}

/** A time as a number, where others write it so. What is no time stays as it is, and is refused. */
export function timeOf(value: JsonValue | undefined): JsonValue | undefined {
  const source = typeof value === 'number' ? String(value) : numberText(value);
  return source === undefined ? value : (readTimeNumber(canonicalNumber(source)) ?? value);
}

/** An event of the contract, of what there is. */
export function flatEvent(fields: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const there = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as JsonObject;
}

/** Where the members of a call went, so that its vendor's destination can put them back. */
export interface Placed {
  readonly moved: string[];
  readonly copied: string[];
}

/**
 * What the names of the contract do not keep of a call. Only texts and names of members: the values are
 * in the event.
 */
export function vendorCallOf(
  call: Pick<VendorCall, 'system' | 'call'>,
  facts: {
    readonly eventName?: JsonValue | undefined;
    readonly messageId?: JsonValue | undefined;
    readonly placed?: Placed;
    readonly own?: readonly string[];
    readonly context: JsonValue | undefined;
    readonly rest: JsonObject;
  },
): VendorCall {
  const { eventName, placed, own = [], context, rest } = facts;
  const messageId = idOf(facts.messageId);
  const contextMember = contextMemberOf(context, call.system, rest);
  return {
    ...call,
    ...(isShort(eventName) && { eventName }),
    ...(isShort(messageId) && { messageId }),
    ...(placed !== undefined && placed.moved.length > 0 && { moved: placed.moved }),
    ...(placed !== undefined && placed.copied.length > 0 && { copied: placed.copied }),
    ...(own.length > 0 && { own }),
    ...(contextMember !== undefined && { contextMember }),
  };
}

/** Longer names are refused, and longer ids are those of no SDK. */
const textCharactersMax = 512;

function isShort(text: JsonValue | undefined): text is string {
  return typeof text === 'string' && text !== '' && text.length <= textCharactersMax;
}

function contextMemberOf(
  context: JsonValue | undefined,
  system: VendorProtocol,
  rest: JsonObject,
): string | undefined {
  if (Object.keys(rest).length === 0) return undefined;
  if (context === undefined || !isJsonObject(context)) return system;
  return Object.hasOwn(context, system) ? `${system}_call` : system;
}

/** `context` with what has no other place, under the name of the system it came from. */
export function contextWith(
  context: JsonValue | undefined,
  system: VendorProtocol,
  rest: JsonObject,
): JsonValue | undefined {
  const name = contextMemberOf(context, system, rest);
  if (name === undefined) return context;
  if (context === undefined) return { [name]: rest };
  // It is refused for what it is.
  if (!isJsonObject(context)) return context;
  return { ...context, [name]: rest };
}

/**
 * What a call says beside its properties, put among them. Where a property has that name already the
 * property stays, and the other is put back.
 */
export function propertiesWith(
  properties: JsonValue | undefined,
  added: readonly (readonly [name: string, from: string])[],
  members: VendorMembers,
  placed: Placed = { moved: [], copied: [] },
): JsonValue | undefined {
  if (properties !== undefined && !isJsonObject(properties)) return properties;
  const whole: [string, JsonValue][] = Object.entries(properties ?? {});
  for (const [name, from] of added) {
    const value = members.take(from);
    if (value === undefined) continue;
    if (properties !== undefined && Object.hasOwn(properties, name)) {
      if (properties[name] !== value) members.put(from, value);
      else placed.copied.push(from);
    } else {
      whole.push([name, value]);
      placed.moved.push(from);
    }
  }
  return Object.fromEntries(whole);
}
