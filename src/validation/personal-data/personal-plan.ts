import { markingOf, marksWith, type Marking } from '../schema/personal-data.ts';
import { createRedact, isRedactedAlready, type Redact } from './redact.ts';
import { StartError } from '../../errors.ts';
import type { SchemaFindings } from '../schema/compile-schema.ts';
import type { PlannedEvent } from '../schema-registry.ts';

/** How the gate redacts the personal data of an event. */
export interface Personal {
  readonly marking: Marking;
  readonly redact: Redact;
}

/**
 * Builds one plan for all versions of the events: a mark in one version applies to all versions.
 */
export function personalOf(
  events: readonly PlannedEvent[],
  hashKey: string | undefined,
): Personal | undefined {
  const schemas = events.flatMap(({ versions }) => versions.map(({ schema }) => schema));
  const marking = markingOf(schemas);
  return marking && { marking, redact: createRedact(marking, hashKey ?? '') };
}

/**
 * Throws a StartError if a schema hashes and no key is set: without a key, anyone could reverse a
 * hash by hashing every known address.
 */
export function checkHashKey(events: readonly PlannedEvent[], hashKey: string | undefined): void {
  if (hashKey !== undefined) return;
  const names = events
    .filter(({ versions }) => versions.some(({ schema }) => marksWith(schema, 'hash')))
    .map(({ name }) => name);
  if (names.length === 0) return;
  throw new StartError(
    `The schemas of ${names.slice(0, 5).join(', ')} use "x-pii": "hash", but no hash key is set. ` +
      'Set HEADGATE_PII_HASH_KEY (pii.hash_key) to at least 32 random characters, the same for every gate.',
  );
}

/** The findings, except those that redaction itself causes. */
export function withoutRedacted(
  findings: SchemaFindings,
  personal: Personal | undefined,
): SchemaFindings {
  if (personal === undefined || !findings.complete) return findings;
  const { marking } = personal;
  const errors = findings.errors.filter((error) => !isRedactedAlready(error, marking));
  return { ...findings, errors };
}
