import type { DatabaseSync } from 'node:sqlite';
import { olderEventTime } from '../older-event-time.ts';
import { cutPayload, type PayloadMembers } from '../payload-members.ts';
import { createIdIndex, eventIdTables, keyOf, rowsOfEvents, type IdIndex } from './id-index.ts';

/** Writes rows of the table `events`, each event once. The caller has the transaction. */
export interface EventRows {
  /** @param expected the keys of ids that are likely to come: `IdIndex.begin`. */
  begin(expected?: Float64Array): void;
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

/** How nearly every payload begins. */
const idStart = new TextEncoder().encode('{"eventId":"');
const dash = 0x2d;

/**
 * The keys of the ids in payloads, as `keyOf` makes them, without making texts. Only of those that begin as
 * nearly every payload does, with a UUID.
 *
 * @param ends where each payload ends.
 */
export function expectedKeys(bytes: Uint8Array, ends: Uint32Array): Float64Array {
  const keys = new Float64Array(ends.length);
  let count = 0;
  let start = 0;
  for (const end of ends) {
    const at = start;
    start = end;
    const id = at + idStart.length;
    if (id + 13 > end || bytes[id + 8] !== dash) continue;
    if (!idStart.every((code, place) => bytes[at + place] === code)) continue;
    const key = hexAt(bytes, id, 8) * 2 ** 16 + hexAt(bytes, id + 9, 4);
    if (Number.isNaN(key)) continue;
    keys[count] = key;
    count += 1;
  }
  return keys.subarray(0, count);
}

/** NaN if a character is no hex digit in lower case. */
function hexAt(bytes: Uint8Array, start: number, digits: number): number {
  let value = 0;
  for (let at = start; at < start + digits; at += 1) {
    const code = bytes[at]!;
    if (code >= 0x30 && code <= 0x39) value = value * 16 + code - 0x30;
    else if (code >= 0x61 && code <= 0x66) value = value * 16 + code - 0x57;
    else return Number.NaN;
  }
  return value;
}
