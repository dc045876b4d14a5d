import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, onTestFinished, test } from 'vitest';

import { startRealService } from '../real-service.ts';
import { registryOf, track } from '../registry/two-gates.ts';

type Row = Record<string, unknown>;

/** Rows of a query over a connection of its own; none as long as its table does not exist. */
function query(file: string, sql: string): Row[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } catch (error) {
    if ((error as Error).message.includes('no such table')) return [];
    throw error;
  } finally {
    database.close();
  }
}

test('an event goes to a table of its own, which follows its contract while the service runs', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-tables-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'w.db');
  await using gate = await startRealService({
    yaml: `destinations:\n  warehouse: { type: sqlite, path: ${file}, tables: per_event }\n`,
    env: { HEADGATE_SCHEMAS_SOURCE: 'registry' },
  });
  const registry = registryOf(gate.adminUrl);
  const order = {
    type: 'object',
    required: ['order_id'],
    properties: {
      order_id: { type: 'string', maxLength: 36 },
      total: { type: 'number', multipleOf: 0.01 },
      units: { type: 'integer' },
      shipping: { type: 'object', properties: { city: { type: 'string' } } },
    },
  };
  const entry = '{ owner: shop, description: A parcel was seen., compatibility: none }';
  const register = (properties: object, isFirst = false): Promise<unknown> =>
    registry.registerSchema({
      eventName: 'parcel_viewed',
      schemaJson: JSON.stringify({ ...order, properties }),
      ...(isFirst && { entry }),
    });
  const ship = (version: number, properties: string): Promise<Response> =>
    fetch(`${gate.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"event_name":"parcel_viewed","user_id":"u-1","schema_version":${version},
        "idempotency_key":"${crypto.randomUUID()}","properties":${properties}}`,
    });

  await register(order.properties, true);
  const first =
    '{"order_id":"A-1","total":19.90,"units":9007199254740993,"shipping":{"city":"Bern"}}';
  expect((await ship(1, first)).status).toBe(202);
  const select = 'SELECT order_id, total, CAST(units AS TEXT) AS units, shipping_city, user_id';
  await expect
    .poll(() => query(file, `${select} FROM parcel_viewed`))
    .toEqual([
      {
        order_id: 'A-1',
        total: 19.9,
        units: '9007199254740993',
        shipping_city: 'Bern',
        user_id: 'u-1',
      },
    ]);

  // A version that adds a property, and one that changes its type.
  await register({ ...order.properties, carrier: { type: 'integer' } });
  await register({ ...order.properties, carrier: { type: 'string' } });
  expect((await ship(2, '{"order_id":"A-2","carrier":7}')).status).toBe(202);
  expect((await ship(3, '{"order_id":"A-3","carrier":"post"}')).status).toBe(202);
  await expect
    .poll(() => query(file, 'SELECT order_id, carrier, carrier_v3 FROM parcel_viewed'))
    .toEqual([
      { order_id: 'A-1', carrier: null, carrier_v3: null },
      { order_id: 'A-2', carrier: 7, carrier_v3: null },
      { order_id: 'A-3', carrier: null, carrier_v3: 'post' },
    ]);
  expect(query(file, 'SELECT carrier FROM parcel_viewed_all ORDER BY order_id')).toEqual([
    { carrier: null },
    { carrier: '7' },
    { carrier: 'post' },
  ]);

  // The same number of events, by the destination's own count.
  expect((await track(gate.url, {})).status).toBe(202);
  await expect
    .poll(() => query(file, 'SELECT total FROM order_completed'))
    .toEqual([{ total: 49.9 }]);
});
