/** The table of version 1, which earlier versions made, also in the spool of Parquet files. */
export const createKeyedEvents = `
  CREATE TABLE events (
    event_id TEXT PRIMARY KEY NOT NULL,
    event_name TEXT NOT NULL,
    source TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    user_id TEXT,
    anonymous_id TEXT,
    idempotency_key TEXT NOT NULL,
    schema_version INTEGER,
    properties TEXT,
    context TEXT,
    occurred_at TEXT,
    sent_at TEXT,
    correlation_id TEXT,
    traceparent TEXT,
    sequence INTEGER NOT NULL,
    warnings TEXT,
    delivered_at TEXT NOT NULL,
    event_time TEXT
  );
  PRAGMA user_version = 1;`;
