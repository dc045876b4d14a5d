import { isSnakeCase } from '../validation/event-name.ts';

/** The subject of an entry in the bucket. */
export type BucketKey =
  | { readonly kind: 'taxonomy' }
  | { readonly kind: 'event'; readonly name: string }
  | { readonly kind: 'schema'; readonly name: string; readonly version: number };

/** The key of the taxonomy's header: verbs, and everything else next to `events`. */
export const taxonomyKey = 'taxonomy';

/** The key of one event's entry in the taxonomy. */
export function eventKey(name: string): string {
  return `event.${name}`;
}

/** The key of one version of an event's schema. */
export function schemaKey(name: string, version: number): string {
  return `schema.${name}.${version}`;
}

const schemaPattern = /^schema\.([^.]+)\.([1-9]\d{0,3})$/;

/** Parses a key; undefined if it is not a key of Headgate. */
export function readBucketKey(key: string): BucketKey | undefined {
  if (key === taxonomyKey) return { kind: 'taxonomy' };
  const [, schemaName, version] = schemaPattern.exec(key) ?? [];
  if (schemaName !== undefined && isSnakeCase(schemaName)) {
    return { kind: 'schema', name: schemaName, version: Number(version) };
  }
  const name = key.startsWith('event.') ? key.slice('event.'.length) : '';
  return isSnakeCase(name) ? { kind: 'event', name } : undefined;
}
