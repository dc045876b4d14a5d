import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PackedBatch } from '../writer-thread/packed-batch.ts';
import { createKeyedEvents } from './keyed-events.fixture.ts';
import { openWarehouse, type Warehouse } from './warehouse.ts';

let folder: string;
let path: string;
const opened: { close(): void }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-warehouse-'));
  path = join(folder, 'warehouse.db');
});
afterEach(() => {
  for (const item of opened.splice(0)) item.close();
  rmSync(folder, { recursive: true });
});

function open(): Warehouse {
  const warehouse = openWarehouse(path, 100);
  opened.push(warehouse);
  return warehouse;
}

function other(): DatabaseSync {
  const database = new DatabaseSync(path);
  opened.push(database);
  return database;
}

function packed(...payloads: string[]): PackedBatch {
  const buffers = payloads.map((payload) => Buffer.from(payload));
  let end = 0;
  return {
    bytes: Buffer.concat(buffers),
    ends: Uint32Array.from(buffers, (buffer) => (end += buffer.length)),
    sequences: Float64Array.from(payloads, (_, index) => 2 ** 52 + index),
  };
}

const required = {
  eventName: 'invoice_paid',
  source: 'billing',
  timestamp: 't',
  idempotencyKey: 'k',
};
const small = (eventId: string, more: object = {}): string =>
  JSON.stringify({ eventId, ...required, ...more });

describe('a row', () => {
  test('has every field in its column', () => {
    const payload = small('e1', {
      userId: 'Zoë "Z" \n 漢',
      anonymousId: 'a1',
      schemaVersion: 3,
      properties: { a: [1, { b: null }] },
      context: { ip: '203.0.113.9' },
      occurredAt: '2026-03-01T12:00:00Z',
      sentAt: '2026-03-01T12:00:01Z',
      correlationId: 'c1',
      traceparent: '00-1',
      warnings: [{ code: 'w', message: 'm', violations: [] }],
    });
    expect(open().write(packed(payload))).toEqual([]);
    const rows = other().prepare('SELECT * FROM events', { readBigInts: true }).all();
    expect(rows).toEqual([
      expect.objectContaining({
        event_id: 'e1',
        event_name: 'invoice_paid',
        source: 'billing',
        timestamp: 't',
        user_id: 'Zoë "Z" \n 漢',
        anonymous_id: 'a1',
        idempotency_key: 'k',
        schema_version: 3n,
        properties: '{"a":[1,{"b":null}]}',
        context: '{"ip":"203.0.113.9"}',
        occurred_at: '2026-03-01T12:00:00Z',
        sent_at: '2026-03-01T12:00:01Z',
        correlation_id: 'c1',
        traceparent: '00-1',
        sequence: 2n ** 52n,
        warnings: '[{"code":"w","message":"m","violations":[]}]',
        delivered_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      }),
    ]);
  });

  test('is NULL where the event has no such field', () => {
    open().write(packed(small('e1')));
    const [row] = other()
      .prepare('SELECT properties, context, warnings, user_id FROM events')
      .all();
    expect({ ...row }).toEqual({ properties: null, context: null, warnings: null, user_id: null });
  });

  test.each(['12345678901234567890', '0.1234567890123456789', '1.0', '1e400', '-0', '1E+2'])(
    'keeps the number %s as it was written',
    (number) => {
      open().write(packed(small('e1').replace('}', `,"properties":{"n":${number}}}`)));
      const [row] = other().prepare('SELECT properties FROM events').all();
      expect(row?.['properties']).toBe(`{"n":${number}}`);
    },
  );
});

describe('a batch', () => {
  test('is counted once, however often and in whatever batches it arrives', () => {
    const warehouse = open();
    warehouse.write(packed(small('a'), small('b')));
    warehouse.write(packed(small('b', { userId: 'later' }), small('c'), small('a')));
    const rows = other().prepare('SELECT event_id, user_id FROM events ORDER BY 1').all();
    expect(rows.map((row) => [row['event_id'], row['user_id']])).toEqual([
      ['a', null],
      ['b', null],
      ['c', null],
    ]);
  });

  test('loses only invalid events', () => {
    const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`;
    const refused = open().write(
      packed(
        small('a'),
        '{"eventId":"x"}',
        'text',
        small('deep').replace('}', `,"properties":${deep}}`),
        small('b'),
      ),
    );
    expect(refused.map(({ index }) => index)).toEqual([1, 2, 3]);
    expect(refused[0]?.reason).toContain('event_name');
    expect(other().prepare('SELECT count(*) AS n FROM events').get()?.['n']).toBe(2);
  });

  test('is stored completely or not at all', () => {
    const warehouse = open();
    const database = other();
    database.exec(`CREATE TRIGGER stop BEFORE INSERT ON events WHEN new.event_id = 'b'
      BEGIN SELECT raise(ABORT, 'no'); END`);
    expect(() => warehouse.write(packed(small('a'), small('b')))).toThrow('no');
    database.exec('DROP TRIGGER stop');
    expect(database.prepare('SELECT count(*) AS n FROM events').get()?.['n']).toBe(0);
    expect(warehouse.write(packed(small('a'), small('b')))).toEqual([]);
  });

  test('does not blame events for a missing table', () => {
    const warehouse = open();
    other().exec('DROP TABLE events');
    expect(() => warehouse.write(packed(small('a')))).toThrow('no such table');
  });

  test('is not written into a file that was deleted', () => {
    const warehouse = open();
    rmSync(path);
    expect(() => warehouse.write(packed(small('a')))).toThrow('moved or deleted');
  });

  test('waits no longer than the busy timeout', () => {
    const warehouse = open();
    other().exec('BEGIN IMMEDIATE');
    expect(() => warehouse.write(packed(small('a')))).toThrow('locked');
  });

  test('can be read by others while the next is written', () => {
    const warehouse = open();
    warehouse.write(packed(small('a')));
    const reader = other();
    reader.exec('BEGIN');
    expect(reader.prepare('SELECT count(*) AS n FROM events').get()?.['n']).toBe(1);
    expect(warehouse.write(packed(small('b')))).toEqual([]);
    expect(reader.prepare('SELECT count(*) AS n FROM events').get()?.['n']).toBe(1);
    reader.exec('COMMIT');
    expect(reader.prepare('SELECT count(*) AS n FROM events').get()?.['n']).toBe(2);
  });
});

describe('a file', () => {
  test('of a newer version is refused, and left as it is', () => {
    open();
    other().exec('PRAGMA user_version = 3');
    expect(open).toThrow('its table is of version 3, and this Headgate knows versions up to 2');
    expect(other().prepare('PRAGMA user_version').get()?.['user_version']).toBe(3);
  });

  test('of an earlier version keeps its table, and each event once', () => {
    other().exec(createKeyedEvents);
    const version = (): unknown => other().prepare('PRAGMA user_version').get()?.['user_version'];
    expect(version()).toBe(1);
    const warehouse = open();
    warehouse.write(packed(small('a'), small('b')));
    warehouse.write(packed(small('b'), small('c'), small('a')));
    const rows = other().prepare('SELECT event_id FROM events ORDER BY 1').all();
    expect(rows.map((row) => row['event_id'])).toEqual(['a', 'b', 'c']);
    expect(version()).toBe(1);
  });

  test.each(['event_ids', 'event_id_runs', 'event_id_merge'])(
    'without %s gets its index again, and keeps each event once',
    (table) => {
      const first = open();
      first.write(packed(small('a'), small('b')));
      other().exec(`DROP TABLE ${table}`);
      expect(() => first.write(packed(small('a'), small('c')))).toThrow(table);
      const again = open();
      again.write(packed(small('b'), small('c'), small('a'), small('d')));
      again.write(packed(small('d'), small('a')));
      const rows = other().prepare('SELECT event_id FROM events ORDER BY 1').all();
      expect(rows.map((row) => row['event_id'])).toEqual(['a', 'b', 'c', 'd']);
    },
  );

  test('of another program is refused', () => {
    other().exec('CREATE TABLE events (id)');
    expect(open).toThrow('another program');
  });

  test('that is no database is refused', async () => {
    const { writeFileSync } = await import('node:fs');
    writeFileSync(path, 'a text file, and long enough to be looked at\n'.repeat(100));
    expect(open).toThrow('not a database');
  });

  test('is synced on every commit', () => {
    // The pragma speaks of the connection, so it is read where openWarehouse set it.
    const exec = DatabaseSync.prototype.exec;
    const texts: string[] = [];
    DatabaseSync.prototype.exec = function recorded(sql: string) {
      texts.push(sql);
      return exec.call(this, sql);
    };
    try {
      open();
    } finally {
      DatabaseSync.prototype.exec = exec;
    }
    expect(texts).toContain('PRAGMA synchronous = FULL');
    expect(other().prepare('PRAGMA journal_mode').get()?.['journal_mode']).toBe('wal');
  });
});
