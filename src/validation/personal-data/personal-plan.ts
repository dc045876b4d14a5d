import { markingOf, marksWith, type Marking } from '../schema/personal-data.ts';
import { createRedact, isRedactedAlready, type Redact } from './redact.ts';
import { StartError } from '../../errors.ts';
import type { SchemaFindings } from '../schema/compile-schema.ts';
import type { PlannedEvent } from '../schema-registry.ts';

/** How the personal data of an event is redacted. */
export interface Personal {
  readonly marking: Marking;
  readonly redact: Redact;
}

/** For all versions of some events together: a mark in one version applies in all. */
export function personalOf(
  events: readonly PlannedEvent[],
  hashKey: string | undefined,
): Personal | undefined {
  const schemas = events.flatMap(({ versions }) => versions.map(({ schema }) => schema));
  const marking = markingOf(schemas);
  return marking && { marking, redact: createRedact(marking, hashKey ?? '') };
}

/**
 * Throws a StartError where there is no key: a hash without one could be undone by hashing every
 * address there is.
 */
export function checkHashKey(events: readonly PlannedEvent[], hashKey: string | undefined): void {
  if (hashKey !== undefined) return;
  const names = events
    .filter(({ versions }) => versions.some(({ schema }) => marksWith(schema, 'hash')))
    .map(({ name }) => name);
  if (names.length === 0) return;
  throw new StartError(
    `The schemas of ${names.slice(0, 5).join(', ')} say "x-pii": "hash", and there is no key to hash ` +
      'with. Set HEADGATE_PII_HASH_KEY (pii.hash_key) to 32 random characters or more, the same for every gate.',
  );
}

/** The findings without those that redaction itself causes. */
export function withoutRedacted(
  findings: SchemaFindings,
  personal: Personal | undefined,
): SchemaFindings {
  if (personal === undefined || !findings.complete) return findings;
  const { marking } = personal;
  const errors = findings.errors.filter((error) => !isRedactedAlready(error, marking));
  return { ...findings, errors };
}
