import { createHash } from 'node:crypto';

import type { JsonValue } from '../../event/json/json.ts';

/**
 * JSON with its members sorted by name, so that equal values have the same text. The indentation of
 * a file and the order of its keywords are not part of the contract.
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
