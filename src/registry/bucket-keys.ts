import { nameProblem } from '../event/name/event-name.ts';
import { nameOfToken, tokenOfName } from '../event/name/name-token.ts';

/** The subject of an entry in the bucket. */
export type BucketKey =
  | { readonly kind: 'taxonomy' }
  | { readonly kind: 'event'; readonly name: string }
  | { readonly kind: 'schema'; readonly name: string; readonly version: number };

/** The key of the taxonomy's header: verbs, and everything else next to `events`. */
export const taxonomyKey = 'taxonomy';

/** The key of one event's entry in the taxonomy. */
export function eventKey(name: string): string {
  return `event.${tokenOfName(name)}`;
}

/** The key of one version of an event's schema. */
export function schemaKey(name: string, version: number): string {
  return `schema.${tokenOfName(name)}.${version}`;
}

const schemaPattern = /^schema\.([^.]+)\.([1-9]\d{0,3})$/;

/** Parses a key; undefined if it is not a key of Headgate. */
export function readBucketKey(key: string): BucketKey | undefined {
  if (key === taxonomyKey) return { kind: 'taxonomy' };
  const [, schemaToken, version] = schemaPattern.exec(key) ?? [];
  const schemaName = schemaToken === undefined ? undefined : readToken(schemaToken);
  if (schemaName !== undefined)
    return { kind: 'schema', name: schemaName, version: Number(version) };
  const name = key.startsWith('event.') ? readToken(key.slice('event.'.length)) : undefined;
  return name === undefined ? undefined : { kind: 'event', name };
}

/** Undefined if no name has this token. */
function readToken(token: string): string | undefined {
  const name = nameOfToken(token);
  return nameProblem(name) === undefined && tokenOfName(name) === token ? name : undefined;
}
