import { afterEach, beforeEach, expect, test } from 'vitest';

import { createClickhouseConnection } from '../../src/destinations/clickhouse/connection.ts';
import {
  createInserts,
  type InsertedRow,
  type InsertTarget,
} from '../../src/destinations/clickhouse/inserts.ts';
import {
  eventTimeColumn,
  rowColumns,
  writeEventRow,
} from '../../src/destinations/clickhouse/rows/event-row.ts';
import {
  binaryLayout,
  textLayout,
  type RowLayout,
} from '../../src/destinations/clickhouse/rows/row-layout.ts';
import type { Delivery, Outcome } from '../../src/destinations/destination.ts';
import { startClickhouseFarSide } from './clickhouse-far-side.ts';
import { insertedRows } from './clickhouse-rows.ts';
import { deliveryOfEvent, never, storedEvent } from './deliveries.ts';
import type { HttpFarSide } from './http-far-side.ts';

const columns = [...rowColumns, eventTimeColumn];
const binary = binaryLayout(columns);
const text = textLayout(columns);

let farSide: HttpFarSide;
let connection: ReturnType<typeof createClickhouseConnection>;

beforeEach(async () => {
  farSide = await startClickhouseFarSide();
  connection = createClickhouseConnection('olap', farSide.settings);
  await connection.client.command({ query: 'CREATE TABLE events' });
});
afterEach(async () => {
  await connection.close();
  await farSide.close();
});

function rowsIn(layout: RowLayout, deliveries: readonly Delivery[]): InsertedRow[] {
  const writer = layout.rows();
  return deliveries.map((delivery, index) => {
    expect(writeEventRow(writer, delivery, true)).toBeUndefined();
    return { ...writer.finish(), layout, delivery, index };
  });
}

/** A table whose rows are now written in this layout. */
function targetOf(layout: RowLayout, table = 'events'): InsertTarget {
  return {
    table,
    prepare: async () => undefined,
    forget: () => undefined,
    layout: () => layout,
    rewrite: (rows) =>
      rowsIn(
        layout,
        rows.map(({ delivery }) => delivery),
      ),
  };
}

function write(target: InsertTarget, rows: readonly InsertedRow[]): Promise<Outcome[]> {
  return createInserts(connection, 1000).write(target, rows, never);
}

const sent = (): { query: string; token: string | null; ids: (string | undefined)[] }[] =>
  farSide.server.received
    .map(({ url, body }) => ({ asked: new URL(url, 'http://host').searchParams, body }))
    .filter(({ asked }) => asked.get('query')?.startsWith('INSERT'))
    .map(({ asked, body }) => {
      const query = asked.get('query')!;
      const token = asked.get('insert_deduplication_token');
      return { query, token, ids: insertedRows(query, body).map((row) => row['event_id']) };
    });

test.each([
  ['binary, then text', binary, text],
  ['text, then binary', text, binary],
])('a batch that was written in two layouts, %s, is sent in one', async (_, first, second) => {
  const deliveries = Array.from({ length: 6 }, () => deliveryOfEvent());
  const ids = deliveries.map((delivery) => delivery.event().eventId);
  const rows = [...rowsIn(first, deliveries.slice(0, 4)), ...rowsIn(second, deliveries.slice(4))];
  for (const layout of [binary, text]) {
    expect(await write(targetOf(layout), rows)).toEqual(rows.map(() => ({ kind: 'delivered' })));
    const { query, ids: stored } = sent().at(-1)!;
    expect(query).toContain(`FORMAT ${layout.format}`);
    expect(stored).toEqual(ids);
  }
});

test('the same batch has the same token in every layout, and no other batch has it', async () => {
  const upper = storedEvent();
  const batch = [
    deliveryOfEvent({ ...upper, eventId: upper.eventId.toUpperCase() }),
    ...Array.from({ length: 3 }, () => deliveryOfEvent()),
  ];
  const again = batch.map((delivery) => ({ ...delivery, sequence: delivery.sequence + 1000 }));
  const tokenOf = async (layout: RowLayout, of: Delivery[], table?: string) => {
    await write(targetOf(layout, table), rowsIn(layout, of));
    return sent().at(-1)!.token;
  };
  const tokens = [await tokenOf(binary, batch), await tokenOf(text, batch)];
  expect(tokens[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(tokens[1]).toBe(tokens[0]);
  const others = [
    await tokenOf(text, again),
    await tokenOf(text, batch.slice(1)),
    await tokenOf(text, batch, 'other'),
  ];
  expect(new Set([tokens[0], ...others]).size).toBe(4);
});
