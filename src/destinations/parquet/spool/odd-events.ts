import type { DatabaseSync } from 'node:sqlite';
import { olderEventTime } from '../../older-event-time.ts';
import { storedMembers } from '../../payload-members.ts';
import { memberCount, placeOf, type MemberName } from './cut-event.ts';

/** Members as texts. A missing member is absent, because an empty text is another value. */
export type OddMembers = Partial<Record<MemberName, string>>;

/** Reads payloads that `cutEvent` does not cut. */
export interface OddEvents {
  /** The members, or why the event can never be a row. */
  read(payload: Uint8Array): OddMembers | string;
}

/** The columns of a row that are never null. */
const required = [
  ['event_id', 'eventId'],
  ['event_name', 'eventName'],
  ['source', 'source'],
  ['timestamp', 'timestamp'],
  ['idempotency_key', 'idempotencyKey'],
] as const;

const decoder = new TextDecoder();

/** Result codes of https://www.sqlite.org/rescode.html. */
const sqliteError = 1;
const sqliteTooBig = 18;

/**
 * SQLite parses them: it copies numbers as text, so that none is rounded, and knows every form of JSON that a
 * table of it takes. `->` keeps JSON, `->>` returns the plain text.
 */
export function createOddEvents(database: DatabaseSync): OddEvents {
  const values = storedMembers.map(
    ([name, kind]) => `e${kind === 'json' ? '->' : '->>'}'$.${name}'`,
  );
  const select = database.prepare(`SELECT ${values.join(', ')} FROM (SELECT ?1 AS e)`);
  select.setReturnArrays(true);
  // An integer beyond 2^53 would throw, and an id may be one.
  select.setReadBigInts(true);
  return {
    read(payload) {
      const text = decoder.decode(payload);
      try {
        const row = select.get(text) as unknown as (string | number | bigint | null)[];
        const texts: OddMembers = {};
        for (let member = 0; member < memberCount; member += 1) {
          const value = row[member] ?? null;
          if (value !== null) texts[storedMembers[member]![0]] = String(value);
        }
        for (const [column, name] of required) {
          if (row[placeOf(name)] !== null) continue;
          return `not a stored event: NOT NULL constraint failed: events.${column}`;
        }
        const eventTime = olderEventTime(text);
        if (eventTime !== null) texts.eventTime = eventTime;
        return texts;
      } catch (error) {
        const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
        if (code === sqliteTooBig) return 'the event is larger than a value of SQLite can be';
        // The statement reads no table, so that its own errors are about this event alone.
        if (code !== sqliteError) throw error;
        return 'the payload is not JSON that SQLite can read';
      }
    },
  };
}
