import { toBinary, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { TrackRequestSchema } from '../../../gen/headgate/v1/track_service_pb.ts';
import { decodeBatchJson, decodeTrackConnect, decodeTrackRest } from './decode-json.ts';
import { decodeBatchProto, decodeTrackProto } from './decode-proto.ts';

/** What docs/send/endpoints.md says of `occurred_at`: one form, and every digit. */
test.each([
  ['2026-03-01T12:00:00Z', 0, '2026-03-01T12:00:00.000Z'],
  ['2026-03-01T12:00:00.1Z', 100_000_000, '2026-03-01T12:00:00.100Z'],
  ['2026-03-01T12:00:00.123456Z', 123_456_000, '2026-03-01T12:00:00.123456Z'],
  ['2026-03-01T12:00:00.1234560Z', 123_456_000, '2026-03-01T12:00:00.123456Z'],
  ['2026-03-01T12:00:00.123999999Z', 123_999_999, '2026-03-01T12:00:00.123999999Z'],
  ['2026-03-01T12:00:00.000000001Z', 1, '2026-03-01T12:00:00.000000001Z'],
  ['2026-03-01T14:00:00.123+02:00', 123_000_000, '2026-03-01T12:00:00.123Z'],
  ['2026-03-01T14:00:00.123000+02:00', 123_000_000, '2026-03-01T12:00:00.123Z'],
  ['2026-03-01t12:00:00.1239z', 123_900_000, '2026-03-01T12:00:00.123900Z'],
])('%s is kept with its digits, as JSON and as protocol buffers', (text, nanos, kept) => {
  const json = Buffer.from(JSON.stringify({ occurred_at: text }));
  expect(decodeTrackRest(json).occurredAt).toBe(kept);
  const connect = Buffer.from(JSON.stringify({ event: { occurredAt: text } }));
  expect(decodeTrackConnect(connect).occurredAt).toBe(kept);
  const seconds = BigInt(Date.UTC(2026, 2, 1, 12) / 1000);
  const request = create(TrackRequestSchema, { event: { occurredAt: { seconds, nanos } } });
  const bytes = Buffer.from(toBinary(TrackRequestSchema, request));
  expect(decodeTrackProto(bytes).occurredAt).toBe(kept);
});

test('a time before 1970 has its digits too', () => {
  const text = '1969-12-31T23:59:59.999999999Z';
  const json = Buffer.from(JSON.stringify({ occurred_at: text }));
  expect(decodeTrackRest(json).occurredAt).toBe(text);
  const request = create(TrackRequestSchema, {
    event: { occurredAt: { seconds: -1n, nanos: 999_999_999 } },
  });
  const bytes = Buffer.from(toBinary(TrackRequestSchema, request));
  expect(decodeTrackProto(bytes).occurredAt).toBe(text);
});

test('the time of a batch is kept in the same way', () => {
  const text = '2026-03-01T14:00:00.123456789+02:00';
  const kept = '2026-03-01T12:00:00.123456789Z';
  const json = Buffer.from(JSON.stringify({ sent_at: text, events: [{}] }));
  expect(decodeBatchJson(json, 'rest', 10).sentAt).toBe(kept);
  // events (1), one of no bytes; sent_at (3): seconds (1), nanos (2).
  const nanos = [149, 154, 239, 58];
  const seconds = [192, 212, 144, 205, 6];
  const body = Buffer.from([10, 0, 26, 11, 8, ...seconds, 16, ...nanos]);
  expect(decodeBatchProto(body, 10).sentAt).toBe(kept);
});
