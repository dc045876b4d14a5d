import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { clickhouseType } from '../../src/destinations/clickhouse/type.ts';
import { createClickhouseDestination } from '../../src/destinations/clickhouse/clickhouse.ts';
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
