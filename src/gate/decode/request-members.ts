import { ServiceError } from '../../errors.ts';
import { isJsonObject, type JsonValue } from '../../event/json/json.ts';
import { mayEscapeNames } from '../../event/json/parse-json.ts';
import { placeIn } from './parse-body.ts';
import { skipSpace, skipString, skipValue } from './json-slices.ts';

/**
 * Throws a ServiceError `malformed_request` if a request has a member twice. `JSON.parse` keeps the
 * last one, so the first list of events would disappear although the request succeeds, and the key
 * that was found in the body could be another than the key that counts.
 *
 * Looks at the object that is the body, not into its members. Costs about 1 ns a byte, unless they were counted.
 *
 * @param text valid JSON.
 * @param value the same, parsed.
 */
export function checkMembersOnce(
  text: string,
  value: JsonValue,
  { members, isAsSent = true }: CountedMembers = {},
): void {
  if (!isJsonObject(value)) return;
  if (members === undefined ? standOnce(text, value) : members === Object.keys(value).length)
    return;
  const repeated = findRepeated(text);
  if (repeated === undefined) return;
  const { name, first, second } = repeated;
  const shown = JSON.stringify(name.slice(0, 60));
  const where = isAsSent ? `: ${placeIn(text, first)} and ${placeIn(text, second)}` : '';
  throw new ServiceError(
    'malformed_request',
    `The request has ${shown} twice${where}. Send each member once: the first would be lost.`,
  );
}

export interface CountedMembers {
  /** How many members the body has, repeats too (`walkBody`). Undefined: they were not counted. */
  readonly members?: number | undefined;
  /** False if `text` is not what the caller sent, so that positions in it mean nothing. */
  readonly isAsSent?: boolean;
}

/** A search for one name costs half of the whole walk. */
const searchedNamesMax = 2;

/** The usual request has few members: a name that occurs once in all of the text stands once. */
function standOnce(text: string, value: object): boolean {
  const names = Object.keys(value);
  if (names.length > searchedNamesMax || mayEscapeNames(text)) return false;
  return names.every((name) => {
    const quoted = JSON.stringify(name);
    const first = text.indexOf(quoted);
    return text.indexOf(quoted, first + quoted.length) === -1;
  });
}

interface RepeatedMember {
  readonly name: string;
  /** The positions of its name. */
  readonly first: number;
  readonly second: number;
}

function findRepeated(text: string): RepeatedMember | undefined {
  const places = new Map<string, number>();
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (text[at] === '"') {
    const nameEnd = skipString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const first = places.get(name);
    if (first !== undefined) return { name, first, second: at };
    places.set(name, at);
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1);
    at = skipSpace(text, skipValue(text, valueStart));
    if (text[at] !== ',') return undefined;
    at = skipSpace(text, at + 1);
  }
  return undefined;
}
