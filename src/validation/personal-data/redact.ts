import { createHmac, createSecretKey } from 'node:crypto';

import { canonicalJson, hasMembers, mapMembers } from '../../event/changed-properties.ts';
import { patternSubjectMax } from '../schema/pattern-safety.ts';
import { unescapePointer } from '../../event/json/json-pointer.ts';
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import type { Marking, PersonalDataAction } from '../schema/personal-data.ts';

/** The text that replaces a masked value. */
export const maskText = '***';

const hashPrefix = 'hmac-sha256:';
const hashForm = /^hmac-sha256:[0-9a-f]{64}$/;

/** Returns a copy of `properties` in which the marked values are redacted. */
export type Redact = (properties: JsonObject) => JsonObject;

/**
 * Redaction is deterministic under one key, so a retry is still a duplicate; and idempotent, so a
 * redacted copy can be sent again.
 */
export function createRedact(marking: Marking, hashKey: string): Redact {
  // Made once: it costs five times the hash of a short text.
  const key = createSecretKey(hashKey, 'utf8');
  const hashed = (value: JsonValue): string => {
    const text = typeof value === 'string' ? value : canonicalJson(value);
    if (hashForm.test(text)) return text;
    return `${hashPrefix}${createHmac('sha256', key).update(text).digest('hex')}`;
  };
  /** Undefined if the value is dropped. */
  function redacted(value: JsonValue, mark: Marking): JsonValue | undefined {
    if (mark.action === 'drop') return undefined;
    if (mark.action !== undefined) {
      // null reveals nothing about a person, and a column may hold it.
      if (value === null) return null;
      return mark.action === 'mask' ? maskText : hashed(value);
    }
    if (Array.isArray(value)) {
      return value
        .map((item, index) => redactedMember(String(index), item, mark))
        .filter((item) => item !== undefined);
    }
    if (!hasMembers(value)) return value;
    return mapMembers(value, (name, member) => redactedMember(name, member, mark));
  }
  function redactedMember(name: string, value: JsonValue, holder: Marking): JsonValue | undefined {
    let left: JsonValue | undefined = value;
    for (const mark of marksOf(holder, name)) {
      if (left !== undefined) left = redacted(left, mark);
    }
    return left;
  }
  return (properties) => redacted(properties, marking) as JsonObject;
}

/** Every marking that applies to one member. */
function marksOf(holder: Marking, name: string): Marking[] {
  const marks = holder.patterns
    .filter(([form]) => name.length > patternSubjectMax || form.test(name))
    .map(([, mark]) => mark);
  const member = holder.members.get(name);
  if (member !== undefined) marks.push(member);
  return marks.length === 0 && holder.others !== undefined ? [holder.others] : marks;
}

/**
 * Whether an error exists only because the value was redacted before: a redacted copy that is sent
 * again has a hash where the schema requires an address, and lacks the values that were dropped.
 */
export function isRedactedAlready(error: ErrorObject, marking: Marking): boolean {
  const steps = error.instancePath.split('/').slice(1).map(unescapePointer);
  if (error.keyword === 'required') {
    const missing = String(error.params['missingProperty']);
    return actionsAt(marking, [...steps, missing]).has('drop');
  }
  const actions = actionsAt(marking, steps);
  const { data } = error;
  if (typeof data !== 'string') return false;
  return (actions.has('mask') && data === maskText) || (actions.has('hash') && hashForm.test(data));
}

function actionsAt(root: Marking, steps: readonly string[]): Set<PersonalDataAction> {
  let marks = [root];
  for (const step of steps) marks = marks.flatMap((mark) => marksOf(mark, step));
  return new Set(marks.flatMap(({ action }) => action ?? []));
}
