import { isJsonObject, type JsonObject, type JsonValue } from '../../src/event/json/json.ts';

/**
 * One property of an event: how to read it from GitHub's payload, and its schema.
 *
 * Reading never corrects a value: a wrong type is passed on, so that the gate rejects it. A missing
 * or null value is left out, so no schema needs null.
 */
export interface Field {
  readonly read: (payload: JsonObject) => JsonValue | undefined;
  readonly schema: JsonObject;
  readonly required: boolean;
}

export type Fields = Readonly<Record<string, Field>>;

/** The properties of one kind of GitHub event. */
export interface Kind {
  readonly fields: Fields;
  /** Properties that only some of its events have, by event name. */
  readonly only?: Readonly<Record<string, Fields>>;
  /** Paths of the time at which it happened; the first one that exists is used. */
  readonly time: readonly string[];
  /** The user id if the payload names no sender. */
  readonly actor?: string;
}

/** Returns the value at a dotted path; undefined if it is missing or null. */
export function valueAt(payload: JsonObject, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = payload;
  for (const name of path.split('.')) {
    value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value ?? undefined;
}

function at(path: string, schema: JsonObject): Field {
  return { read: (payload) => valueAt(payload, path), schema, required: true };
}

export function optional(field: Field): Field {
  return { ...field, required: false };
}

/** Free text. */
export function text(path: string, lengthMax = 256): Field {
  return at(path, { type: 'string', maxLength: lengthMax });
}

/** One of the values that GitHub documents. */
export function oneOf(path: string, ...values: string[]): Field {
  return at(path, { type: 'string', enum: values });
}

export function flag(path: string): Field {
  return at(path, { type: 'boolean' });
}

/** The id of a record, or the number of an issue: 1 or more. */
export function id(path: string): Field {
  return at(path, { type: 'integer', minimum: 1 });
}

export function integer(path: string): Field {
  return at(path, { type: 'integer', minimum: 0 });
}

export function number(path: string): Field {
  return at(path, { type: 'number', minimum: 0 });
}

export function time(path: string): Field {
  return at(path, { type: 'string', format: 'date-time', maxLength: 40 });
}

/** The name of a Git object: 40 hexadecimal digits of SHA-1, or 64 of SHA-256. */
export function sha(path: string): Field {
  return at(path, { type: 'string', pattern: '^[0-9a-f]{40,64}$', minLength: 40, maxLength: 64 });
}

/** The name of a user, organization or app: `octocat`, `renovate[bot]`. */
export function login(path: string): Field {
  return at(path, { type: 'string', minLength: 1, maxLength: 100 });
}

/** The length of a list. */
export function count(path: string): Field {
  return {
    ...integer(path),
    read: (payload) => {
      const list = valueAt(payload, path);
      return Array.isArray(list) ? list.length : list;
    },
  };
}

/** One text from each entry of a list, such as the names of labels. */
export function each(path: string, name: string, lengthMax = 256): Field {
  return {
    read: (payload) => {
      const list = valueAt(payload, path);
      if (!Array.isArray(list)) return list;
      return list.map((entry) => (isJsonObject(entry) ? (entry[name] ?? null) : entry));
    },
    schema: textsSchema(lengthMax),
    required: true,
  };
}

function textsSchema(lengthMax: number): JsonObject {
  return { type: 'array', items: { type: 'string', maxLength: lengthMax }, maxItems: 1000 };
}

/** A list of texts, unchanged. */
export function texts(path: string, lengthMax = 256): Field {
  return at(path, textsSchema(lengthMax));
}

/** The names of the settings that changed. */
export function changed(): Field {
  return {
    read: (payload) => {
      const changes = valueAt(payload, 'changes');
      return isJsonObject(changes) ? Object.keys(changes).sort() : changes;
    },
    schema: { type: 'array', items: { type: 'string', maxLength: 100 }, maxItems: 100 },
    required: false,
  };
}

export const organization: Fields = {
  organization: optional(login('organization.login')),
};

/** GitHub's limits: 39 characters for the owner, 100 for the name. */
export const repository: Fields = {
  repository: text('repository.full_name', 140),
  repository_id: id('repository.id'),
  repository_private: flag('repository.private'),
  ...organization,
};

export function authorAssociation(path: string): Field {
  return oneOf(
    path,
    'COLLABORATOR',
    'CONTRIBUTOR',
    'FIRST_TIMER',
    'FIRST_TIME_CONTRIBUTOR',
    'MANNEQUIN',
    'MEMBER',
    'NONE',
    'OWNER',
  );
}

export function checkStatus(path: string): Field {
  return oneOf(path, 'queued', 'in_progress', 'completed', 'waiting', 'requested', 'pending');
}

/** Exists only after the check, job or run has ended. */
export function conclusion(path: string): Field {
  return optional(
    oneOf(
      path,
      'success',
      'failure',
      'neutral',
      'cancelled',
      'timed_out',
      'action_required',
      'stale',
      'skipped',
      'startup_failure',
    ),
  );
}

export function lockReason(path: string): Field {
  return optional(oneOf(path, 'resolved', 'off-topic', 'too heated', 'spam'));
}

export function severity(path: string): Field {
  return oneOf(path, 'low', 'moderate', 'medium', 'high', 'critical');
}
