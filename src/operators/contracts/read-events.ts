import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { canonicalName } from '../../event/name/event-name.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import { snakeName } from '../../gate/decode/vendor/vendor-names.ts';
import { isCall, segmentCalls, type SegmentCall } from '../../gate/vendors/segment-calls.ts';
import type { TrafficEvent } from '../../inference/traffic.ts';
import { checkEntryName } from '../../validation/taxonomy/naming.ts';

/** The name that a gate stores a name as. Undefined if no entry of a taxonomy can have it. */
export function taxonomyName(sent: string): string | undefined {
  const name = canonicalName(sent);
  let isFine = true;
  checkEntryName(name, 'any', [], () => void (isFine = false));
  return isFine ? name : undefined;
}

/**
 * The event in a JSON text: as producers send it (`POST /v1/track`), as the log holds it, as `headgate
 * tail --json` and `headgate rejected list --json` print it, or a call of Segment's or RudderStack's SDKs.
 * Undefined for any other text.
 */
export function readEventText(text: string): TrafficEvent | undefined {
  let value: JsonValue;
  try {
    value = parseJsonText(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || hasHalfCharacter(text, value)) return undefined;
  return readEvent(value);
}

/** A gate rejects half of a surrogate pair, whatever the contract says, and no schema can name it. */
function hasHalfCharacter(text: string, value: JsonValue): boolean {
  return /\\u[dD][89a-fA-F]/.test(text) && !isWellFormed(value);
}

function isWellFormed(value: JsonValue): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, inner]) => name.isWellFormed() && isWellFormed(inner));
}

function readEvent(value: JsonObject): TrafficEvent | undefined {
  const source = textOf(value['source']);
  const inner = value['event'];
  if (inner !== undefined && isJsonObject(inner)) return within(readEvent(inner), source);
  for (const name of ['sent', 'eventJson', 'event_json']) {
    const sent = value[name];
    if (typeof sent === 'string') return within(readEventText(sent), source);
  }
  const type = value['type'];
  if (isCall(type)) return readCall(value, type);
  const name = textOf(value['event_name']) || textOf(value['eventName']);
  const properties = propertiesOf(value);
  return name === '' || properties === undefined ? undefined : { name, properties, source };
}

function within(event: TrafficEvent | undefined, source: string): TrafficEvent | undefined {
  return event && source !== '' ? { ...event, source } : event;
}

function propertiesOf(value: JsonObject): JsonObject | undefined {
  const quoted = value['properties_json'] ?? value['propertiesJson'];
  if (typeof quoted === 'string') {
    try {
      const properties = parseJsonText(quoted);
      return isJsonObject(properties) ? properties : undefined;
    } catch {
      return undefined;
    }
  }
  const properties = value['properties'] ?? {};
  return isJsonObject(properties) ? properties : undefined;
}

function readCall(value: JsonObject, type: SegmentCall): TrafficEvent | undefined {
  const { eventName, properties: place, added } = segmentCalls[type];
  // As the gate's endpoint for these calls names it.
  const name = eventName ?? snakeName(textOf(value['event']));
  const sent = place === undefined ? {} : (value[place] ?? {});
  if (name === '' || !isJsonObject(sent)) return undefined;
  const properties = { ...sent };
  for (const [property, member] of added) {
    const given = value[member];
    if (given !== undefined) properties[property] ??= given;
  }
  return { name, properties, source: '' };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
