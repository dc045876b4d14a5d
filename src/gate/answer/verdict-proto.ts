import { errorHelp } from '../../errors.ts';
import type { EventError, EventStatus, EventWarning, Verdict } from '../../event/verdict.ts';
import type { Violation } from '../../event/violation.ts';
import { WireWriter } from './wire-writer.ts';

/*
 * Verdicts as headgate.v1.EventResult on the wire. The numbers are those of
 * proto/headgate/v1/event_result.proto; a test holds the bytes equal to protobuf-es's.
 */

const statusNumbers: Readonly<Record<EventStatus, number>> = {
  accepted: 1,
  duplicate: 2,
  rejected: 3,
  retry: 4,
};

/** An accepted event's result is about 110 bytes. */
const resultBytesHint = 160;

/** TrackResponse { EventResult result = 1 } */
export function encodeTrackResponse(verdict: Verdict): Buffer {
  const writer = new WireWriter(resultBytesHint);
  writer.message(1, () => writeResult(writer, verdict));
  return writer.finish();
}

/** BatchTrackResponse { repeated EventResult results = 1 } */
export function encodeBatchTrackResponse(verdicts: readonly Verdict[]): Buffer {
  const writer = new WireWriter(resultBytesHint * verdicts.length);
  for (const verdict of verdicts) writer.message(1, () => writeResult(writer, verdict));
  return writer.finish();
}

function writeResult(writer: WireWriter, verdict: Verdict): void {
  writer.number(1, verdict.index);
  writer.string(2, verdict.idempotencyKey);
  writer.string(3, verdict.eventId);
  writer.number(4, statusNumbers[verdict.status]);
  writer.message(5, () => {
    writer.number(1, Math.floor(verdict.timestampMs / 1000));
    writer.number(2, (verdict.timestampMs % 1000) * 1_000_000);
  });
  writer.number(6, verdict.schemaVersion);
  writer.number(7, verdict.sequence);
  const { error } = verdict;
  if (error !== undefined) writeFinding(writer, 8, error, errorHelp(error.code));
  for (const warning of verdict.warnings) writeFinding(writer, 9, warning, '');
}

/** EventError and EventWarning have the same fields, but for the help. */
function writeFinding(
  writer: WireWriter,
  field: number,
  finding: EventError | EventWarning,
  help: string,
): void {
  writer.message(field, () => {
    writer.string(1, finding.code);
    writer.string(2, finding.message);
    for (const violation of finding.violations) writeViolation(writer, violation);
    writer.string(4, help);
  });
}

function writeViolation(writer: WireWriter, violation: Violation): void {
  writer.message(3, () => {
    writer.string(1, violation.path);
    writer.string(2, violation.code);
    writer.string(3, violation.message);
    writer.string(4, violation.kind ?? '');
    writer.string(5, violation.expected ?? '');
    writer.string(6, violation.suggestion ?? '');
    writer.string(7, violation.description ?? '');
  });
}
