import { afterAll, describe, expect, test } from 'vitest';

import type { EventContract } from '../../../src/event/contracts/event-contract.ts';
import type { JsonObject, JsonValue } from '../../../src/event/json/json.ts';
import { whyNoEngine } from '../../clickhouse/engine.ts';
import { deliveryOfEvent, never } from '../../destinations/deliveries.ts';
import { whyNoPostgres } from '../../destinations/postgres-server.ts';
import {
  startClickhouseEngine,
  startPostgresEngine,
  startSqliteEngine,
  type Engine,
} from '../engines.ts';

const engines = [
  ['SQLite', startSqliteEngine, undefined],
  ['PostgreSQL', startPostgresEngine, whyNoPostgres()],
  ['ClickHouse', startClickhouseEngine, whyNoEngine()],
] as const;

/** Each kind of type, with a value and that value as text. */
const kinds: Record<string, readonly [JsonObject, JsonValue, string]> = {
  whole: [{ type: 'integer' }, 4, '4'],
  huge: [{ type: 'integer', maximum: 1e30 }, 1e6, '1000000'],
  cents: [{ type: 'number', multipleOf: 0.01 }, 19.25, '19.25'],
  number: [{ type: 'number' }, 2.5, '2.5'],
  double: [{ type: 'number', format: 'double' }, 3, '3'],
  flag: [{ type: 'boolean' }, true, 'true'],
  no: [{ type: 'boolean' }, false, 'false'],
  text: [{ type: 'string' }, 'four', 'four'],
  mixed: [{ type: ['integer', 'string'] }, 'a "word"', 'a "word"'],
  mixed_number: [{ type: ['integer', 'string'] }, 5, '5'],
  mixed_flag: [{ type: ['boolean', 'string'] }, true, 'true'],
  list: [{ type: 'array' }, ['a'], '["a"]'],
};
/** Kinds that share a column. */
const alike = [
  ...Object.keys(kinds).map((kind) => [kind]),
  ['flag', 'no'],
  ['mixed', 'mixed_number', 'mixed_flag', 'list'],
];
const numbers = new Set(['whole', 'huge', 'cents', 'number', 'double']);
const names = Object.keys(kinds);
const pairs = names.flatMap((one) => names.map((other) => [one, other] as const));

const versionOf = (at: 0 | 1): JsonObject => {
  const typed = pairs.map((pair) => [pair.join('_'), kinds[pair[at]]![0]]);
  return { type: 'object', properties: Object.fromEntries(typed) as JsonObject };
};
const contract: EventContract = { name: 'type_changed', schemas: [versionOf(0), versionOf(1)] };

/** What makes the view of an earlier release, with one of its columns. */
const earlier = {
  SQLite: [
    'DROP VIEW type_changed_all',
    `CREATE VIEW type_changed_all AS SELECT /* up to version 2 */
     schema_version, coalesce(whole_double_v2, whole_double) AS whole_double FROM type_changed`,
  ],
  PostgreSQL: [
    'DROP VIEW type_changed_all',
    `CREATE VIEW type_changed_all AS SELECT schema_version,
     coalesce(whole_double_v2::text, whole_double::text) AS whole_double FROM type_changed`,
    `UPDATE headgate_tables SET definition = '/* up to version 2 */' WHERE kind = 'view'`,
  ],
  ClickHouse: [
    `CREATE OR REPLACE VIEW type_changed_all AS SELECT schema_version,
     coalesce(toString(type_changed.whole_double_v2), toString(type_changed.whole_double)) AS whole_double
     FROM type_changed FINAL COMMENT 'Headgate, up to version 2: type_changed'`,
  ],
};

describe.each(engines)('%s', (engineName, start, missing) => {
  let started: Promise<Engine> | undefined;
  afterAll(async () => (await started)?.close());

  const deliver = async (engine: Engine): Promise<void> => {
    const destination = await engine.open(() => [contract]);
    for (const at of [0, 1] as const) {
      const values = pairs.map((pair) => [pair.join('_'), kinds[pair[at]]![1]]);
      const properties = Object.fromEntries(values) as JsonObject;
      const event = { eventName: contract.name, schemaVersion: at + 1, properties };
      const outcomes = await destination.deliver([deliveryOfEvent(event)], never);
      expect(outcomes).toEqual([{ kind: 'delivered' }]);
    }
    await destination.close();
  };
  const checkView = async (engine: Engine): Promise<void> => {
    const rows = await engine.rows('SELECT * FROM type_changed_all');
    for (const pair of pairs) {
      // One column, which the view shows as it is.
      if (alike.some((same) => pair.every((kind) => same.includes(kind)))) continue;
      const name = pair.join('_');
      for (const at of [0, 1] as const) {
        const row = rows.find((each) => each['schema_version'] === String(at + 1));
        const expected = kinds[pair[at]]![2];
        const isNumeric = pair.every((kind) => numbers.has(kind));
        const seen = row?.[name] ?? null;
        expect([name, at, isNumeric ? String(Number(seen)) : seen]).toEqual([name, at, expected]);
      }
    }
  };

  test('a view reads several types as numbers where all are numbers, else as text', async ({
    skip,
  }) => {
    if (missing !== undefined) skip(missing);
    const engine = await (started ??= start());
    await deliver(engine);
    await checkView(engine);
    const numeric = pairs.filter((pair) => pair.every((kind) => numbers.has(kind)));
    const sums = numeric.map((pair) => `sum(${pair.join('_')}) AS ${pair.join('_')}`);
    const [sum] = await engine.rows(`SELECT ${sums.join(', ')} FROM type_changed_all`);
    for (const pair of numeric) {
      const total = Number(kinds[pair[0]]![1]) + Number(kinds[pair[1]]![1]);
      expect([pair, Number(sum![pair.join('_')])]).toEqual([pair, total]);
    }
    for (const [column, value] of [
      ['whole_text', '4'],
      ['flag_text', 'true'],
      ['double_text', '3'],
    ]) {
      const found = `SELECT ${column} FROM type_changed_all WHERE ${column} = '${value}'`;
      expect(await engine.rows(found)).toHaveLength(1);
    }
  });

  test('the next start replaces a view of an earlier release', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const engine = await (started ??= start());
    for (const statement of earlier[engineName]) await engine.run(statement);
    await deliver(engine);
    const [row] = await engine.rows(
      'SELECT sum(whole_double) AS total FROM type_changed_all WHERE schema_version = 1',
    );
    expect(Number(row?.['total'])).toBeGreaterThan(0);
    await checkView(engine);
  });
});
