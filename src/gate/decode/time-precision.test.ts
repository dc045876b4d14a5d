import { toBinary, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { TrackRequestSchema } from '../../../gen/headgate/v1/track_service_pb.ts';
import { decodeTrackRest } from './decode-json.ts';
import { decodeTrackProto } from './decode-proto.ts';

/** What docs/send/endpoints.md says of `occurred_at`: milliseconds are kept, finer digits dropped. */
test.each([
  ['2026-03-01T12:00:00.123456Z', 123_456_000],
  ['2026-03-01T12:00:00.123999999Z', 123_999_999],
  ['2026-03-01T14:00:00.123+02:00', 123_000_000],
  ['2026-03-01t12:00:00.1239z', 123_900_000],
])('%s is kept to the millisecond, as JSON and as protocol buffers', (text, nanos) => {
  const kept = '2026-03-01T12:00:00.123Z';
  const json = Buffer.from(JSON.stringify({ occurred_at: text }));
  expect(decodeTrackRest(json).occurredAt).toBe(kept);
  const seconds = BigInt(Date.UTC(2026, 2, 1, 12) / 1000);
  const request = create(TrackRequestSchema, { event: { occurredAt: { seconds, nanos } } });
  const bytes = Buffer.from(toBinary(TrackRequestSchema, request));
  expect(decodeTrackProto(bytes).occurredAt).toBe(kept);
});
