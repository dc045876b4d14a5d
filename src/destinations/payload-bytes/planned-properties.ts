import { parseExactly } from '../../event/exact-numbers.ts';
import { startsWith } from '../../event/json/find-json.ts';
import type { JsonValue } from '../../event/json/json.ts';
import { parseJsonText } from '../../event/json/parse-json.ts';
import { columnsInUse } from '../tables/event-row.ts';
import type { TablePlan } from '../tables/plan-table.ts';
import type { PayloadHead } from './payload-head.ts';
import { createPropertyPlaces, type PropertyPlaces } from './property-places.ts';

/**
 * Finds the properties that have columns, in the columns of the event's version. Undefined if the event has to be read as
 * values: its payload has another form, or the text of a number in a column of JSON depends on the numbers beside it
 * (exact-numbers.ts).
 */
export type FindProperties = (
  head: Pick<PayloadHead, 'bytes' | 'places' | 'base' | 'schemaVersion'>,
) => PropertyPlaces | undefined;

const jsonKinds: ReadonlySet<string> = new Set(['array', 'map', 'json']);

export function createFindProperties({ columns, versions }: TablePlan): FindProperties {
  const ofJson = [...columns.keys()].filter((at) => jsonKinds.has(columns[at]!.type.kind));
  const hasOddNumber = (properties: PropertyPlaces): boolean =>
    ofJson.some((at) => {
      const place = properties.columns[at];
      return place?.turn === properties.turn() && place.hasOddNumber;
    });
  const byVersion = new Map<number, PropertyPlaces>();
  const propertiesOf = (version: number): PropertyPlaces => {
    const known = version <= versions ? version : 0;
    let properties = byVersion.get(known);
    if (properties === undefined) {
      const used = columnsInUse(columns, known);
      properties = createPropertyPlaces(
        columns.map(({ path }, index) => (used[index] === true ? path : undefined)),
      );
      byVersion.set(known, properties);
    }
    return properties;
  };
  return ({ bytes, places, base, schemaVersion }) => {
    const properties = propertiesOf(schemaVersion);
    properties.clear();
    const isRead = places.readRest(bytes, base, properties.read);
    return isRead && !hasOddNumber(properties) ? properties : undefined;
  };
}

/** The value of a property, with all digits of a number. */
export function valueBetween(bytes: Buffer, start: number, end: number): JsonValue {
  // In an array, so that numbers are found as in an object.
  const text = `[${bytes.toString('utf8', start, end)}]`;
  return ((parseExactly(text) ?? parseJsonText(text)) as [JsonValue])[0];
}

const nullWord = Buffer.from('null');

/** Whether a value of JSON is null. */
export function isNullAt(bytes: Uint8Array, start: number): boolean {
  return startsWith(bytes, start, nullWord);
}
