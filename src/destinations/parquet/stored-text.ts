/** Columns of the table of all events and the fields of the stored event, in its order. JSON stays as it is. */
const fields: readonly (readonly [
  column: string,
  field: string,
  kind: 'text' | 'integer' | 'json',
])[] = [
  ['event_id', 'eventId', 'text'],
  ['event_name', 'eventName', 'text'],
  ['source', 'source', 'text'],
  ['timestamp', 'timestamp', 'text'],
  ['event_time', 'eventTime', 'text'],
  ['user_id', 'userId', 'text'],
  ['anonymous_id', 'anonymousId', 'text'],
  ['idempotency_key', 'idempotencyKey', 'text'],
  ['schema_version', 'schemaVersion', 'integer'],
  ['properties', 'properties', 'json'],
  ['context', 'context', 'json'],
  ['occurred_at', 'occurredAt', 'text'],
  ['correlation_id', 'correlationId', 'text'],
  ['sent_at', 'sentAt', 'text'],
  ['traceparent', 'traceparent', 'text'],
  ['warnings', 'warnings', 'json'],
];

/** A spool of an earlier version has any JSON as the version of an event. */
const digits = /^(0|-?[1-9][0-9]*)$/;

/** The stored event of a row, as JSON. Fields without a column are not in it. */
export function storedText(row: Readonly<Record<string, unknown>>): string {
  const members: string[] = [];
  for (const [column, field, kind] of fields) {
    const value = row[column] ?? null;
    if (value === null) continue;
    const text = value instanceof Date ? value.toISOString() : String(value);
    const isJson = kind === 'json' || (kind === 'integer' && digits.test(text));
    members.push(`"${field}":${isJson ? text : JSON.stringify(text)}`);
  }
  return `{${members.join(',')}}`;
}
