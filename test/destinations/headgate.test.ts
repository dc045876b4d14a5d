import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { DestinationSettings, Outcome } from '../../src/destinations/destination.ts';
import { createHeadgateDestination } from '../../src/destinations/headgate/headgate.ts';
import { readFarGateSettings } from '../../src/destinations/headgate/settings.ts';
import { eventIdOf } from '../../src/event/event-id.ts';
import type { StoredEvent } from '../../src/event/stored-event.ts';
import { deliverAll, deliveryOf, deliveryOfEvent, storedEvent } from './deliveries.ts';
import {
  farGateSettings,
  lastSequence,
  readLog,
  startFarGate,
  type FarGate,
  type LoggedMessage,
} from './headgate-far-side.ts';

let far: FarGate;
beforeAll(async () => {
  far = await startFarGate();
});
afterAll(() => far?.gate[Symbol.asyncDispose]());

async function deliver(
  events: readonly (StoredEvent | string)[],
  more: DestinationSettings = {},
): Promise<Outcome[]> {
  const destination = createHeadgateDestination('out', farGateSettings(far.port, far.key, more));
  try {
    const texts = events.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
    return await deliverAll(destination, texts.map(deliveryOf));
  } finally {
    await destination.close();
  }
}

/** Delivers, and returns what the other gate stored of it. */
async function forwarded(
  events: readonly (StoredEvent | string)[],
  more: DestinationSettings = {},
): Promise<LoggedMessage[]> {
  const from = (await lastSequence(far.gate)) + 1;
  const outcomes = await deliver(events, more);
  expect(outcomes).toEqual(events.map(() => ({ kind: 'delivered' })));
  return readLog(far.gate, from);
}

const whole: Partial<StoredEvent> = {
  userId: 'u-1',
  anonymousId: 'a-1',
  properties: { order_id: 'o-1', total: 12.5, currency: 'EUR' },
  context: { library: { name: 'x' } },
  timestamp: '2026-11-20T10:00:00.500Z',
  occurredAt: '2026-11-20T09:59:00.123456Z',
  sentAt: '2026-11-20T09:59:30.000Z',
  // Neither of the other times: the relay corrected the clock of the producer.
  eventTime: '2026-11-20T09:59:30.123456Z',
  correlationId: 'cor-1',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  vendorCall: {
    system: 'segment',
    call: 'identify',
    eventName: 'Order Completed',
    messageId: 'm-1',
    moved: ['traits'],
  },
};

test('source, key, times, trace and the form of the call are those of the relay', async () => {
  const sent = storedEvent(whole);
  const [stored, ...others] = await forwarded([sent], { instance: 'host-7' });
  expect(others).toEqual([]);
  const { timestamp, ...kept } = stored!.event;
  const { timestamp: takenAt, ...expected } = sent;
  expect(kept).toEqual(expected);
  expect(kept.eventId).toBe(eventIdOf('checkout', sent.idempotencyKey));
  expect(Math.abs(Date.parse(timestamp) - Date.now())).toBeLessThan(60_000);
  expect(stored!.header('Headgate-Relay')).toBe('relay-a/host-7');
  expect(stored!.header('Headgate-Taken-At')).toBe(takenAt);
  expect(stored!.header('Headgate-Correlation-Id')).toBe('cor-1');
  expect(stored!.header('traceparent')).toBe(sent.traceparent);
});

test('every digit of a number arrives', async () => {
  const sent = storedEvent({ properties: {}, context: {} });
  const text = JSON.stringify(sent)
    .replace('"properties":{}', '"properties":{"id":12345678901234567890,"x":1.10}')
    .replace('"context":{}', '"context":{"id":98765432109876543210}');
  const [stored] = await forwarded([text]);
  expect(stored!.text).toContain('"id":12345678901234567890');
  expect(stored!.text).toContain('"context":{"id":98765432109876543210}');
});

test('an event of an earlier version without an event time gets the one that it had', async () => {
  const { eventTime: _none, ...sent } = storedEvent(whole);
  // 30 s of correction, as the relay's own rule has it.
  const [stored] = await forwarded([{ ...sent, sentAt: '2026-11-20T09:59:30.000Z' }]);
  expect(stored!.event.eventTime).toBe('2026-11-20T09:59:30.123456Z');
});

test('a time that is far ahead is not believed, and one that is five minutes ahead is', async () => {
  const at = (ms: number): string => new Date(Date.now() + ms).toISOString();
  const near = storedEvent({ eventTime: at(4 * 60_000) });
  const ahead = storedEvent({ eventTime: at(6 * 60_000) });
  const [first, second] = await forwarded([near, ahead]);
  expect(first!.event.eventTime).toBe(near.eventTime);
  expect(second!.event.eventTime).toBe(second!.event.timestamp);
});

test('events of several requests and sources in one batch keep each their own', async () => {
  const events = Array.from({ length: 40 }, (_, index) =>
    storedEvent({
      source: index % 3 === 0 ? 'web-a' : 'checkout',
      correlationId: `cor-${index % 5}`,
      timestamp: `2026-11-20T10:00:00.${100 + (index % 5)}Z`,
      historical: index % 5 === 4,
    }),
  );
  const stored = new Map((await forwarded(events)).map((one) => [one.event.idempotencyKey, one]));
  expect(stored.size).toBe(40);
  for (const { idempotencyKey, source, correlationId, timestamp, historical } of events) {
    const found = stored.get(idempotencyKey)!;
    expect(found.event.source).toBe(source);
    expect(found.event.correlationId).toBe(correlationId);
    expect(found.header('Headgate-Taken-At')).toBe(timestamp);
    expect(found.event.historical ?? false).toBe(historical);
  }
});

test('each verdict is settled on its own', async () => {
  const again = storedEvent();
  await forwarded([again]);
  const noIdentity = storedEvent();
  const outcomes = await deliver([
    storedEvent(),
    again,
    { ...noIdentity, userId: '', anonymousId: 'null' },
    storedEvent({ source: 'intruder' }),
    storedEvent({ source: 'web-a' }),
    { ...storedEvent(), source: '_canary' },
    storedEvent({ correlationId: 'two\r\nlines' }),
    storedEvent({ timestamp: 'yesterday' }),
    storedEvent({ vendorCall: { system: 'segment', call: 'other' as never } }),
    storedEvent({ eventTime: 7 as never }),
  ]);
  const dead = (status: string, text: string) => ({
    kind: 'dead',
    status,
    reason: expect.stringMatching(new RegExp(`^rejected by 127.0.0.1:\\d+: ${status}: .*${text}`)),
  });
  expect(outcomes).toEqual([
    { kind: 'delivered' },
    { kind: 'delivered' },
    dead('missing_identity', 'anonymous_id is'),
    dead('source_not_relayed', 'relay-a.*intruder'),
    { kind: 'delivered' },
    dead('invalid_field', 'source is not a source'),
    dead('invalid_field', 'correlationId'),
    dead('invalid_field', 'timestamp is not a time'),
    dead('invalid_field', 'vendorCall.call'),
    dead('invalid_field', 'eventTime is not a text'),
  ]);
});

test('the limit of a source delays its events alone', async () => {
  const limited = (): StoredEvent => storedEvent({ source: 'web-limited' });
  const outcomes = await deliver([storedEvent(), limited(), limited(), storedEvent()]);
  expect(outcomes[0]).toEqual({ kind: 'delivered' });
  expect(outcomes[3]).toEqual({ kind: 'delivered' });
  const waiting = outcomes.filter((one) => one.kind === 'retry');
  expect(waiting.length).toBeGreaterThan(0);
  for (const outcome of waiting) {
    expect(outcome).toMatchObject({ fault: 'source', status: 'limit_reached' });
    expect(outcome.notBeforeMs).toBeGreaterThan(0);
  }
});

test.each<[string, string, string]>([
  ['a key that is no relay', 'hg_other', 'relay_not_allowed'],
  ['a key that the gate does not know', 'hg_unknown-to-it', 'unauthenticated'],
])('%s is a fault of the destination, and is not shown', async (_what, key, code) => {
  const outcomes = await deliver([storedEvent(), storedEvent()], { key });
  const wanted = { kind: 'retry', fault: 'destination', status: code };
  expect(outcomes).toMatchObject([wanted, wanted]);
  expect(JSON.stringify(outcomes)).not.toContain(key);
});

test('a batch that is too large for the other gate is split', async () => {
  const text = 'x'.repeat(3_000);
  const events = Array.from({ length: 1_000 }, () => storedEvent({ properties: { text } }));
  const from = (await lastSequence(far.gate)) + 1;
  const limits = { HEADGATE_LIMITS_BATCH_EVENTS_MAX: '100' };
  const small = await startFarGate(limits);
  try {
    const settings = farGateSettings(small.port, small.key, { batch_events: 1_000 });
    const destination = createHeadgateDestination('out', {
      ...settings,
      batch_bytes: 64 * 1024 * 1024,
      timeout: 10_000,
    });
    const outcomes = await deliverAll(
      destination,
      events.map((one) => deliveryOfEvent(one)),
    );
    await destination.close();
    expect(outcomes.every(({ kind }) => kind === 'delivered')).toBe(true);
    expect(await readLog(small.gate)).toHaveLength(1_000);
  } finally {
    await small.gate[Symbol.asyncDispose]();
  }
  expect(await lastSequence(far.gate)).toBe(from - 1);
});

test('something else at the address is a fault of the destination', async () => {
  const { port } = far.gate.service.adminAddress;
  const [outcome] = await deliver([storedEvent()], { url: `http://127.0.0.1:${port}` });
  expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
});

test.each<[string, DestinationSettings, string]>([
  ['a path', { url: 'https://gate.example/v1' }, 'url: take the path out'],
  ['a user', { url: 'https://u:secret-word@gate.example' }, 'url: take the user and password out'],
  ['another protocol', { url: 'ftp://gate.example' }, 'url: use http or https'],
  ['a key with a line break', { key: 'hg_secret-word\nx' }, 'key: it is not a write key'],
  ['a name with a slash', { instance: 'a/b' }, 'instance: it is not a name'],
  ['a long name', { instance: 'x'.repeat(65) }, 'instance: it is not a name'],
  ['a CA without TLS', { tls_ca: '/ca.pem' }, 'tls_ca: needs a url with https'],
])('%s stops the start', (_what, more, text) => {
  const read = (): unknown => readFarGateSettings('out', farGateSettings(1, 'hg_k', more));
  expect(read).toThrow(`destinations.out.${text}`);
  expect(read).not.toThrow('secret-word');
});

test('a CA that cannot be read stops the start, and one that can is trusted', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-ca-'));
  try {
    const file = path.join(folder, 'ca.pem');
    const read = () =>
      readFarGateSettings('out', farGateSettings(1, 'hg_k', { url: 'https://h', tls_ca: file }));
    expect(read).toThrow('cannot be read (ENOENT)');
    writeFileSync(file, 'pem');
    expect(read).toThrow(`${file} has no certificate`);
    const [first, second] = tls.rootCertificates;
    writeFileSync(file, first!);
    const { readCa } = read();
    expect(readCa()?.toString()).toBe(first);
    // One that replaces it is trusted, and one that is gone or half written changes nothing.
    writeFileSync(file, second!);
    expect(readCa()?.toString()).toBe(second);
    writeFileSync(file, '-----BEGIN CERTIFICATE-----\n');
    expect(readCa()?.toString()).toBe(second);
    rmSync(file);
    expect(readCa()?.toString()).toBe(second);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
