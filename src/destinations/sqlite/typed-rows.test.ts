import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { typedIdTables } from './id-index.ts';
import { numberedTables } from './table-register.ts';
import { createTypedTables } from './typed-tables.ts';

let folder: string;
let path: string;
const opened: DatabaseSync[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-typed-rows-'));
  path = join(folder, 'warehouse.db');
});
afterEach(() => {
  for (const database of opened.splice(0)) if (database.isOpen) database.close();
  rmSync(folder, { recursive: true });
});

/** A merge after so few keys that every batch is in the middle of one. */
const limits = { waitingMin: 70, waitingMax: 300 };
const names = ['a_seen', 'b_seen', 'c_seen'] as const;
const contractOf = (name: string) => ({ name, schemas: [{ type: 'object', properties: {} }] });
/** The last event has no contract at first. */
const [early, late] = [names.slice(0, 2).map(contractOf), names.map(contractOf)];

function open(contracts = early) {
  const database = new DatabaseSync(path, { timeout: 1000 });
  database.exec('PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL');
  opened.push(database);
  const tables = createTypedTables(database, '', limits);
  tables.use(contracts);
  return {
    database,
    use: () => tables.use(late),
    /** @param isKept false: the transaction is rolled back. */
    write(numbers: readonly number[], isKept = true) {
      database.exec('BEGIN IMMEDIATE');
      tables.begin();
      for (const number of numbers) {
        const delivery = { sequence: 1, deliveredAt: '2026-03-01T12:00:00.000Z' };
        const row = tables.read(payloadOf(number), delivery);
        if (typeof row === 'string') throw new TypeError(row);
        tables.insert(row);
      }
      tables.end();
      if (!isKept) tables.forget();
      database.exec(isKept ? 'COMMIT' : 'ROLLBACK');
    },
  };
}

/** Every other one as the gate writes it, which is read from its bytes, and the others as its earlier versions did. */
function payloadOf(number: number): Buffer {
  const fields = { eventId: idOf(number), eventName: names[number % names.length], source: 's' };
  const timestamp = '2026-03-01T12:00:00.000Z';
  const times = { timestamp, ...(number % 2 === 0 && { eventTime: timestamp }) };
  const rest = { idempotencyKey: 'k', properties: {} };
  return Buffer.from(JSON.stringify({ ...fields, ...times, ...rest }));
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
  const tables = database.prepare(`
    SELECT tables.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table' AND columns.name = 'event_id'`);
  const rows = tables
    .all()
    .flatMap(({ name }) => database.prepare(`SELECT event_id AS id FROM ${String(name)}`).all());
  return rows.map((row) => String(row['id'])).sort();
}

const upTo = (count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, index) => from + index);

test('each id has one row in all tables, whatever comes again, is rolled back, deleted, moved, or written by others', () => {
  const batch = fc.record({
    from: fc.nat(600),
    count: fc.integer({ min: 1, max: 60 }),
    by: fc.constantFrom('first', 'first', 'second', 'reopened'),
    after: fc.constantFrom('keep', 'keep', 'keep', 'roll back', 'delete', 'contract'),
  });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 40 }), (batches) => {
      rmSync(path, { force: true });
      for (const ending of ['-wal', '-shm']) rmSync(path + ending, { force: true });
      let first = open();
      const second = open();
      const { database } = second;
      const model = new Set<string>();
      for (const { from, count, by, after } of batches) {
        const numbers = upTo(count, from);
        if (by === 'reopened') first = open();
        (by === 'second' ? second : first).write([...numbers, ...numbers], after !== 'roll back');
        if (after !== 'roll back') for (const number of numbers) model.add(idOf(number));
        if (after === 'contract') first.use();
        if (after === 'delete') {
          for (const number of numbers.slice(0, 5)) {
            for (const table of numberedTables(database)) {
              database.prepare(`DELETE FROM ${table} WHERE event_id = ?`).run(idOf(number));
            }
            model.delete(idOf(number));
          }
        }
        expect(idsIn(database)).toEqual([...model].sort());
      }
      for (const one of opened.splice(0)) one.close();
    }),
    { numRuns: 40 },
  );
});

test.each(Object.values(typedIdTables))('without %s all tables are learned again', (table) => {
  const numbers = upTo(500);
  const first = open();
  first.write(numbers);
  first.database.exec(`DROP TABLE ${table}`);
  expect(() => first.write(upTo(100, 601))).toThrow(table);
  first.database.exec('ROLLBACK');
  open().write([...numbers, 600]);
  expect(idsIn(first.database)).toEqual([...numbers, 600].map(idOf).sort());
});

test('a row of another program with a number above all others is known from then on', () => {
  const first = open();
  first.write(upTo(30));
  const other = open();
  const columns =
    'event_id, event_name, timestamp, source, idempotency_key, sequence, delivered_at, headgate_number';
  const insert = other.database.prepare(
    `INSERT INTO a_seen (${columns}) VALUES (?, 'a_seen', 't', 's', 'k', 1, 't', 1000)`,
  );
  insert.run(idOf(300));
  first.write([300, 303]);
  expect(idsIn(first.database)).toEqual([...upTo(30), 300, 303].map(idOf).sort());
});

test('a table whose primary key is the id keeps it, and each event once', () => {
  const first = open();
  first.write([0]);
  const made = first.database.prepare("SELECT sql FROM sqlite_schema WHERE name = 'a_seen'").get();
  const keyed = String(made?.['sql'])
    .replace('"event_id" TEXT NOT NULL', '"event_id" TEXT PRIMARY KEY NOT NULL')
    .replace(/,\s*"headgate_number" INTEGER PRIMARY KEY/, '');
  first.database.exec('DROP TABLE a_seen');
  first.database.exec(keyed);
  first.write([...upTo(9), ...upTo(12)]);
  open().write(upTo(12));
  expect(idsIn(first.database)).toEqual(upTo(12).map(idOf).sort());
  expect(first.database.prepare('SELECT count(*) AS n FROM a_seen').get()).toEqual({ n: 4 });
});

test('a payload that can never be a row is refused while its table waits for a contract or an operator', () => {
  const { database } = open();
  const tables = createTypedTables(database, '');
  tables.use(early);
  database.exec('CREATE TABLE a_seen (event_id TEXT, other TEXT)');
  const delivery = { sequence: 1, deliveredAt: '2026-03-01T12:00:00.000Z' };
  const versioned = JSON.parse(payloadOf(2).toString()) as object;
  const now = new Date().toISOString();
  const early99 = JSON.stringify({ ...versioned, timestamp: now, eventTime: now });
  // As the gate orders them.
  const waiting = early99.replace(',"properties"', ',"schemaVersion":99,"properties"');
  database.exec('BEGIN IMMEDIATE');
  tables.begin();
  for (const [whole, fault] of [
    [payloadOf(0).toString(), /a_seen/],
    [waiting, /waiting for version 99/],
  ] as const) {
    expect(() => tables.read(Buffer.from(whole), delivery)).toThrow(fault);
    const broken = Buffer.from(whole.slice(0, -2));
    expect(tables.read(broken, delivery)).toBe('the payload is not JSON');
  }
});
