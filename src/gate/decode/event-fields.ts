/** How a protocol names the fields of JSON: in the contract's snake_case, or in ProtoJSON's camelCase too. */
export type NameStyle = 'rest' | 'connect';

export type EventField =
  | 'event_name'
  | 'user_id'
  | 'anonymous_id'
  | 'idempotency_key'
  | 'properties'
  | 'properties_json'
  | 'context'
  | 'occurred_at'
  | 'schema_version';

export const eventFields: readonly EventField[] = [
  'event_name',
  'user_id',
  'anonymous_id',
  'idempotency_key',
  'properties',
  'properties_json',
  'context',
  'occurred_at',
  'schema_version',
];

/** What the server alone writes, and what to do instead of sending it. */
export const reservedFields: Readonly<Record<string, string>> = {
  timestamp: "The server writes timestamp; send the producer's own clock as occurred_at.",
  event_id: 'The server derives event_id from the source and idempotency_key.',
  source: 'The server takes source from the write key.',
  correlation_id: 'Send the header x-correlation-id instead of correlation_id.',
  traceparent: 'Send the header traceparent instead of the field.',
  sequence: 'The server writes sequence.',
};

export function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

/** The contract's name of a field as ProtoJSON may write it. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const restNames = new Map<string, EventField>(eventFields.map((field) => [field, field]));

/** From a name in JSON to the field it means. */
export const fieldsByName: Readonly<Record<NameStyle, ReadonlyMap<string, EventField>>> = {
  rest: restNames,
  connect: new Map([
    ...restNames,
    ...eventFields.map((field) => [camelCase(field), field] as const),
  ]),
};

/** The field that an unknown name probably means. */
export function fieldHint(name: string): string {
  const field = restNames.get(snakeCase(name).toLowerCase());
  if (field !== undefined) return ` Did you mean "${field}"?`;
  return ' Put what is about the event into properties, and the rest into context.';
}
