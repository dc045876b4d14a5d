import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventNameBytesMax } from '../../event/name/event-name.ts';
import { reservedWords } from './reserved-words.ts';
import { createColumnNames, snakeCase, tableNameOf } from './safe-name.ts';

const runs = { numRuns: 3000 };
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('a', 'A', '_', '1', ' ', 'é', '"', "'", ';'), maxLength: 12 }),
  fc.constantFrom(...reservedWords, 'events', 'unplanned_events', 'headgate_tables', 'order_all'),
  fc.string({ unit: fc.constantFrom('a', 'b', '_'), minLength: 55, maxLength: 70 }),
  fc.constantFrom('\ud800', '\udfff', '', '_', '1', 'a_x0123456789ab', 'Order Completed'),
);

describe('the table of an event', () => {
  test.each([
    ['order_completed', 'order_completed'],
    ['Order Completed', 'order_completed_xea797b3fee3b'],
    ['orderCompleted', 'order_completed_xf0dc4b3bc1e2'],
    ['select', 'select_x47be3d221156'],
    ['events', 'events_x1eed35748057'],
  ])('%s is %s', (event, table) => {
    expect(tableNameOf(event, 63)).toBe(table);
  });

  test.each([
    ['event_ids', ''],
    ['event_id_runs', ''],
    ['event_id_merge', ''],
    ['sqlite_opened', ''],
    ['SQLITE opened', ''],
    ['pg_class', ''],
    ['ids', 'event_'],
    ['tables', 'headgate_'],
    ['vents', 'e'],
  ])('%s with the prefix "%s" is no table of Headgate or of an engine', (event, prefix) => {
    const table = tableNameOf(event, 63, prefix);
    expect(table).toMatch(/_x[0-9a-f]{12}$/);
    expect(table).not.toMatch(/^(sqlite|pg)_/);
  });

  test('is a plain name within the limit, and never that of another event', () => {
    const tables = new Map<string, string>();
    fc.assert(
      fc.property(hostile, fc.constantFrom('', 'hg_'), (event, prefix) => {
        const table = tableNameOf(event, 63, prefix);
        expect(table).toMatch(/^[a-z][a-z0-9_]*$/);
        expect(table.length).toBeLessThanOrEqual(63 - '_all'.length);
        expect(reservedWords.has(table)).toBe(false);
        if (prefix !== '') return;
        expect(tables.get(table) ?? event).toBe(event);
        tables.set(table, event);
      }),
      runs,
    );
    expect(tables.size).toBeGreaterThan(500);
  });

  test('has room for the name of its view, and for one byte more none', () => {
    const longest = 'a'.repeat(59);
    expect(tableNameOf(longest, 63)).toBe(longest);
    expect(tableNameOf(`${longest}a`, 63)).toMatch(/^a{45}_x[0-9a-f]{12}$/);
    expect(tableNameOf('é'.repeat(eventNameBytesMax / 2), 63)).toMatch(/^e{45}_x[0-9a-f]{12}$/);
  });
});

describe('the columns of a table', () => {
  test('are plain names within the limit, each once, whatever the properties are called', () => {
    const paths = fc.array(fc.array(hostile, { minLength: 1, maxLength: 3 }), { maxLength: 60 });
    fc.assert(
      fc.property(paths, (all) => {
        const distinct = [...new Map(all.map((path) => [JSON.stringify(path), path])).values()];
        const names = createColumnNames(['event_id', 'user_id'], 63);
        const given = distinct.map((path) => names.nameOf(path));
        const later = distinct.map((path) => names.nameOf(path, 2));
        const columns = ['event_id', 'user_id', ...given, ...later];
        expect(new Set(columns).size).toBe(columns.length);
        for (const column of columns) {
          expect(column).toMatch(/^[a-z][a-z0-9_]*$/);
          expect(column.length).toBeLessThanOrEqual(63);
          expect(reservedWords.has(column)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('keep what they were called when more are asked for', () => {
    const names = createColumnNames(['user_id'], 63);
    expect(names.nameOf(['orderId'])).toBe('order_id');
    expect(names.nameOf(['user_id'])).toBe('property_user_id');
    expect(names.nameOf(['order'])).toBe('property_order');
    expect(names.nameOf(['address', 'city'])).toBe('address_city');
    expect(names.nameOf(['order_id'])).toBe('property_order_id');
    expect(names.nameOf(['Order ID'])).toMatch(/^order_id_x[0-9a-f]{12}$/);
    expect(names.nameOf(['orderId'], 3)).toBe('order_id_v3');
    expect(names.nameOf(['\u540d'])).toMatch(/^property_x[0-9a-f]{12}$/);
  });
});

test.each([
  ['HTTPStatus', 'http_status'],
  ['totalAmount2', 'total_amount2'],
  ['Größe', 'gro_e'],
  ['Café au lait', 'cafe_au_lait'],
  ['2fa', 'n2fa'],
  ['a__b', 'a__b'],
  ['--', ''],
])('%s in lower snake case is %s', (name, snake) => {
  expect(snakeCase(name)).toBe(snake);
});
