import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { AckPolicy, jetstream } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { StoredEvent } from '../../src/event/stored-event.ts';
import { startOperatorsNats } from '../destinations/nats-server.ts';
import { openGate, type OpenGate } from '../endpoints/open-gate.ts';
import { schemasWith } from '../endpoints/schemas-folder.ts';
import { readPage } from './markdown.ts';

const page = readPage('docs/reference/log-streams.md');
type Take = (event: StoredEvent, headers: MsgHdrs) => boolean;
type ReadEvents = (clientFile: string, source: string, take: Take) => Promise<void>;

const name = 'thing_completed';
const key = '7D0E5D0C-9b6a-4f0f-8d0c-6a118a4f2f35';
const schemas = schemasWith({ [name]: { entry: 'active: 1', versions: [{ type: 'object' }] } });
// The example imports packages, which are found from here.
const folder = mkdtempSync(path.join(import.meta.dirname, '../../node_modules/.log-streams-'));
let gate: OpenGate;

beforeAll(async () => {
  gate = await openGate({ env: { HEADGATE_SCHEMAS_DIR: schemas.folder } });
  const event = { event_name: name, user_id: 'u', idempotency_key: key, properties: { a: 1 } };
  const answer = await fetch(`${gate.url}/v1/track`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-correlation-id': 'c-1' },
    body: JSON.stringify(event),
  });
  if (answer.status !== 202) throw new Error(await answer.text());
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  schemas[Symbol.dispose]();
  await gate[Symbol.asyncDispose]();
});

test('the example reads what was sent, with the subject, id and headers of the page', async () => {
  const file = path.join(folder, 'example.mjs');
  writeFileSync(file, /```js\n(.*?)```/s.exec(page)![1]!);
  const { readEvents } = (await import(pathToFileURL(file).href)) as { readEvents: ReadEvents };
  const [stored] = await gate.events();
  const [, , partition, source, eventName] = stored!.subject.split('.');
  expect(stored!.subject).toBe(`headgate.events.${partition}.${source}.${name}`);
  expect(partition).toBe('0');
  const clientFile = path.join(gate.real.dataDir, 'nats', 'client.json');
  const read: [StoredEvent, MsgHdrs][] = [];
  await readEvents(clientFile, source!, (event, headers) => {
    read.push([event, headers]);
    return false;
  });
  expect(read).toHaveLength(1);
  const [event, headers] = read[0]!;
  expect(event).toMatchObject({ eventName, source, properties: { a: 1 }, idempotencyKey: key });
  expect(headers.get('Nats-Msg-Id')).toBe(`${source}:${key.toLowerCase()}`);
  expect(headers.get('Headgate-Correlation-Id')).toBe('c-1');
});

test('the permissions of the page let a reader read, and do nothing else', async () => {
  const permissions = /permissions: (\{.*?\n\})/s.exec(page)![1]!;
  await using server = await startOperatorsNats(
    `authorization { users: [
      { user: test, password: t }
      { user: reader, password: r, permissions: ${permissions} }
    ] }`,
    { user: 'test', pass: 't' },
  );
  await server.manager.streams.add({ name: 'EVENTS_0', subjects: ['headgate.events.0.*.*'] });
  const subject = 'headgate.events.0.shop.thing_completed';
  await jetstream(server.connection).publish(subject, '{"a":1}');
  const reader = await connect({ servers: `127.0.0.1:${server.port}`, user: 'reader', pass: 'r' });
  for (const durable_name of ['reader', 'warehouse']) {
    await server.manager.consumers.add('EVENTS_0', {
      durable_name,
      ack_policy: AckPolicy.Explicit,
    });
  }
  const consumer = await jetstream(reader).consumers.get('EVENTS_0', 'reader');
  const message = await consumer.next({ expires: 2_000 });
  expect(message?.json()).toEqual({ a: 1 });
  expect(await message!.ackAck()).toBe(true);
  const request = (api: string, body: object = {}) =>
    reader.request(`$JS.API.${api}`, JSON.stringify(body), { timeout: 2_000 });
  for (const refused of [
    jetstream(reader).publish(subject, 'x', { timeout: 2_000 }),
    request('STREAM.PURGE.EVENTS_0'),
    request('STREAM.MSG.DELETE.EVENTS_0', { seq: message!.seq }),
    request('CONSUMER.MSG.NEXT.EVENTS_0.warehouse', { batch: 1 }),
    request('CONSUMER.DELETE.EVENTS_0.warehouse'),
    request('CONSUMER.CREATE.EVENTS_0.warehouse', { stream_name: 'EVENTS_0' }),
  ]) {
    await expect(refused).rejects.toThrow(/permissions violation/i);
  }
  await reader.close();
  const { state } = await server.manager.streams.info('EVENTS_0');
  expect(state.messages).toBe(1);
});
