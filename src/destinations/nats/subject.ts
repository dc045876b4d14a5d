import type { StoredEvent } from '../../event/stored-event.ts';

/** Makes the subject of an event. */
export type SubjectOf = (event: StoredEvent) => string;

const values: Readonly<Record<string, (event: StoredEvent) => string>> = {
  event_name: ({ eventName }) => eventName,
  source: ({ source }) => String(source),
  event_id: ({ eventId }) => eventId,
};

/** The text between values: no wildcards, no spaces. */
const literal = /^[\w./:=-]*$/;
const subjectCharactersMax = 256;

/** These belong to NATS itself: its APIs, and the answers to requests. */
const reserved = /^(?:\$|_INBOX(?:\.|$))/;

/**
 * Parses a template such as `orders.{event_name}.{source}`. `fail` is called with what is wrong and
 * how to fix it.
 */
export function parseSubject(template: string, fail: (fault: string) => never): SubjectOf {
  const parts = template.split(/\{([^{}]*)\}/);
  // Literals stand at even places, names of values at odd ones.
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1 && !Object.hasOwn(values, part)) {
      fail(`{${part}} is not known: use {${Object.keys(values).join('}, {')}}`);
    }
    if (index % 2 === 0 && reserved.test(template)) {
      fail('subjects that begin with $ or _INBOX belong to NATS: begin with another word');
    }
    if (index % 2 === 0 && !literal.test(part)) {
      fail(`"${part}" cannot be in a subject: use letters, digits, "_", "-" and dots`);
    }
  }
  const filled = parts.map((part, index) => (index % 2 === 1 ? 'x' : part)).join('');
  if (filled.split('.').includes('')) fail('it has an empty part: write words with dots between');
  if (template.length > subjectCharactersMax) {
    fail(`it is longer than ${subjectCharactersMax} characters`);
  }
  const makers = parts.map((part, index) => (index % 2 === 1 ? values[part]! : () => part));
  return (event) =>
    makers.map((make, index) => (index % 2 === 1 ? tokenOf(make(event)) : make(event))).join('');
}

/**
 * A value as one part of a subject: letters, digits, `_` and `-` stay, and each other byte of its
 * UTF-8 becomes `%` and two hex digits, so that no value makes a level or a wildcard, and different
 * values stay different. An empty value is `%`.
 */
export function tokenOf(value: string): string {
  if (value === '') return '%';
  return value.replaceAll(/[^A-Za-z0-9_-]+/g, (text) =>
    [...Buffer.from(text)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}
