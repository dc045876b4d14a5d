import { isSnakeCase } from '../validation/event-name.ts';

/** What an entry of the bucket is about. */
export type BucketKey =
  | { readonly kind: 'taxonomy' }
  | { readonly kind: 'event'; readonly name: string }
  | { readonly kind: 'schema'; readonly name: string; readonly version: number };

/** Verbs, and what else stands beside `events` in a taxonomy. */
export const taxonomyKey = 'taxonomy';

/** The entry of one event, as the taxonomy has it. */
export function eventKey(name: string): string {
  return `event.${name}`;
}

/** One version of its schema. */
export function schemaKey(name: string, version: number): string {
  return `schema.${name}.${version}`;
}

const schemaPattern = /^schema\.([^.]+)\.([1-9]\d{0,3})$/;

/** Undefined: none of ours. */
export function readBucketKey(key: string): BucketKey | undefined {
  if (key === taxonomyKey) return { kind: 'taxonomy' };
  const [, schemaName, version] = schemaPattern.exec(key) ?? [];
  if (schemaName !== undefined && isSnakeCase(schemaName)) {
    return { kind: 'schema', name: schemaName, version: Number(version) };
  }
  const name = key.startsWith('event.') ? key.slice('event.'.length) : '';
  return isSnakeCase(name) ? { kind: 'event', name } : undefined;
}
