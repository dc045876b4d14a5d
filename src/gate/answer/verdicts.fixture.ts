import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import * as fc from 'fast-check';

import {
  EventResult_Status,
  EventResultSchema,
  type EventResult,
} from '../../../gen/headgate/v1/event_result_pb.ts';
import { errorHelp } from '../../errors.ts';
import { eventStatuses, type Verdict } from '../../event/verdict.ts';

const texts = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  // Around the lengths at which a length takes one byte more.
  fc.constantFrom(126, 127, 128, 129, 16_383, 16_384).map((length) => 'x'.repeat(length)),
);

/** A finding has a code and a message, whatever it found. */
const words = texts.map((text) => `w${text}`);

const violations = fc.record(
  {
    path: texts,
    code: texts,
    message: texts,
    kind: words,
    expected: words,
    suggestion: words,
    description: words,
  },
  { requiredKeys: ['path', 'code', 'message'] },
);

const findings = fc.record({
  code: words,
  message: words,
  violations: fc.array(violations, { maxLength: 3 }),
});

export const verdicts: fc.Arbitrary<Verdict> = fc.record({
  index: fc.nat(2000),
  idempotencyKey: texts,
  eventId: fc.oneof(fc.constant(''), fc.uuid()),
  status: fc.constantFrom(...eventStatuses),
  timestampMs: fc.oneof(
    fc.nat(2_000_000_000).map((n) => n * 1000),
    fc.integer({ min: 0, max: 253_402_300_799_999 }),
  ),
  schemaVersion: fc.oneof(fc.nat(3), fc.constant(2 ** 32 - 1)),
  sequence: fc.oneof(fc.nat(), fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1)),
  error: fc.option(findings, { nil: undefined }),
  warnings: fc.array(findings, { maxLength: 2 }),
});

const statuses = {
  accepted: EventResult_Status.ACCEPTED,
  duplicate: EventResult_Status.DUPLICATE,
  rejected: EventResult_Status.REJECTED,
  retry: EventResult_Status.RETRY,
};

/** The same verdict as a message of protobuf-es. */
export function resultOf(verdict: Verdict): EventResult {
  const { timestampMs, sequence, status, error, warnings, ...rest } = verdict;
  const seconds = timestampFromMs(timestampMs);
  return create(EventResultSchema, {
    ...rest,
    status: statuses[status],
    timestamp: seconds,
    sequence: BigInt(sequence),
    ...(error === undefined ? {} : { error: { ...plain(error), help: errorHelp(error.code) } }),
    warnings: warnings.map(plain),
  });
}

function plain(finding: NonNullable<Verdict['error']>) {
  return { ...finding, violations: finding.violations.map((violation) => ({ ...violation })) };
}
