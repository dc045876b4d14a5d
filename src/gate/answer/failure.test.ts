import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';

import { StatusSchema } from '../../../gen/google/rpc/status_pb.ts';
import { errorCodes, errorEntry, grpcCode, ServiceError } from '../../errors.ts';
import type { Verdict } from '../../event/verdict.ts';
import {
  failureDetails,
  failureOfError,
  failureOfVerdict,
  grpcStatusDetails,
  retryAfterSeconds,
} from './failure.ts';

const operatorsConflicts: readonly string[] = [
  'registry_conflict',
  'dead_letter_busy',
  'rejected_busy',
];

describe('the error table', () => {
  test.each(errorCodes)('has all of %s', (code) => {
    const entry = errorEntry(code);
    expect(code).toMatch(/^[a-z]+(?:_[a-z]+)*$/);
    expect(entry.text).toMatch(/^.{20,}\.$/);
    // Taken, and nothing came of it: the one that is no failure of its sender's.
    expect(entry.http).toBeGreaterThanOrEqual(code === 'unmapped_webhook' ? 202 : 400);
    expect(entry.http).toBeLessThan(600);
    // 5 is NOT_FOUND, of the operators' RPCs alone.
    expect([...Object.values(grpcCode), 5]).toContain(entry.grpc);
    // An operator may look again at what another is changing.
    const mayBeTriedAgain = [408, 429, 500, 503, 504].includes(entry.http);
    expect(entry.retryable).toBe(mayBeTriedAgain || operatorsConflicts.includes(code));
    expect(['error', 'warn'].includes(entry.logLevel)).toBe(
      ['internal', 'overloaded', 'not_stored', 'log_unavailable', 'audit_full'].includes(code),
    );
  });

  test('uses a 5xx only for the verdict that may be retried', () => {
    const verdicts = errorCodes.filter((code) => errorEntry(code).scope === 'event');
    expect(verdicts.length).toBeGreaterThan(10);
    expect(verdicts.filter((code) => errorEntry(code).http >= 500)).toEqual(['not_stored']);
  });
});

describe('a failure', () => {
  test('an unknown error is not shown', () => {
    const failure = failureOfError(new TypeError('password is hunter2'));
    expect(failure.code).toBe('internal');
    expect(JSON.stringify([failure, failureDetails(failure)])).not.toContain('hunter2');
  });

  test('says when to try again only where that helps', () => {
    const overloaded = failureOfError(
      new ServiceError('overloaded', 'full', { retryAfterMs: 1_001 }),
    );
    expect(retryAfterSeconds(overloaded)).toBe('2');
    expect(failureDetails(overloaded).map(({ type }) => type)).toEqual([
      'google.rpc.ErrorInfo',
      'google.rpc.Help',
      'google.rpc.RetryInfo',
    ]);
    const refused = failureOfError(
      new ServiceError('malformed_request', 'no', { retryAfterMs: 5 }),
    );
    expect(retryAfterSeconds(refused)).toBeUndefined();
    const soon = failureOfError(new ServiceError('overloaded', 'full', { retryAfterMs: 1 }));
    expect(retryAfterSeconds(soon)).toBe('1');
  });

  test('of a verdict carries its violations, in a status that gRPC clients read', () => {
    const violations = [{ path: '/properties/total', code: 'required', message: 'is missing' }];
    const verdict = { error: { code: 'schema_violation', message: 'It breaks.', violations } };
    const failure = failureOfVerdict(verdict as unknown as Verdict)!;
    expect(failure.grpc).toBe(3);
    const sent = grpcStatusDetails(failure.grpc, failure.message, failureDetails(failure));
    const status = fromBinary(StatusSchema, Buffer.from(sent, 'base64'));
    expect(status).toMatchObject({ code: 3, message: 'It breaks.' });
    expect(status.details.map(({ typeUrl }) => typeUrl)).toEqual([
      'type.googleapis.com/google.rpc.BadRequest',
      'type.googleapis.com/google.rpc.ErrorInfo',
      'type.googleapis.com/google.rpc.Help',
    ]);
    expect(failureOfVerdict({ error: undefined } as unknown as Verdict)).toBeUndefined();
    const unknown = { error: { code: 'toString', message: '', violations: [] } };
    expect(() => failureOfVerdict(unknown as unknown as Verdict)).toThrow(TypeError);
  });
});
