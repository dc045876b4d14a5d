import type { DatabaseSync } from 'node:sqlite';
import { olderEventTime } from '../../older-event-time.ts';
import { noMembers, type PayloadMembers } from '../../payload-members.ts';
import { memberCount, members, placeOf } from './cut-event.ts';

/** Reads payloads that `cutEvent` does not cut. */
export interface OddEvents {
  /** The members, or why the event can never be a row. */
  read(payload: Uint8Array): PayloadMembers | string;
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
  const values = members.map(([name, kind]) => `e${kind === 'json' ? '->' : '->>'}'$.${name}'`);
  const select = database.prepare(`SELECT ${values.join(', ')} FROM (SELECT ?1 AS e)`);
  select.setReturnArrays(true);
  const isJson = database.prepare('SELECT json_valid(?) AS valid');
  return {
    read(payload) {
      const text = decoder.decode(payload);
      try {
        const row = select.get(text) as unknown as (string | number | null)[];
        const texts = noMembers();
        for (let member = 0; member < memberCount; member += 1) {
          const value = row[member] ?? null;
          if (value !== null) texts[members[member]![0]] = String(value);
        }
        for (const [column, name] of required) {
          if (row[placeOf(name)] !== null) continue;
          return `not a stored event: NOT NULL constraint failed: events.${column}`;
        }
        texts.eventTime = olderEventTime(text) ?? texts.eventTime;
        return texts;
      } catch (error) {
        const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
        if (code === sqliteTooBig) return 'the event is larger than a value of SQLite can be';
        const isDamaged = code === sqliteError && isJson.get(text)?.['valid'] === 0;
        if (!isDamaged) throw error;
        return 'the payload is not JSON that SQLite can read';
      }
    },
  };
}
