import { create, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  BatchTrackResponseSchema,
  TrackResponseSchema,
} from '../../../gen/headgate/v1/track_service_pb.ts';
import { encodeBatchTrackResponse, encodeTrackResponse } from './verdict-proto.ts';
import { resultOf, verdicts } from './verdicts.fixture.ts';

test('a TrackResponse has the bytes that protobuf-es writes', () => {
  fc.assert(
    fc.property(verdicts, (verdict) => {
      const expected = toBinary(
        TrackResponseSchema,
        create(TrackResponseSchema, { result: resultOf(verdict) }),
      );
      expect(encodeTrackResponse(verdict).equals(expected)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test('a BatchTrackResponse has the bytes that protobuf-es writes', () => {
  fc.assert(
    fc.property(fc.array(verdicts, { maxLength: 5 }), (list) => {
      const message = create(BatchTrackResponseSchema, { results: list.map(resultOf) });
      const expected = toBinary(BatchTrackResponseSchema, message);
      expect(encodeBatchTrackResponse(list).equals(expected)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
