import { create, toJson } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  BatchTrackResponseSchema,
  TrackResponseSchema,
} from '../../../gen/headgate/v1/track_service_pb.ts';
import { errorHelp } from '../../errors.ts';
import {
  connectBatchResponse,
  connectTrackResponse,
  countVerdicts,
  restBatch,
  restResult,
} from './verdict-json.ts';
import { resultOf, verdicts } from './verdicts.fixture.ts';

describe('verdicts as ProtoJSON', () => {
  test('are what protobuf-es writes', () => {
    fc.assert(
      fc.property(verdicts, (verdict) => {
        const message = create(TrackResponseSchema, { result: resultOf(verdict) });
        expect(JSON.parse(connectTrackResponse(verdict))).toEqual(
          toJson(TrackResponseSchema, message),
        );
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.array(verdicts, { minLength: 1, maxLength: 5 }), (list) => {
        const message = create(BatchTrackResponseSchema, { results: list.map(resultOf) });
        expect(JSON.parse(connectBatchResponse(list))).toEqual(
          toJson(BatchTrackResponseSchema, message),
        );
      }),
    );
  });
});

describe('verdicts as JSON of REST', () => {
  test('have every field, in snake_case', () => {
    fc.assert(
      fc.property(fc.array(verdicts, { maxLength: 5 }), (list) => {
        const batch = JSON.parse(restBatch(list, countVerdicts(list))) as Record<string, unknown>;
        const results = list.map((verdict) => ({
          index: verdict.index,
          idempotency_key: verdict.idempotencyKey,
          event_id: verdict.eventId,
          status: verdict.status,
          timestamp: new Date(verdict.timestampMs).toISOString(),
          schema_version: verdict.schemaVersion,
          sequence: verdict.sequence,
          ...(verdict.error === undefined
            ? {}
            : { error: { ...verdict.error, help: errorHelp(verdict.error.code) } }),
          warnings: verdict.warnings,
        }));
        const count = (status: string): number =>
          list.filter((one) => one.status === status).length;
        expect(batch).toEqual({
          results,
          accepted: count('accepted'),
          duplicates: count('duplicate'),
          rejected: count('rejected'),
          retry: count('retry'),
        });
        expect(list.map((verdict) => JSON.parse(restResult(verdict)))).toEqual(results);
      }),
      { numRuns: 500 },
    );
  });
});
