import type { LogicalType } from './logical-type.ts';

/** A column that every table of events has. */
export interface EventColumn {
  readonly name: string;
  readonly type: LogicalType;
  /** Every row has a value. */
  readonly isRequired: boolean;
  /** The field of the stored event that it holds; empty if it has none. */
  readonly field: string;
}

/**
 * The columns that come first in every table, whatever the event. A later release may add only names
 * that begin with `headgate_`: any other may be taken by a property.
 */
export const eventColumns: readonly EventColumn[] = [
  column('event_id', 'uuid', 'eventId', true),
  column('event_name', 'text', 'eventName', true),
  column('event_time', 'timestamp', 'eventTime'),
  column('timestamp', 'timestamp', 'timestamp', true),
  column('user_id', 'text', 'userId'),
  column('anonymous_id', 'text', 'anonymousId'),
  column('source', 'text', 'source', true),
  column('schema_version', 'integer', 'schemaVersion'),
  column('idempotency_key', 'text', 'idempotencyKey', true),
  column('occurred_at', 'timestamp', 'occurredAt'),
  column('sent_at', 'timestamp', 'sentAt'),
  column('correlation_id', 'text', 'correlationId'),
  column('traceparent', 'text', 'traceparent'),
  column('sequence', 'integer', '', true),
  column('delivered_at', 'timestamp', '', true),
  column('warnings', 'json', 'warnings'),
  column('context', 'json', 'context'),
  column('properties', 'json', 'properties'),
  // The names of columns whose values did not fit.
  column('misfits', 'json', ''),
];

function column(
  name: string,
  kind: 'uuid' | 'text' | 'timestamp' | 'integer' | 'json',
  field: string,
  isRequired = false,
): EventColumn {
  return { name, type: { kind }, field, isRequired };
}
