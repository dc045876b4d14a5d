import type { IncomingEvent } from '../event/incoming-event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import { parseByHand } from '../event/json/parse-json.ts';

/** Finds out whether an event has a property with the value that is searched for. */
export interface PropertyMatcher {
  /** Of the JSON of a stored event. False for what is no JSON. */
  isStored(payload: Uint8Array): boolean;
  /** Of an event in any form, decoded only if its bytes may have the value. */
  isRejected(bytes: Uint8Array, isJson: boolean, decode: () => IncomingEvent): boolean;
}

const decoder = new TextDecoder();
const backslash = 0x5c;

/**
 * @param searched `A-1003`, or `order_id=A-1003`: the value of any property, or of the one with this name
 * or path. A value may have a `=` itself, so that both readings are tried. Numbers are compared as they
 * were written, because a double does not hold all of them.
 */
export function compileProperty(searched: string): PropertyMatcher {
  const at = searched.indexOf('=');
  const name = at > 0 ? searched.slice(0, at) : undefined;
  const named = searched.slice(at + 1);
  // The longer reading contains the shorter one.
  const text = name === undefined ? searched : named;
  const isValue = (value: string, path: string): boolean =>
    value === searched ||
    (name !== undefined && value === named && (path === name || path.endsWith(`.${name}`)));
  /** JSON can write any character as an escape, so that a text with one is parsed. */
  const mayHold = (payload: Uint8Array): boolean => {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    return bytes.includes(text) || bytes.includes(backslash);
  };
  const matches = (read: () => string): boolean => {
    try {
      // Numbers stay texts.
      const event = parseByHand(read(), (source) => source);
      return isJsonObject(event) && propertyParts(event).some((part) => holds(part, '', isValue));
    } catch {
      return false;
    }
  };
  return {
    isStored: (payload) => mayHold(payload) && matches(() => decoder.decode(payload)),
    isRejected: (bytes, isJson, decode) => {
      if (isJson && !mayHold(bytes)) return false;
      const event = decode();
      // What cannot be read has no properties: its text is all that there is.
      const isUnread = event.fault !== undefined && Object.keys(event.properties).length === 0;
      if (isUnread && Buffer.from(bytes).includes(JSON.stringify(text))) return true;
      return matches(() => propertiesJson(event));
    },
  };
}

function propertyParts({ properties = null, context = null }: JsonObject): JsonValue[] {
  return [properties, context];
}

function propertiesJson({ propertiesText, properties, context = {} }: IncomingEvent): string {
  const text = propertiesText ?? JSON.stringify(properties);
  return `{"properties":${text},"context":${JSON.stringify(context)}}`;
}

/** Elements of an array have its path. */
function holds(
  value: JsonValue,
  path: string,
  isValue: (value: string, path: string) => boolean,
): boolean {
  if (Array.isArray(value)) return value.some((item) => holds(item, path, isValue));
  if (value !== null && isJsonObject(value)) {
    return Object.entries(value).some(([name, member]) =>
      holds(member, path === '' ? name : `${path}.${name}`, isValue),
    );
  }
  return value !== null && isValue(String(value), path);
}
