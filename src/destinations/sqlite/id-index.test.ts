import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeRequestPart, encodeStoredEvent } from '../../event/stored-event.ts';
import { createNumberedRows, expectedKeys } from './event-rows.ts';
import { createIdIndex, eventIdTables, keyOf, rowsOfEvents } from './id-index.ts';
import { openWarehouse } from './warehouse.ts';

let folder: string;
let path: string;
const opened: DatabaseSync[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-id-index-'));
  path = join(folder, 'warehouse.db');
  openWarehouse(path, 100).close();
});
afterEach(() => {
  for (const database of opened.splice(0)) if (database.isOpen) database.close();
  rmSync(folder, { recursive: true });
});

/** A merge after so few keys that every batch is in the middle of one. */
const limits = { waitingMin: 70, waitingMax: 300 };

interface Writer {
  readonly database: DatabaseSync;
  /**
   * @param isKept false: the transaction is rolled back.
   * @param expected the ids whose keys are looked up together, before the first row.
   */
  write(ids: readonly string[], isKept?: boolean, expected?: readonly string[]): void;
}

function open(): Writer {
  const database = new DatabaseSync(path, { timeout: 1000 });
  database.exec('PRAGMA synchronous = OFF');
  opened.push(database);
  const rows = createNumberedRows(
    database,
    createIdIndex(database, eventIdTables, rowsOfEvents(database), limits),
  );
  return {
    database,
    write(ids, isKept = true, expected = []) {
      database.exec('BEGIN IMMEDIATE');
      rows.begin(Float64Array.from(expected, keyOf));
      for (const id of ids) rows.insert(payloadOf(id), 1, '2026-03-01T12:00:00.000Z');
      rows.end();
      if (!isKept) rows.forget();
      database.exec(isKept ? 'COMMIT' : 'ROLLBACK');
    },
  };
}

function payloadOf(eventId: string): string {
  const event = {
    eventName: 'order_completed',
    userId: 'u1',
    anonymousId: '',
    idempotencyKey: eventId,
    properties: {},
    occurredAt: '',
  };
  const acceptance = { eventId, timestampMs: 1_772_366_400_000, schemaVersion: 1, warnings: [] };
  const request = { correlationId: 'c1', traceparent: '', sentAt: '' };
  return encodeStoredEvent(event as never, acceptance, 'shop', encodeRequestPart(request));
}

/** A UUID. Of a hundred numbers ten have the key of another. */
function idOf(number: number): string {
  const hex = createHash('sha1')
    .update(String(number % 10 === 0 ? number + 1 : number))
    .digest('hex');
  const end = number.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(12, 15)}-8${hex.slice(15, 18)}-${end}`;
}

function idsIn(database: DatabaseSync): string[] {
  const rows = database.prepare('SELECT event_id AS id FROM events').all();
  return rows.map((row) => String(row['id'])).sort();
}

const countOf = (database: DatabaseSync, table: string): number =>
  Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']);

test('each id has one row, whatever comes again, is rolled back, deleted, or written by others', () => {
  const batch = fc.record({
    from: fc.nat(600),
    count: fc.integer({ min: 1, max: 60 }),
    by: fc.constantFrom('first', 'second', 'hand', 'reopened'),
    after: fc.constantFrom('keep', 'keep', 'keep', 'roll back', 'delete'),
    isExpected: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 40 }), (batches) => {
      let first = open();
      const second = open();
      const { database } = second;
      database.exec('DELETE FROM events');
      const model = new Set<string>();
      for (const { from, count, by, after, isExpected } of batches) {
        const ids = Array.from({ length: count }, (_, index) => idOf(from + index));
        if (by === 'reopened') first = open();
        if (by === 'hand')
          insertByHand(
            database,
            ids.filter((id) => !model.has(id)),
          );
        else {
          // More than a hundred keys, or they are looked up one by one.
          const expected = isExpected ? [...ids, ...ids, ...ids, ...ids] : [];
          const writer = by === 'second' ? second : first;
          writer.write([...ids, ...ids], after !== 'roll back', expected);
        }
        if (by === 'hand' || after !== 'roll back') for (const id of ids) model.add(id);
        if (after === 'delete') {
          const gone = ids.slice(0, 5);
          const remove = database.prepare('DELETE FROM events WHERE event_id = ?');
          for (const id of gone) {
            remove.run(id);
            model.delete(id);
          }
        }
        expect(countOf(database, 'events')).toBe(model.size);
      }
      expect(idsIn(database)).toEqual([...model].sort());
    }),
    { numRuns: 60 },
  );
});

function insertByHand(database: DatabaseSync, ids: readonly string[]): void {
  const insert = database.prepare(
    `INSERT INTO events (event_id, event_name, source, timestamp, idempotency_key, sequence, delivered_at)
     VALUES (?, 'n', 's', 't', 'k', 1, 't')`,
  );
  for (const id of ids) insert.run(id);
}

test('waiting keys are merged, and memory and runs stay within their limit', () => {
  const { write, database } = open();
  for (let from = 0; from < 3_000; from += 40) {
    write(Array.from({ length: 40 }, (_, index) => idOf(from + index)));
    const waiting = database
      .prepare('SELECT ifnull(sum(octet_length(keys)) / 8, 0) AS n FROM event_id_runs')
      .get();
    // One set waits while another is merged.
    expect(Number(waiting?.['n'])).toBeLessThanOrEqual(2 * limits.waitingMax + 40);
  }
  expect(countOf(database, 'event_ids')).toBeGreaterThan(2_000);
  expect(countOf(database, 'events')).toBe(3_000);
  const second = open();
  second.write(Array.from({ length: 3_000 }, (_, index) => idOf(index)));
  expect(countOf(database, 'events')).toBe(3_000);
});

test('a batch writes its keys at the end of the file, not a page for each', () => {
  const { write, database } = open();
  const pages = (): number =>
    Number(database.prepare('SELECT count(*) AS n FROM dbstat').get()?.['n']);
  const before = pages();
  write(Array.from({ length: 60 }, (_, index) => idOf(index)));
  expect(countOf(database, 'event_id_runs')).toBe(1);
  expect(countOf(database, 'event_ids')).toBe(0);
  expect(pages() - before).toBeLessThan(20);
});

test('keys that are looked up together are known as those that are looked up one by one', () => {
  const { write, database } = open();
  const ids = Array.from({ length: 3_000 }, (_, index) => idOf(index));
  for (let from = 0; from < ids.length; from += 100) {
    const batch = ids.slice(from, from + 100);
    write(batch, true, batch);
  }
  expect(countOf(database, 'event_ids')).toBeGreaterThan(2_000);
  const more = [...ids, ...Array.from({ length: 250 }, (_, index) => idOf(5_000 + index))];
  // By the writer that looked for the first of them before they were merged.
  write(more, true, more);
  expect(countOf(database, 'events')).toBe(3_250);
});

test('the keys of payloads are those of their ids, of payloads that begin with a UUID', () => {
  const ids = [idOf(1), 'an-id-that-is-no-uuid', idOf(2).toUpperCase(), idOf(3)];
  const short = '{"eventId":"9d90fc35-7e';
  const payloads = [...ids.map(payloadOf), ` ${payloadOf(idOf(4))}`, short, payloadOf(idOf(5))];
  const ends: number[] = [];
  for (const payload of payloads) ends.push((ends.at(-1) ?? 0) + Buffer.byteLength(payload));
  const keys = expectedKeys(Buffer.from(payloads.join('')), Uint32Array.from(ends));
  expect([...keys]).toEqual([idOf(1), idOf(3), idOf(5)].map(keyOf));
});

test('the key of a UUID is one that SQL can make', () => {
  const id = 'f9d0fc35-7e54-5f3d-bf7e-aac8e04eacba';
  const sql = "SELECT ('0x' || replace(substr(?, 1, 13), '-', '')) ->> '$' AS key";
  expect(open().database.prepare(sql).get(id)?.['key']).toBe(keyOf(id));
  expect(keyOf('ffffffff-ffff-5fff-bfff-ffffffffffff')).toBe(2 ** 48 - 1);
  expect(keyOf('an-id-that-is-no-uuid')).toBeLessThan(2 ** 48);
});
