import { createHash } from 'node:crypto';

import type { JsonValue } from '../../event/json/json.ts';

/**
 * JSON with its members in the order of their names: two texts that say the same are one text. How a
 * file is indented, and in which order its keywords stand, is no part of the contract.
 */
export function canonicalJson(value: JsonValue | undefined): string {
  if (value === undefined) return '';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`);
  return `{${members.join(',')}}`;
}

/** Identifies a released version: `sha256:` and the digest of its canonical JSON. */
export function schemaHash(schema: JsonValue): string {
  return `sha256:${createHash('sha256').update(canonicalJson(schema)).digest('hex')}`;
}
