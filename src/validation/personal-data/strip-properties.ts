import { hasMembers, mapMembers, withChangedProperties } from '../../event/changed-properties.ts';
import { unescapePointer } from '../../event/json/json-pointer.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';

/** A property to remove: the object that holds it, as a JSON pointer, and its name there. */
export interface Unwanted {
  readonly holder: string;
  readonly name: string;
}

/** What to remove from a value and from the values inside it. */
interface Removal {
  readonly names: Set<string>;
  readonly inner: Map<string, Removal>;
}

/** A copy of the event without some of its properties. */
export function withoutProperties(
  event: IncomingEvent,
  unwanted: readonly Unwanted[],
): IncomingEvent {
  const removal = removalOf(unwanted);
  return withChangedProperties(event, (properties) => remove(properties, removal) as JsonObject);
}

function removalOf(unwanted: readonly Unwanted[]): Removal {
  const root: Removal = { names: new Set(), inner: new Map() };
  for (const { holder, name } of unwanted) {
    let removal = root;
    for (const step of holder.split('/').slice(1)) {
      const key = unescapePointer(step);
      let next = removal.inner.get(key);
      if (next === undefined)
        removal.inner.set(key, (next = { names: new Set(), inner: new Map() }));
      removal = next;
    }
    removal.names.add(name);
  }
  return root;
}

function remove(value: JsonValue, removal: Removal): JsonValue {
  const change = (name: string, member: JsonValue): JsonValue | undefined => {
    if (removal.names.has(name)) return undefined;
    const inner = removal.inner.get(name);
    return inner === undefined ? member : remove(member, inner);
  };
  if (Array.isArray(value)) {
    return value.map((item, index) => change(String(index), item) ?? item);
  }
  return hasMembers(value) ? mapMembers(value, change) : value;
}
