import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import type { VendorCall } from '../../event/vendor-call.ts';

/** A call of a vendor's SDK as it can be read back from its event. */
export interface SentCall {
  readonly call: VendorCall;
  /** What the contract has no field for. */
  readonly rest: JsonObject;
  /** The call's own context. Undefined if it had none. */
  readonly context: JsonObject | undefined;
  readonly properties: JsonObject;
}

/**
 * The call of an event that came from an SDK of this vendor. Undefined for events that came in another
 * way. What the rules of `fields` have taken out is not there.
 */
export function sentCallOf(event: StoredEvent, system: VendorCall['system']): SentCall | undefined {
  const { vendorCall: call, context, properties = {} } = event;
  if (call?.system !== system) return undefined;
  const { contextMember } = call;
  if (contextMember === undefined || context === undefined) {
    return { call, rest: {}, context, properties };
  }
  const { [contextMember]: kept, ...others } = context;
  const own = Object.keys(others).length > 0 ? others : undefined;
  return { call, rest: membersOf(kept), context: own, properties };
}

/** Empty if the value is no object. */
export function membersOf(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {};
}

/** The members that the gate adds to `rest`: of the batch, not of the call. */
const ofRequest = ['request', 'request_of_batch'];

/** The members of an object without some of them. */
export function without(members: JsonObject, ...names: readonly string[]): JsonObject {
  const kept = Object.entries(members).filter(([name]) => !names.includes(name));
  return Object.fromEntries(kept);
}

export function withoutRequest(rest: JsonObject, ...names: readonly string[]): JsonObject {
  return without(rest, ...ofRequest, ...names);
}

/** Members of a call and the properties that they became: `places` has the name of each. */
export function putBack(
  { call, properties }: SentCall,
  places: Readonly<Record<string, string>>,
): { readonly members: JsonObject; readonly properties: JsonObject } {
  const { moved = [], copied = [] } = call;
  const members: [string, JsonValue][] = [];
  const taken: string[] = [];
  for (const member of [...moved, ...copied]) {
    const name = Object.hasOwn(places, member) ? places[member]! : undefined;
    if (name === undefined || !Object.hasOwn(properties, name)) continue;
    members.push([member, properties[name]!]);
    if (moved.includes(member)) taken.push(name);
  }
  return { members: Object.fromEntries(members), properties: without(properties, ...taken) };
}

/** The members that have a value. */
export function present(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as JsonObject;
}

/** A property that is a text. */
export function textIn(properties: JsonObject, name: string): string | undefined {
  const value = properties[name];
  return typeof value === 'string' ? value : undefined;
}
