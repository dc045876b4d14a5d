import { isUtf8 } from 'node:buffer';
import { storedMembers } from '../payload-members.ts';
import { braceEnd, brace, comma } from '../../event/json/json-codes.ts';
import { plainEnd, startsWith } from '../../event/json/find-json.ts';
import { valueEnd } from './json-bytes.ts';

type MemberName = (typeof storedMembers)[number][0];

const heads = storedMembers.map(([name, kind]) =>
  Buffer.from(`"${name}":${kind === 'text' ? '"' : ''}`),
);
const kinds = storedMembers.map(([, kind]) => kind);
const integerDigitsMax = 9;

/** Where a member of a stored event is among the places of its payload. */
export function placeOf(name: MemberName): number {
  return 2 * storedMembers.findIndex(([each]) => each === name);
}

const propertiesAt = storedMembers.findIndex(([name]) => name === 'properties');
const required = (
  ['eventId', 'eventName', 'source', 'timestamp', 'eventTime', 'idempotencyKey'] as const
).map(placeOf);
const restAt = 2 * storedMembers.length;

/** How many numbers the places of a payload are: where each member begins and ends, and where the rest begins. */
const placesLength = restAt + 1;

/** The places of the members of payloads, in the order of `storedMembers`; 0 for one that it does not have. */
export interface PayloadPlaces {
  readonly places: Int32Array;
  /**
   * Reads the members before the properties. False unless the payload is what `encodeStoredEvent` writes most
   * often, as for `cutPayload`.
   */
  readHead(bytes: Uint8Array, base: number): boolean;
  /**
   * Reads the properties and what follows. False as before.
   *
   * @param readProperties returns where they end, or -1.
   */
  readRest(
    bytes: Uint8Array,
    base: number,
    readProperties: (bytes: Uint8Array, start: number) => number,
  ): boolean;
}

/** Where the places of a payload begin. */
export function baseOf(index: number): number {
  return index * placesLength;
}

/** @param payloads whose places are held at once. */
export function createPayloadPlaces(payloads: number): PayloadPlaces {
  const places = new Int32Array(baseOf(payloads));

  /** Reads members from one to another. Returns what follows, or -1. */
  const read = (
    bytes: Uint8Array,
    start: number,
    base: number,
    from: number,
    to: number,
    readProperties: (bytes: Uint8Array, start: number) => number,
  ): number => {
    let at = start;
    for (let index = from; index < to; index += 1) {
      const head = heads[index]!;
      if (!startsWith(bytes, at, head)) continue;
      const begin = at + head.length;
      const kind = kinds[index]!;
      const isText = kind === 'text';
      const end = isText
        ? plainEnd(bytes, begin, bytes.length)
        : index === propertiesAt
          ? readProperties(bytes, begin)
          : valueEnd(bytes, begin);
      // An empty id is another thing than none.
      if (end === -1 || end === begin) return -1;
      if (kind === 'integer' && !isShortInteger(bytes, begin, end)) return -1;
      places[base + 2 * index] = begin;
      places[base + 2 * index + 1] = end;
      at = isText ? end + 1 : end;
      const next = bytes[at];
      at += 1;
      if (next === comma) continue;
      return next === braceEnd && at === bytes.length ? at : -1;
    }
    return at === bytes.length ? -1 : at;
  };

  return {
    places,
    readHead(bytes, base) {
      if (bytes[0] !== brace || !isUtf8(bytes)) return false;
      places.fill(0, base, base + restAt);
      const end = read(bytes, 1, base, 0, propertiesAt, valueEnd);
      places[base + restAt] = end;
      return end !== -1 && required.every((place) => places[base + place] !== 0);
    },
    readRest(bytes, base, readProperties) {
      const start = places[base + restAt]!;
      if (start === bytes.length) return true;
      const end = read(bytes, start, base, propertiesAt, storedMembers.length, readProperties);
      return end === bytes.length;
    },
  };
}

function isShortInteger(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > integerDigitsMax) return false;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte < 0x30 || byte > 0x39) return false;
  }
  return true;
}
