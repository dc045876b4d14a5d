import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { clickhouseType } from '../../src/destinations/clickhouse/type.ts';
import { createClickhouseDestination } from '../../src/destinations/clickhouse/clickhouse.ts';
import { createTable } from '../../src/destinations/clickhouse/table.ts';
import type { Delivery, Destination } from '../../src/destinations/destination.ts';
import { clickhouseSettings } from '../destinations/clickhouse-far-side.ts';
import { describeDestination, type FarSide } from '../destinations/conformance.ts';
import {
  deliveryOf,
  deliveryOfEvent,
  never,
  readAll,
  storedEvent,
} from '../destinations/deliveries.ts';
import { deliverWhileKilled, expectAllArrived } from '../destinations/killed-worker.ts';
import { startRelay } from '../destinations/relay.ts';
import { startEngine, whyNoEngine, type ClickhouseEngine } from './engine.ts';

let tables = 0;

/** A table of its own on the one engine, and a network between that can fail. */
async function startFarSide(engine: ClickhouseEngine): Promise<FarSide> {
  const relay = await startRelay(engine.port);
  tables += 1;
  const table = `events_${tables}`;
  return {
    settings: clickhouseSettings(relay.port, { table, timeout: 2000 }),
    async counted() {
      const [found] = await engine.ask<{ result: number }>(`EXISTS TABLE ${table}`);
      if (found?.result !== 1) return [];
      const query = `SELECT toString(event_id) AS id FROM ${table} FINAL`;
      return (await engine.ask<{ id: string }>(query)).map(({ id }) => id);
    },
    goDown: () => relay.close(),
    comeUp: () => relay.listen(),
    stall: () => relay.freeze(),
    takeSilently: () => relay.loseAnswers(),
    unstall: () => relay.thaw(),
    oversize: { propertyBytes: 1024 * 1024, outcome: { kind: 'delivered' } },
    close: () => relay.close(),
  };
}

const firstTime = '2026-03-31T23:59:59.900Z';

/** An event, and its copy that the log accepted a second later, in the next month. */
function inTwoMonths(): Delivery[] {
  const event = storedEvent({ timestamp: firstTime });
  const copy = { ...event, timestamp: '2026-04-01T00:00:00.900Z' };
  return [event, copy].map((each) => deliveryOf(JSON.stringify(each)));
}

/** The table as versions before ADR 33 made it. */
function oldTable(table: string): string {
  return createTable(table)
    .replace(/,\s+first_wins .*\n/, '\n')
    .replace('(first_wins)', ' PARTITION BY toYYYYMM(timestamp)')
    .replace('(event_name, event_id)', '(event_name, toDate(timestamp), event_id)');
}

/** The statements of docs/destinations/clickhouse.md, for this table. */
function migration(table: string): string[] {
  const page = readFileSync(
    new URL('../../docs/destinations/clickhouse.md', import.meta.url),
    'utf8',
  );
  const [, text = ''] = page.split('## Replace a table of an earlier version');
  return [...text.matchAll(/```sql\n(.*?);\n```/gs)].map(([, statement = '']) =>
    statement.replaceAll(/\bevents(_old)?\b/g, (name) => name.replace('events', table)),
  );
}

describe.skipIf(whyNoEngine() !== undefined)('with the engine', () => {
  let engine: ClickhouseEngine;
  let table: string;
  const opened: Destination[] = [];
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(async () => {
    await Promise.all(opened.map((destination) => destination.close()));
    await engine?.stop();
  });

  const openNew = (): Destination => {
    tables += 1;
    table = `own_${tables}`;
    const settings = clickhouseSettings(engine.port, { table, timeout: 20_000 });
    const destination = createClickhouseDestination('olap', settings);
    opened.push(destination);
    return destination;
  };
  const count = async (final = ''): Promise<number> => {
    const rows = await engine.ask<{ n: string }>(`SELECT count() AS n FROM ${table} ${final}`);
    return Number(rows[0]?.n);
  };
  const make = (length: number): Delivery[] => Array.from({ length }, () => deliveryOfEvent());

  describeDestination(clickhouseType, () => startFarSide(engine), ['lost_answer']);

  const timesOf = async (): Promise<(string | null)[]> => {
    const rows = await engine.ask<{ time: string | null }>(
      `SELECT toString(event_time) AS time FROM ${table} ORDER BY sequence`,
    );
    return rows.map(({ time }) => time);
  };

  test('when it happened is a column, of earlier versions too, and null where it cannot be', async () => {
    const destination = openNew();
    const times = ['2024-03-01T11:00:00.123456Z', undefined, '0900-01-01T00:00:00.000Z'];
    const deliveries = times.map((eventTime) =>
      deliveryOfEvent({
        occurredAt: '2026-02-01T00:00:00.000Z',
        ...(eventTime !== undefined && { eventTime }),
      }),
    );
    await destination.deliver(deliveries, never);
    expect(await timesOf()).toEqual(['2024-03-01 11:00:00.123', '2026-02-01 00:00:00.000', null]);
  });

  test('a table of an earlier version gets the column, and its rows stay as they are', async () => {
    const destination = openNew();
    const old = createTable(table).replace(/,\s+event_time .*\n.*by_event_time.*\n/, ',\n');
    expect(old).not.toContain('event_time');
    await engine.ask(old);
    await engine.ask(
      `INSERT INTO ${table} (event_id, event_name, source, timestamp, idempotency_key, sequence)
       SELECT generateUUIDv4(), 'n', 's', now(), 'k', 0`,
    );
    const eventTime = '2026-02-01T00:00:00.000Z';
    expect(await destination.deliver([deliveryOfEvent({ eventTime })], never)).toEqual([
      { kind: 'delivered' },
    ]);
    expect(await timesOf()).toEqual([null, '2026-02-01 00:00:00.000']);
  });

  test('its index shows no copy that FINAL hides', async () => {
    const destination = openNew();
    const first = storedEvent({ timestamp: firstTime, eventTime: '2026-02-01T00:00:00.000Z' });
    const late = '2026-04-01T00:00:00.000Z';
    const copy = { ...first, timestamp: late, eventTime: late };
    for (const event of [first, copy]) await destination.deliver([deliveryOfEvent(event)], never);
    // Enough others, so that each part has granules that the index can skip.
    await destination.deliver(make(2000), never);
    expect(await count(`FINAL WHERE event_time >= '${late.slice(0, 10)}'`)).toBe(0);
    expect(await count("FINAL WHERE event_time < '2026-02-02'")).toBe(1);
    const [version] = await engine.ask<{ version: string }>('SELECT version() AS version');
    console.log(`clickhouse ${version?.version}: the index by event_time and FINAL agree`);
  });

  test('a table that cannot be changed is filled as before', async () => {
    const destination = openNew();
    const old = createTable(table)
      .replace(/,\s+event_time .*\n.*by_event_time.*\n/, ',\n')
      .replace(/ENGINE = .*/s, 'ENGINE = Null');
    await engine.ask(old);
    expect(await destination.deliver([deliveryOfEvent()], never)).toEqual([{ kind: 'delivered' }]);
  });

  test('a table of your own types is filled with text, and a column that changes meanwhile too', async () => {
    const destination = openNew();
    const own = createTable(table)
      .replace("timestamp DateTime64(3, 'UTC')", "timestamp DateTime64(6, 'UTC')")
      .replace('sequence UInt64', 'sequence Int64')
      .replace('source LowCardinality(String)', 'source String')
      .replace(
        'toUnixTimestamp64Milli(timestamp)',
        'toUnixTimestamp64Milli(toDateTime64(timestamp, 3))',
      );
    await engine.ask(own);
    const events = ['first', 'é\t😀', 'third'].map((userId) =>
      storedEvent({ userId, timestamp: firstTime, properties: { total: 0.1 } }),
    );
    const [first, second, third] = events.map((event) => deliveryOf(JSON.stringify(event)));
    expect(await destination.deliver([first!, second!], never)).toEqual([
      { kind: 'delivered' },
      { kind: 'delivered' },
    ]);
    const other = openNew();
    await other.deliver([deliveryOfEvent({ userId: 'before' })], never);
    await engine.ask(`ALTER TABLE ${table} MODIFY COLUMN source String`);
    // The server compares the types that an insert says with those of its table.
    expect(await other.deliver([third!], never)).toMatchObject([
      { kind: 'retry', fault: 'destination', status: '117' },
    ]);
    expect(await other.deliver([third!], never)).toEqual([{ kind: 'delivered' }]);
    const rows = await engine.ask<{ user_id: string }>(
      `SELECT user_id FROM ${table} ORDER BY user_id`,
    );
    expect(rows.map((row) => row.user_id)).toEqual(['before', 'third']);
    const ids = events.slice(0, 2).map(({ eventId }) => eventId);
    table = table.replace(/\d+$/, (number) => String(Number(number) - 1));
    const filled = await engine.ask(
      `SELECT toString(event_id) AS id, user_id, toString(timestamp) AS time, source, properties
       FROM ${table} ORDER BY user_id`,
    );
    const of = {
      time: '2026-03-31 23:59:59.900000',
      source: 'checkout',
      properties: '{"total":0.1}',
    };
    expect(filled).toEqual([
      { id: ids[0], user_id: 'first', ...of },
      { id: ids[1], user_id: 'é\t😀', ...of },
    ]);
  });

  test('an event is a row, with its types and its long numbers', async () => {
    const destination = openNew();
    const event = storedEvent({ context: { page: '/' }, occurredAt: '2026-03-01T11:00:00Z' });
    const properties =
      '{"total":12345678901234567890.123456789,"tiny":1e-400,"text":"1e5, \\u0000"}';
    const payload = JSON.stringify({ ...event, properties: 0 });
    const delivery = deliveryOf(payload.replace('"properties":0', `"properties":${properties}`));
    expect(await destination.deliver([delivery], never)).toEqual([{ kind: 'delivered' }]);
    const rows = await engine.ask(`SELECT *, toString(timestamp) AS time FROM ${table}`);
    expect(rows).toMatchObject([
      {
        event_id: event.eventId,
        event_name: 'order_completed',
        source: 'checkout',
        time: '2026-03-01 12:00:00.123',
        user_id: 'user-1',
        anonymous_id: null,
        idempotency_key: event.idempotencyKey,
        schema_version: 2,
        properties,
        context: '{"page":"/"}',
        occurred_at: '2026-03-01T11:00:00Z',
        warnings: null,
      },
    ]);
  });

  test('texts of any characters come back as they were, in inserts of several pieces', async () => {
    const destination = openNew();
    const texts = ['a\tb', 'a\nb', 'a\r\nb', '\\N', '\\', '\\t', '\0', '"\'`', 'é\u2028😀', ' '];
    const events = Array.from({ length: 1_203 }, (_, at) => {
      const text = texts[at % texts.length]!;
      return storedEvent({ userId: text, properties: { text, at }, context: { [text]: text } });
    });
    const deliveries = events.map((event) => deliveryOf(JSON.stringify(event)));
    await destination.deliver(deliveries, never);
    type Row = { event_id: string; user_id: string; properties: string; context: string };
    const rows = await engine.ask<Row>(`SELECT * FROM ${table}`);
    const found = new Map(rows.map((row) => [row.event_id, row]));
    expect(
      events.map(({ eventId }) => {
        const row = found.get(eventId);
        return row && [row.user_id, JSON.parse(row.properties), JSON.parse(row.context)];
      }),
    ).toEqual(events.map(({ userId, properties, context }) => [userId, properties, context]));
  });

  test('the same batch again is dropped by its token, in any order', async () => {
    const destination = openNew();
    const batch = make(100);
    for (const again of [batch, batch, batch.toReversed()]) {
      expect(await destination.deliver(again, never)).toEqual(
        again.map(() => ({ kind: 'delivered' })),
      );
    }
    expect(await count()).toBe(100);
  });

  test('in other batches, FINAL and our reader show each event once', async () => {
    const destination = openNew();
    const all = make(1100);
    for (const [from, to] of [
      [0, 1000],
      [0, 600],
      [600, 1100],
    ] as const) {
      await destination.deliver(all.slice(from, to), never);
    }
    expect(await count('FINAL')).toBe(1100);
    const told = await readAll(destination.stored!({ fromMs: 0, toMs: Date.UTC(2030, 0) }));
    expect(told.map(({ eventId }) => eventId).sort()).toEqual(
      all.map((delivery) => delivery.event().eventId).sort(),
    );
  });

  test('a copy that comes in another month is one row, with the first time', async () => {
    const destination = openNew();
    const copies = inTwoMonths();
    // In both orders: the later copy may be written first.
    for (const pair of [copies, inTwoMonths().toReversed()]) {
      for (const delivery of pair) {
        expect(await destination.deliver([delivery], never)).toEqual([{ kind: 'delivered' }]);
      }
    }
    expect(await count('FINAL')).toBe(2);
    const told = await readAll(destination.stored!({ fromMs: 0, toMs: Date.UTC(2030, 0) }));
    expect(told.map(({ timestamp }) => timestamp)).toEqual([firstTime, firstTime]);
    await engine.ask(`OPTIMIZE TABLE ${table} FINAL`);
    expect(await count()).toBe(2);
  });

  test('the statements of the page replace a table of an earlier version, and lose nothing', async () => {
    const destination = openNew();
    await engine.ask(oldTable(table));
    const batch = [...make(5), ...inTwoMonths()];
    for (const delivery of batch) await destination.deliver([delivery], never);
    expect(await count('FINAL')).toBe(7);
    const [rename = '', copy = '', compare = ''] = migration(table);
    await engine.ask(rename);
    const next = make(1);
    expect(await destination.deliver(next, never)).toMatchObject([{ kind: 'retry', status: '60' }]);
    expect(await destination.deliver(next, never)).toEqual([{ kind: 'delivered' }]);
    await engine.ask(copy);
    await engine.ask(copy);
    const [found] = await engine.ask<{ old: string; copied: string }>(compare);
    expect([Number(found?.old), Number(found?.copied)]).toEqual([6, 6]);
    expect(await count('FINAL')).toBe(7);
    const told = await readAll(destination.stored!({ fromMs: 0, toMs: Date.UTC(2030, 0) }));
    const sent = [...batch, ...next].map((delivery) => delivery.event().eventId);
    expect(new Set(told.map(({ eventId }) => eventId))).toEqual(new Set(sent));
    expect(told).toHaveLength(7);
  });

  test('another batch of the same size and times is never dropped as a copy', async () => {
    const destination = openNew();
    const first = make(10);
    const second = make(10).map((delivery, index) => ({
      ...delivery,
      sequence: first[index]!.sequence,
    }));
    await destination.deliver(first, never);
    await destination.deliver(second, never);
    expect(await count()).toBe(20);
  });

  test('a replay restores rows that somebody deleted', async () => {
    const destination = openNew();
    const delivery = deliveryOfEvent();
    await destination.deliver([delivery], never);
    await engine.ask(`ALTER TABLE ${table} DELETE WHERE true SETTINGS mutations_sync = 2`);
    expect(await count()).toBe(0);
    await destination.deliver([{ ...delivery, sequence: delivery.sequence + 1_000_000 }], never);
    expect(await count()).toBe(1);
  });

  test("what a constraint of yours refuses is the event's own, and no other's", async () => {
    const destination = openNew();
    await destination.deliver(make(1), never);
    await engine.ask(`ALTER TABLE ${table} ADD CONSTRAINT known CHECK source != 'unknown'`);
    const batch = [...make(2), deliveryOfEvent({ source: 'unknown' }), ...make(2)];
    const outcomes = await destination.deliver(batch, never);
    expect(outcomes.map(({ kind }) => kind).join()).toBe(
      'delivered,delivered,retry,delivered,delivered',
    );
    expect(outcomes[2]).toMatchObject({ fault: 'event', status: '469' });
    expect(await count('FINAL')).toBe(5);
  });

  test('a missing column holds up all events, and loses none of their values', async () => {
    const destination = openNew();
    await destination.deliver(make(1), never);
    await engine.ask(`ALTER TABLE ${table} DROP COLUMN correlation_id`);
    expect(await destination.deliver(make(2), never)).toMatchObject([
      { kind: 'retry', fault: 'destination' },
      { kind: 'retry', fault: 'destination' },
    ]);
  });

  test('a dropped table is created again, and its batch is delivered again', async () => {
    const destination = openNew();
    await destination.deliver(make(1), never);
    await engine.ask(`DROP TABLE ${table}`);
    const batch = make(2);
    expect(await destination.deliver(batch, never)).toMatchObject([
      { kind: 'retry', fault: 'destination', status: '60' },
      { kind: 'retry', fault: 'destination', status: '60' },
    ]);
    await destination.deliver(batch, never);
    expect(await count()).toBe(2);
  });

  test('20,000 events, ten kills of the worker: each event is stored exactly once', async () => {
    const url = `http://127.0.0.1:${engine.port}`;
    const ask = async (what: string): Promise<{ id: string; n: string }[]> => {
      const [found] = await engine.ask<{ result: number }>('EXISTS TABLE killed');
      return found?.result === 1 ? engine.ask(`SELECT ${what} FROM killed FINAL`) : [];
    };
    const ids = async () => (await ask('toString(event_id) AS id')).map(({ id }) => id);
    const destination = {
      name: 'olap',
      settings: { type: 'clickhouse', url, table: 'killed' },
      arrives: 'exactly once' as const,
      count: async () => Number((await ask('count() AS n'))[0]?.n ?? 0),
      ids,
    };
    const run = await deliverWhileKilled([destination], { events: 20_000, kills: 10 });
    expect(run.ids).toHaveLength(20_000);
    await expectAllArrived(run, [destination]);
  });
});
