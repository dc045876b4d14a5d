/** A table of PostgreSQL, as the setting names it: `events` or `analytics.events`. */
const tableName = /^[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?$/;

/** The quoted name. Undefined if it is not a valid name. */
export function quoteTable(name: string): string | undefined {
  if (!tableName.test(name)) return undefined;
  return name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');
}

/** The column that tables of earlier versions lack. */
export const findEventTime = `
  SELECT count(*) > 0 AS there FROM pg_attribute
  WHERE attrelid = to_regclass($1) AND attname = 'event_time' AND NOT attisdropped`;

/**
 * No row is written, so it takes no longer than the lock does. Not waiting for the lock behind a long
 * transaction, because everything else would wait behind this.
 */
export function addEventTime(table: string): string[] {
  return [
    "SET LOCAL lock_timeout = '2s'",
    `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS event_time timestamptz`,
  ];
}

/** Without this lock, two Headgates that start together create the same table, and one fails. */
export const lockCreation = 'SELECT pg_advisory_xact_lock(4242004)';

/**
 * CREATE TABLE IF NOT EXISTS needs the right to create even if the table exists. The query has
 * FROM, because a lookup that reads no table does not see what others created since the transaction
 * began.
 */
export const findTable = 'SELECT to_regclass($1) IS NOT NULL AS there FROM pg_class LIMIT 1';

/**
 * The index by time is a BRIN. Rows arrive nearly in the order of their time, so a few bytes for
 * every 128 pages locate a window, and an insert costs almost nothing more. Those of imports are not in
 * the order of `event_time`, which has a B-tree.
 */
export function createTable(table: string): string[] {
  return [
    `CREATE TABLE ${table} (
      event_id uuid PRIMARY KEY,
      event_name text NOT NULL,
      source text NOT NULL,
      timestamp timestamptz NOT NULL,
      user_id text,
      anonymous_id text,
      idempotency_key text NOT NULL,
      schema_version integer,
      properties jsonb,
      context jsonb,
      occurred_at timestamptz,
      sent_at timestamptz,
      correlation_id text,
      traceparent text,
      sequence bigint NOT NULL,
      warnings jsonb,
      delivered_at timestamptz NOT NULL DEFAULT now(),
      event_time timestamptz
    )`,
    `CREATE INDEX ON ${table} USING brin (timestamp)`,
    `CREATE INDEX ON ${table} (event_time)`,
  ];
}

/**
 * One statement for a whole batch: arrays of payloads, of sequences and of the times of events of
 * earlier versions, as text-array.ts makes them. PostgreSQL parses the events itself, so numbers arrive as the producer wrote them,
 * however long.
 *
 * OFFSET 0 keeps the planner from merging the inner SELECT into the outer one, which would parse the payload
 * again for each of the columns: 133 us a row instead of 21.
 *
 * The conflict names its column. Without it, DO NOTHING would also silently skip a row that
 * violates a unique constraint which somebody added.
 *
 * In the order of the ids: two workers with the same events in different orders would deadlock, and
 * PostgreSQL would end one.
 */
export function insertEvents(table: string, hasEventTime: boolean): string {
  const [column, value] = hasEventTime
    ? [', event_time', ", coalesce(older_time, e->>'eventTime')::timestamptz"]
    : ['', ''];
  return `
    INSERT INTO ${table} (
      event_id, event_name, source, timestamp, user_id, anonymous_id, idempotency_key,
      schema_version, properties, context, occurred_at, sent_at, correlation_id, traceparent,
      warnings, sequence${column})
    SELECT
      (e->>'eventId')::uuid, e->>'eventName', e->>'source', (e->>'timestamp')::timestamptz,
      e->>'userId', e->>'anonymousId', e->>'idempotencyKey', (e->>'schemaVersion')::integer,
      e->'properties', e->'context', (e->>'occurredAt')::timestamptz,
      (e->>'sentAt')::timestamptz, e->>'correlationId', e->>'traceparent', e->'warnings', sequence::bigint${value}
    FROM (
      SELECT payload::jsonb AS e, sequence, older_time
      FROM unnest($1::text[], $2::text[], $3::text[]) AS delivered (payload, sequence, older_time)
      OFFSET 0
    ) AS events
    ORDER BY 1
    ON CONFLICT (event_id) DO NOTHING`;
}

/** A cursor over a time window. A declaration takes no parameters, and a Date needs no quoting. */
export function declareWindow(tables: readonly string[], from: Date, to: Date): string {
  const select = (table: string): string => `
    SELECT event_id::text AS "eventId", event_name AS "eventName",
      to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS timestamp
    FROM ${table}
    WHERE timestamp >= '${from.toISOString()}' AND timestamp < '${to.toISOString()}'`;
  return `DECLARE events_of_window NO SCROLL CURSOR FOR ${tables.map(select).join(' UNION ALL ')}`;
}

export const fetchPage = 'FETCH 2000 FROM events_of_window';
