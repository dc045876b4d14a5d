import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isDeepStrictEqual } from 'node:util';

import { create, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { BatchTrackRequestSchema } from '../../gen/headgate/v1/track_service_pb.ts';
import {
  eventTimeColumn,
  rowColumns,
  writeEventRow,
} from '../../src/destinations/clickhouse/rows/event-row.ts';
import { binaryLayout, textLayout } from '../../src/destinations/clickhouse/rows/row-layout.ts';
import type { Delivery, Destination } from '../../src/destinations/destination.ts';
import { readRecord } from '../../src/destinations/kafka/kafka.ts';
import { readMessage as readPubsubMessage } from '../../src/destinations/pubsub/message.ts';
import { readMessage } from '../../src/destinations/sqs/message.ts';
import { createParquetDestination } from '../../src/destinations/parquet/parquet.ts';
import { createPostgresDestination } from '../../src/destinations/postgres/postgres.ts';
import { createSqliteDestination } from '../../src/destinations/sqlite/sqlite.ts';
import { createWebhookDestination } from '../../src/destinations/webhook/webhook.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { schemasWith } from '../endpoints/schemas-folder.ts';
import { insertedRows } from './clickhouse-rows.ts';
import { deliverAll, deliveryOf } from './deliveries.ts';
import { objectTexts, timeTexts, valueOf } from './exact-values.ts';
import { startHttpServer } from './http-server.ts';
import { askFiles, parquetSettings, untilExported } from './parquet-far-side.ts';
import { askPostgres, postgresSettings } from './postgres-far-side.ts';
import { startPostgres, whyNoPostgres } from './postgres-server.ts';
import { webhookSettings } from './webhook-far-side.ts';

/** What a producer sends, and what each destination must hold: as texts of JSON. */
interface Sent {
  readonly key: string;
  readonly properties: string;
  /** Undefined where the endpoint has no place for it, or the protocol has doubles only. */
  readonly context: string | undefined;
  readonly time: string;
}

const name = 'thing_completed';
const eventsOfEndpoint = 50;

function make(withContext: boolean): Sent[] {
  const cases = fc.sample(fc.tuple(objectTexts, objectTexts, timeTexts), eventsOfEndpoint);
  return cases.map(([properties, context, time]) => ({
    key: randomUUID(),
    properties,
    context: withContext ? context : undefined,
    time,
  }));
}

const flat = ({ key, properties, context, time }: Sent, names = snakeNames): string =>
  `{"${names.event}":"${name}","${names.user}":"u","${names.key}":"${key}","${names.time}":"${time}",` +
  `"properties":${properties}${context === undefined ? '' : `,"context":${context}`}}`;

const snakeNames = {
  event: 'event_name',
  user: 'user_id',
  key: 'idempotency_key',
  time: 'occurred_at',
};
const camelNames = {
  event: 'eventName',
  user: 'userId',
  key: 'idempotencyKey',
  time: 'occurredAt',
};

interface SendingEndpoint {
  readonly path: string;
  readonly type: string;
  readonly withContext: boolean;
  readonly body: (sent: readonly Sent[]) => string | Uint8Array<ArrayBuffer>;
}

const json = 'application/json';
const listOf = (texts: readonly string[]): string => texts.join(',');

const endpoints: Readonly<Record<string, SendingEndpoint>> = {
  REST: {
    path: '/v1/batch',
    type: json,
    withContext: true,
    body: (sent) => `{"events":[${listOf(sent.map((one) => flat(one)))}]}`,
  },
  NDJSON: {
    path: '/v1/batch',
    type: 'application/x-ndjson',
    withContext: true,
    body: (sent) => sent.map((one) => flat(one)).join('\n'),
  },
  'JSON of Connect': {
    path: '/headgate.v1.TrackService/BatchTrack',
    type: json,
    withContext: true,
    body: (sent) => `{"events":[${listOf(sent.map((one) => flat(one, camelNames)))}]}`,
  },
  'protocol buffers with properties_json': {
    path: '/headgate.v1.TrackService/BatchTrack',
    type: 'application/proto',
    withContext: false,
    body: (sent) =>
      new Uint8Array(
        toBinary(
          BatchTrackRequestSchema,
          create(BatchTrackRequestSchema, {
            events: sent.map(({ key, properties, time }) => ({
              eventName: name,
              userId: 'u',
              idempotencyKey: key,
              propertiesJson: properties,
              occurredAt: {
                seconds: BigInt(Date.parse(`${time.slice(0, 19)}Z`) / 1000),
                nanos: Number((/\.(\d+)/.exec(time)?.[1] ?? '').padEnd(9, '0')),
              },
            })),
          }),
        ),
      ),
  },
  Segment: {
    path: '/v1/segment/batch',
    type: json,
    withContext: true,
    body: (sent) =>
      `{"batch":[${listOf(
        sent.map((one) =>
          flat(one, {
            event: 'event',
            user: 'userId',
            key: 'messageId',
            time: 'timestamp',
          }).replace('{', '{"type":"track",'),
        ),
      )}]}`,
  },
  PostHog: {
    path: '/batch',
    type: json,
    withContext: false,
    body: (sent) =>
      `{"api_key":"k","batch":[${listOf(
        sent.map((one) =>
          flat(one, { event: 'event', user: 'distinct_id', key: 'uuid', time: 'timestamp' }),
        ),
      )}]}`,
  },
  CloudEvents: {
    path: '/v1/cloudevents',
    type: 'application/cloudevents-batch+json',
    withContext: false,
    body: (sent) =>
      `[${listOf(
        sent.map(
          ({ key, properties, time }) =>
            `{"specversion":"1.0","id":"${key}","source":"/s","type":"${name}","subject":"u",` +
            `"time":"${time}","data":${properties}}`,
        ),
      )}]`,
  },
};

let gate: OpenGate;
let folder: string;
const schemas = schemasWith({
  [name]: { entry: 'active: 1', versions: [{ type: 'object' }] },
});
const sent = new Map<string, Sent>();
const deliveries: Delivery[] = [];
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-digits-'));
  gate = await openGate({ env: { HEADGATE_SCHEMAS_DIR: schemas.folder } });
});

afterAll(async () => {
  await Promise.all(opened.map((each) => each.close()));
  await gate[Symbol.asyncDispose]();
  schemas[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** What a destination holds of one event. */
interface Held {
  readonly key: unknown;
  readonly properties: unknown;
  readonly context: unknown;
  readonly time: unknown;
}

/** What is not as it was sent, for a person. */
function wrongIn(held: readonly Held[]): string[] {
  const keys = new Set(held.map(({ key }) => String(key)));
  const wrong = [...sent.keys()].filter((key) => !keys.has(key)).map((key) => `${key} is missing`);
  for (const { key, properties, context, time } of held) {
    const one = sent.get(String(key));
    const pairs = [
      [properties, one?.properties],
      [context, one?.context],
    ].filter(([, text]) => text !== undefined);
    for (const [text, expected] of pairs) {
      const same = isDeepStrictEqual(valueOf(String(text)), valueOf(String(expected)));
      if (!same) wrong.push(`${String(text)} was sent as ${String(expected)}`);
    }
    if (one === undefined) wrong.push(`${String(key)} was not sent`);
    else if (nanosOf(String(time)) !== nanosOf(one.time)) {
      wrong.push(`${String(time)} was sent as ${one.time}`);
    }
  }
  return wrong;
}

/** A time in UTC. */
function nanosOf(text: string): bigint {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  return BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** The text of a member of a JSON object, as it stands there. */
function heldIn(text: string): Held {
  const { eventId: _id, ...event } = JSON.parse(text) as Record<string, unknown>;
  const members = textsOf(text);
  return {
    key: event['idempotencyKey'],
    properties: members.get('properties'),
    context: members.get('context'),
    time: event['occurredAt'],
  };
}

/** A JSON text with its numbers as written, by the platform and not by the gate's own parser. */
function parseWithTexts(text: string): unknown {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  const revive = (_name: string, member: unknown, context?: { source: string }): unknown =>
    typeof member === 'number' ? rawJSON(context!.source) : member;
  return JSON.parse(text, revive as (name: string, member: unknown) => unknown);
}

function textsOf(text: string): Map<string, string> {
  const members = Object.entries(parseWithTexts(text) as Record<string, unknown>);
  return new Map(members.map(([key, member]) => [key, JSON.stringify(member)]));
}

describe('numbers, texts and times, as they were sent', () => {
  test.each(Object.keys(endpoints))('are in the log, sent by %s', async (endpoint) => {
    const { path: to, type, withContext, body } = endpoints[endpoint]!;
    const events = make(withContext);
    const after = await gate.last('EVENTS');
    const answer = await fetch(`${gate.url}${to}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: body(events),
    });
    const text = await answer.text();
    expect({ ok: answer.ok, text }).toMatchObject({ ok: true });
    const stored = await gate.events(after);
    expect(answerOf(text, stored.length)).toEqual({ stored: events.length });
    const before = new Map(sent);
    sent.clear();
    for (const event of events) sent.set(event.key, event);
    const payloads = stored.map(({ bytes }) => bytes.toString());
    expect(wrongIn(payloads.map(heldIn))).toEqual([]);
    for (const [key, event] of before) sent.set(key, event);
    deliveries.push(...payloads.map((payload) => deliveryOf(payload)));
  });

  async function deliver(destination: Destination): Promise<void> {
    opened.push(destination);
    const outcomes = await deliverAll(destination, deliveries);
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['delivered']));
  }

  const columns = 'idempotency_key AS key, properties, context, occurred_at AS time';

  test('are in SQLite', async () => {
    const file = path.join(folder, 'warehouse.db');
    await deliver(await createSqliteDestination('local', { path: file, busy_timeout: 1000 }));
    const reader = new DatabaseSync(file, { readOnly: true });
    const rows = reader.prepare(`SELECT ${columns} FROM events`).all();
    reader.close();
    expect(wrongIn(rows as unknown as Held[])).toEqual([]);
  });

  test('are in Parquet files', async () => {
    const lake = path.join(folder, 'lake');
    await deliver(await createParquetDestination('lake', parquetSettings(lake)));
    await untilExported(lake);
    expect(
      wrongIn((await askFiles(lake, `SELECT ${columns} FROM files`)) as unknown as Held[]),
    ).toEqual([]);
  });

  test.skipIf(whyNoPostgres() !== undefined)(
    'are in PostgreSQL, with times to the microsecond',
    async () => {
      const server = await startPostgres();
      opened.push({ close: async () => await server.close() });
      const settings = postgresSettings(server, { table: 'digits', timeout: 20_000 });
      await deliver(createPostgresDestination('pg', settings));
      const rows = await askPostgres<{ key: string; time: string }>(
        server,
        `SELECT idempotency_key AS key, properties::text, context::text,
           to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time
         FROM digits`,
      );
      // What docs/destinations/postgres.md says of nanoseconds.
      const wrong = rows.filter(({ key, time }) => {
        const difference = nanosOf(time) - nanosOf(sent.get(key)!.time);
        return difference > 500n || difference < -500n;
      });
      expect(wrong).toEqual([]);
      const held = rows.map((row) => ({ ...row, time: sent.get(row.key)!.time }));
      expect(wrongIn(held as unknown as Held[])).toEqual([]);
    },
  );

  test.each([1, 100])('are in webhooks of up to %i events', async (batchEvents) => {
    const server = await startHttpServer((_request, response) => void response.end());
    opened.push(server);
    const settings = webhookSettings(server.port, { batch_events: batchEvents });
    await deliver(createWebhookDestination('hook', { ...settings, timeout: 20_000 }));
    const events = server.received.flatMap(({ body }) => {
      const { data } = parseWithTexts(body.toString()) as { data: unknown };
      return Array.isArray(data) ? data.map((message: { data: unknown }) => message.data) : [data];
    });
    expect(wrongIn(events.map((event) => heldIn(JSON.stringify(event))))).toEqual([]);
  });

  test('are in the records of Kafka', () => {
    const records = deliveries.map((delivery) => readRecord('events', delivery));
    expect(
      wrongIn(
        records.map((record) => heldIn(typeof record === 'string' ? record : `${record.value}`)),
      ),
    ).toEqual([]);
  });

  test('are in the messages of SQS', () => {
    const settings = { isFifo: false, groupBy: undefined, format: 'headgate' } as const;
    const messages = deliveries.map((delivery) => readMessage('queue', settings, delivery));
    expect(
      wrongIn(
        messages.map((message) =>
          heldIn(typeof message === 'string' ? message : message.entry.MessageBody!),
        ),
      ),
    ).toEqual([]);
  });

  test('are in the messages of Pub/Sub', () => {
    const settings = { ordering: undefined, format: 'headgate' } as const;
    const texts = deliveries.map((delivery) => {
      const message = readPubsubMessage(settings, delivery);
      return typeof message === 'string' ? message : message.data.toString();
    });
    expect(wrongIn(texts.map(heldIn))).toEqual([]);
  });

  test.each([binaryLayout, textLayout])('are in the rows for ClickHouse: %o', (layoutOf) => {
    const columns = [...rowColumns, eventTimeColumn];
    const layout = layoutOf(columns);
    const writer = layout.rows();
    const lines = deliveries.map((delivery) => {
      const fault = writeEventRow(writer, delivery, true);
      if (fault !== undefined) throw new Error(fault);
      const { bytes, start, end } = writer.finish();
      return bytes.subarray(start, end);
    });
    const names = columns.map(([column]) => column).join(', ');
    const query = `INSERT INTO events (${names}) FORMAT ${layout.format}`;
    const rows = insertedRows(query, Buffer.concat([layout.head, ...lines]));
    expect(
      wrongIn(
        rows.map(({ idempotency_key: key, properties, context, occurred_at: time }) => ({
          key,
          properties,
          context,
          time,
        })) as unknown as Held[],
      ),
    ).toEqual([]);
  });
});

/** With the answer where it is not as expected. */
function answerOf(text: string, stored: number): object {
  return stored === eventsOfEndpoint ? { stored } : { stored, text: text.slice(0, 2000) };
}
