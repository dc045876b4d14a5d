import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';

import { exportSpool, type ExportData } from '../../src/destinations/parquet/exporter.ts';
import { createSpoolWriter, type Spool } from '../../src/destinations/parquet/spool/spool.ts';
import { readRows } from '../../src/destinations/parquet/stored-rows.ts';
import { deliveryOf, never, storedEvent } from './deliveries.ts';
import { spoolOf } from './parquet-far-side.ts';

/** A value as it is written in a payload, and what the column has of it. */
interface Literal {
  readonly json: string;
  readonly column: string | number | null;
}

const literal = (json: string, column: Literal['column'] = json): Literal => ({ json, column });

/** U+FFFD stands for each of the three bytes that SQLite makes of a lone surrogate. */
const texts = [
  literal('""', ''),
  literal('"a"', 'a'),
  literal(String.raw`"a\u0000b"`, 'a\u0000b'),
  literal(String.raw`"\ud800"`, '\ufffd\ufffd\ufffd'),
  literal(String.raw`"\"\n"`, '"\n'),
  literal('9007199254740993'),
  literal('-9223372036854775808'),
  literal('true', '1'),
  literal('[1,{"a":2}]'),
  literal('{}'),
];
const versions = [
  literal('2', 2),
  literal('2147483647', 2_147_483_647),
  literal('"7"', 7),
  ...['2147483648', '99999999999', '1.5', '1e400', '""', '"abc"', '[]', 'null'].map((json) =>
    literal(json, null),
  ),
];
const deepEscaped = `${String.raw`{"\u0061":`.repeat(600)}1${'}'.repeat(600)}`;
const properties = ['{}', '[]', 'null', '"a"', '{"n":12345678901234567890.10}', deepEscaped].map(
  (json) => literal(json),
);
const none: Literal = { json: '', column: null };
const required = (values: readonly Literal[]) =>
  fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: fc.constantFrom(none, literal('null', null)) },
  );
const optional = (values: readonly Literal[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: fc.constantFrom(none, literal('null', null)) },
  );

/** Members with the names of their columns. */
const event = fc.record({
  eventName: required(texts).map((value) => ['event_name', value] as const),
  source: required(texts).map((value) => ['source', value] as const),
  idempotencyKey: required(texts).map((value) => ['idempotency_key', value] as const),
  userId: optional(texts).map((value) => ['user_id', value] as const),
  anonymousId: optional(texts).map((value) => ['anonymous_id', value] as const),
  schemaVersion: optional(versions).map((value) => ['schema_version', value] as const),
  properties: fc.constantFrom(none, ...properties).map((value) => ['properties', value] as const),
  occurredAt: optional(texts).map((value) => ['occurred_at', value] as const),
  correlationId: optional(texts).map((value) => ['correlation_id', value] as const),
});
const requiredColumns = ['event_name', 'source', 'idempotency_key'];
const gap = fc.constantFrom('', ' ', '\n', '\r\n\t');

let ids = 0;

async function open(isWhole = false): Promise<{ writer: Spool; data: ExportData }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-odd-'));
  const file = spoolOf(folder);
  const writer = await createSpoolWriter('lake', { file, busyTimeoutMs: 5_000, isWhole });
  onTestFinished(async () => {
    await writer.close();
    rmSync(folder, { recursive: true });
  });
  const data: ExportData = {
    folder,
    spool: file,
    busyTimeoutMs: 5_000,
    fileEventsMax: 1_000,
    idsKeptMs: 60_000,
    partition: 'hour',
    tables: { mode: 'both', prefix: '' },
  };
  return { writer, data };
}

/** Exports without waiting for contracts, takes the files away, and returns the rows by the id of their event. */
async function rowsOf(data: ExportData): Promise<{ all: Map<string, Row>; typed: number }> {
  const database = new DatabaseSync(data.spool);
  database.exec("UPDATE blocks SET delivered_at = '2020-01-01T00:00:00.000Z'");
  database.close();
  expect(await exportSpool(data)).toBe(true);
  const all = new Map<string, Row>();
  let typed = 0;
  for (const name of readdirSync(data.folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.parquet')) continue;
    const file = path.join(data.folder, name);
    const { rows } = await readRows(readFileSync(file));
    if (name.startsWith('date=')) for (const row of rows) all.set(String(row['event_id']), row);
    else typed += rows.length;
    rmSync(file);
  }
  return { all, typed };
}

type Row = Record<string, unknown>;

test('an event that was reported delivered is in a file, whatever its members are', async () => {
  const { writer, data } = await open();
  const batch = fc.array(fc.tuple(event, gap), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(batch, async (events) => {
      const wanted = new Map<string, Row>();
      const payloads: string[] = [];
      const kinds: string[] = [];
      for (const [each, space] of events) {
        ids += 1;
        const id = `id-${ids}`;
        const members = Object.entries(each).filter(([, [, { json }]]) => json !== '');
        const parts = members.map(([name, [, { json }]]) => `"${name}":${space}${json}`);
        const times = ['timestamp', 'eventTime'].map((name) => `"${name}":"2026-03-01T12:00:00Z"`);
        payloads.push(`{${[`"eventId":"${id}"`, ...times, ...parts].join(`${space},`)}}`);
        const columns = Object.fromEntries(
          Object.values(each).map(([column, { column: value }]) => [column, value]),
        );
        const isRow = requiredColumns.every((column) => columns[column] !== null);
        kinds.push(isRow ? 'delivered' : 'dead');
        if (isRow) wanted.set(id, columns);
      }
      const outcomes = await writer.deliver(payloads.map(deliveryOf), never);
      expect(outcomes.map(({ kind }) => kind)).toEqual(kinds);
      const { all, typed } = await rowsOf(data);
      expect(typed).toBe(wanted.size);
      expect([...all.keys()].sort()).toEqual([...wanted.keys()].sort());
      for (const [id, columns] of wanted) expect(all.get(id)).toMatchObject(columns);
    }),
    { numRuns: 25 },
  );
});

test('an empty id and one that is a number are ids', async () => {
  const { writer, data } = await open();
  const [empty, number] = ['""', '9007199254740993'];
  const payloads = [empty, number, '"good"'].map((id) =>
    JSON.stringify(storedEvent()).replace(/"eventId":"[^"]*"/, `"eventId":${id}`),
  );
  const outcomes = await writer.deliver(payloads.map(deliveryOf), never);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['delivered', 'delivered', 'delivered']);
  const { all } = await rowsOf(data);
  expect([...all.keys()].sort()).toEqual(['', '9007199254740993', 'good']);
});

test('an event that is kept whole is one line, whatever is between its tokens', async () => {
  const { writer, data } = await open(true);
  const stored = storedEvent({ properties: { text: 'a\nb' } });
  const payload = JSON.stringify(stored, undefined, 2).replaceAll(',\n', ',\r\n');
  await writer.deliver([deliveryOf(payload)], never);
  const row = (await rowsOf(data)).all.get(stored.eventId)!;
  expect(row['properties']).not.toMatch(/[\n\r]/);
  expect(JSON.parse(String(row['properties']))).toEqual(stored);
});
