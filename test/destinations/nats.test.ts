import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { createNatsDestination } from '../../src/destinations/nats/nats.ts';
import type { DestinationSettings, Outcome } from '../../src/destinations/destination.ts';
import { deliverAll, deliveryOfEvent, storedEvent } from './deliveries.ts';
import { natsSettings, readStream } from './nats-far-side.ts';
import { startOperatorsNats, type OperatorsNats } from './nats-server.ts';

const password = 'p4ssword-of-the-gate';
const accounts = `
max_payload: 200KB
authorization {
  users: [
    { user: test, password: "t" }
    { user: gate, password: "${password}", permissions: { publish: "events.>", subscribe: "_INBOX.>" } }
  ]
}`;

let server: OperatorsNats;
beforeAll(async () => {
  server = await startOperatorsNats(accounts, { user: 'test', pass: 't' });
  await server.manager.streams.add({ name: 'EVENTS_OUT', subjects: ['events.>'] });
});
afterAll(() => server[Symbol.asyncDispose]());

const login = { user: 'gate', password };

async function deliver(
  more: DestinationSettings,
  ...events: Parameters<typeof deliveryOfEvent>[0][]
): Promise<Outcome[]> {
  const destination = createNatsDestination('out', natsSettings(server.port, more));
  try {
    return await deliverAll(
      destination,
      events.map((event) => deliveryOfEvent(event)),
    );
  } finally {
    await destination.close();
  }
}

test('a message is the stored event byte for byte, under its subject, with its id as Nats-Msg-Id', async () => {
  const event = storedEvent({
    eventName: 'a.b > *é',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  });
  const subject = 'events.{event_name}.{source}';
  expect(await deliver({ ...login, subject }, event)).toEqual([{ kind: 'delivered' }]);
  const message = (await readStream(server, 'EVENTS_OUT')).at(-1)!;
  expect(message.subject).toBe('events.a%2Eb%20%3E%20%2A%C3%A9.checkout');
  expect(Buffer.from(message.data).toString()).toBe(JSON.stringify(event));
  const headers = Object.fromEntries([...message.header].map(([key, [value]]) => [key, value]));
  // An event name that a header cannot carry is in the payload alone.
  expect(headers).toEqual({
    'Nats-Msg-Id': event.eventId,
    event_id: event.eventId,
    source: event.source,
    correlation_id: event.correlationId,
    traceparent: event.traceparent,
  });
});

test('what is larger than the server allows is a dead letter, and takes no other down', async () => {
  const text = 'x'.repeat(200 * 1024);
  expect(await deliver(login, {}, { properties: { text } }, {})).toMatchObject([
    { kind: 'delivered' },
    { kind: 'dead', reason: expect.stringContaining('max_payload'), status: 'MESSAGE_TOO_LARGE' },
    { kind: 'delivered' },
  ]);
});

test.each<[string, DestinationSettings, string]>([
  ['no stream', { user: 'test', password: 't', subject: 'other.x' }, 'no stream takes the subject'],
  ['another stream', { ...login, stream: 'OTHER' }, 'belongs to another stream than OTHER'],
  ['no right to publish', { ...login, subject: 'private.x' }, 'may not publish to private.x'],
  ['a wrong password', { user: 'gate', password: 'wrong-password' }, 'Authorization'],
  ['no login', {}, 'Authorization'],
  ['TLS that the server does not have', { ...login, url: 'tls' }, "does not support 'tls'"],
])('%s is a fault of the destination, and says so', async (_what, more, reason) => {
  const url = more['url'] === 'tls' ? { url: `tls://127.0.0.1:${server.port}` } : {};
  const outcomes = await deliver({ ...more, ...url }, {}, {});
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
    expect(outcome).toMatchObject({ reason: expect.stringMatching(new RegExp(reason, 'i')) });
  }
  expect(outcomes).toHaveLength(2);
  expect(JSON.stringify(outcomes)).not.toContain('password');
});

test('a stream that is full is a fault of the destination', async () => {
  const full = { name: 'FULL', subjects: ['full.>'], max_msgs: 1, discard: 'new' as const };
  await server.manager.streams.add(full);
  const settings = { user: 'test', password: 't', subject: 'full.{event_name}' };
  expect(await deliver(settings, {}, {})).toMatchObject([
    { kind: 'delivered' },
    { kind: 'retry', fault: 'destination', reason: expect.stringContaining('maximum messages') },
  ]);
});

test('a program that answers in the place of a stream confirms nothing', async () => {
  const subscription = server.connection.subscribe('answered.>', {
    callback: (_error, message) => void message.respond('thank you'),
  });
  const settings = { user: 'test', password: 't', subject: 'answered.x' };
  const reason = expect.stringContaining('something other than a stream');
  expect(await deliver(settings, {})).toMatchObject([
    { kind: 'retry', fault: 'destination', reason },
  ]);
  subscription.unsubscribe();
});

test('a creds file that cannot be read stops the start, and a token is sent as one', async () => {
  const open = (more: DestinationSettings) => createNatsDestination('out', natsSettings(1, more));
  expect(() => open({ creds_file: '/nowhere/gate.creds' })).toThrow(
    'destinations.out.creds_file: /nowhere/gate.creds cannot be read (ENOENT)',
  );
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-creds-'));
  const file = path.join(folder, 'gate.creds');
  writeFileSync(file, 'not creds');
  const outcomes = await deliver({ creds_file: file }, {});
  expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'destination' }]);
  rmSync(folder, { recursive: true });
});
