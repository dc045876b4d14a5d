import type { DatabaseSync } from 'node:sqlite';
import { olderEventTime } from '../older-event-time.ts';
import { cutPayload, type PayloadMembers } from '../payload-members.ts';
import { createIdIndex, eventIdTables, keyOf, rowsOfEvents, type IdIndex } from './id-index.ts';

/** Writes rows of the table `events`, each event once. The caller has the transaction. */
export interface EventRows {
  begin(): void;
  /** Does nothing if the event has a row. Throws what SQLite throws. */
  insert(payload: string, sequence: number, deliveredAt: string): void;
  end(): void;
  forget(): void;
}

const columns = `
  event_id, event_name, source, timestamp, user_id, anonymous_id, idempotency_key,
  schema_version, properties, context, occurred_at, sent_at, correlation_id, traceparent,
  warnings, sequence, delivered_at, event_time`;

/**
 * For a payload that `cutPayload` does not cut: SQLite parses it itself, and copies numbers as text, so
 * that none is rounded. `->` keeps JSON, `->>` returns the plain text.
 */
const parsed = `
  e->>'$.eventId', e->>'$.eventName', e->>'$.source', e->>'$.timestamp', e->>'$.userId',
  e->>'$.anonymousId', e->>'$.idempotencyKey', e->>'$.schemaVersion', e->'$.properties',
  e->'$.context', e->>'$.occurredAt', e->>'$.sentAt', e->>'$.correlationId',
  e->>'$.traceparent', e->'$.warnings', ?2, ?3, ifnull(?4, e->>'$.eventTime')`;

const cut = `${'?, '.repeat(17)}?`;

/**
 * For a table whose primary key is `event_id`, as earlier versions made it.
 *
 * ON CONFLICT rather than OR IGNORE, which would also silently skip a row that lacks a value.
 */
export function createKeyedRows(database: DatabaseSync): EventRows {
  const once = 'ON CONFLICT (event_id) DO NOTHING';
  const insertCut = database.prepare(`INSERT INTO events (${columns}) VALUES (${cut}) ${once}`);
  const insertParsed = database.prepare(
    `INSERT INTO events (${columns}) SELECT ${parsed} FROM (SELECT ?1 AS e) WHERE true ${once}`,
  );
  return {
    begin: () => undefined,
    insert(payload, sequence, deliveredAt) {
      const members = membersOf(payload);
      if (members === undefined) {
        insertParsed.run(payload, sequence, deliveredAt, olderEventTime(payload));
      } else {
        insertCut.run(...valuesOf(members, sequence, deliveredAt));
      }
    },
    end: () => undefined,
    forget: () => undefined,
  };
}

/** For a table whose primary key is `number`, with an index of ids beside it. */
export function createNumberedRows(
  database: DatabaseSync,
  index: IdIndex = createIdIndex(database, eventIdTables, rowsOfEvents(database)),
): EventRows {
  // VALUES, because an INSERT with a SELECT first copies every page that it changes into a journal of its own.
  const insertCut = database.prepare(`INSERT INTO events (${columns}, number) VALUES (${cut}, ?)`);
  const insertParsed = database.prepare(
    `INSERT INTO events (${columns}, number) SELECT ${parsed}, ?5 FROM (SELECT ?1 AS e)`,
  );
  const selectId = database.prepare("SELECT ?1->>'$.eventId' AS id");
  return {
    begin: index.begin,
    insert(payload, sequence, deliveredAt) {
      const members = membersOf(payload);
      // An event without an id is refused by its column.
      const id = members?.eventId ?? String(selectId.get(payload)?.['id']);
      const key = keyOf(id);
      if (index.has(key, id)) return;
      if (members === undefined) {
        const older = olderEventTime(payload);
        insertParsed.run(payload, sequence, deliveredAt, older, index.next());
      } else {
        insertCut.run(...valuesOf(members, sequence, deliveredAt), index.next());
      }
      index.add(key);
    },
    end: index.end,
    forget: index.forget,
  };
}

/** Undefined if SQLite has to parse the payload. */
function membersOf(payload: string): PayloadMembers | undefined {
  const members = cutPayload(payload);
  return members === undefined || members.eventTime === '' ? undefined : members;
}

/** In the order of `columns`. */
function valuesOf(
  members: PayloadMembers,
  sequence: number,
  deliveredAt: string,
): (string | number | null)[] {
  return [
    members.eventId || null,
    members.eventName || null,
    members.source || null,
    members.timestamp || null,
    members.userId || null,
    members.anonymousId || null,
    members.idempotencyKey || null,
    members.schemaVersion === '' ? null : Number(members.schemaVersion),
    members.properties || null,
    members.context || null,
    members.occurredAt || null,
    members.sentAt || null,
    members.correlationId || null,
    members.traceparent || null,
    members.warnings || null,
    sequence,
    deliveredAt,
    members.eventTime,
  ];
}
