import { closeSync, openSync, writeSync } from 'node:fs';

import type { EventResult } from '../../../gen/headgate/v1/event_result_pb.ts';
import { StartError } from '../../errors.ts';
import type { EventError } from '../../event/verdict.ts';
import type { Line } from '../read-lines.ts';

/** An event that was sent or refused. */
export interface Sent {
  readonly line: Line;
  readonly idempotencyKey: string;
}

export interface Counts {
  lines: number;
  accepted: number;
  duplicates: number;
  rejected: number;
  givenUp: number;
  /** Accepted events with warnings. */
  warned: number;
}

export type FaultKind = 'rejected' | 'given_up';

/** Records the result of every line, and the reason if it was not stored. */
export interface Ledger {
  readonly counts: Readonly<Counts>;
  /** Counts by error code. */
  readonly byCode: ReadonlyMap<string, number>;
  /** The first few rejected events, for people. */
  readonly firstFaults: readonly string[];
  /** The result of the last stored event. */
  readonly lastTaken: EventResult | undefined;
  lineRead(): void;
  taken(result: EventResult, isDuplicate: boolean): void;
  fault(kind: FaultKind, sent: Sent, error: EventError): void;
  /** Flushes and closes the rejected file. */
  close(): void;
}

const firstFaultsMax = 5;
const violationsShownMax = 3;
const bufferedCharactersMax = 64 * 1024;

/** With `rejectedFile`, failed events are written there as NDJSON. The file is overwritten. */
export function createLedger(rejectedFile: string | undefined): Ledger {
  const counts: Counts = {
    lines: 0,
    accepted: 0,
    duplicates: 0,
    rejected: 0,
    givenUp: 0,
    warned: 0,
  };
  const byCode = new Map<string, number>();
  const firstFaults: string[] = [];
  const file = rejectedFile === undefined ? undefined : openRejectedFile(rejectedFile);
  let lastTaken: EventResult | undefined;
  return {
    counts,
    byCode,
    firstFaults,
    get lastTaken() {
      return lastTaken;
    },
    lineRead: () => {
      counts.lines += 1;
    },
    taken: (result, isDuplicate) => {
      lastTaken = result;
      if (isDuplicate) counts.duplicates += 1;
      else counts.accepted += 1;
      if (result.warnings.length > 0) counts.warned += 1;
    },
    fault: (kind, sent, error) => {
      if (kind === 'rejected') counts.rejected += 1;
      else counts.givenUp += 1;
      byCode.set(error.code, (byCode.get(error.code) ?? 0) + 1);
      // All events were given up for the same reason, which the end of the run reports once.
      if (kind === 'rejected' && firstFaults.length < firstFaultsMax) {
        firstFaults.push(describeFault(sent, error));
      }
      file?.write(recordOf(kind, sent, error));
    },
    close: () => file?.close(),
  };
}

function describeFault({ line }: Sent, error: EventError): string {
  const places = error.violations
    .filter(({ message }) => !error.message.includes(message))
    .slice(0, violationsShownMax)
    .map(({ path, message }) => `\n  ${path} ${message}`);
  return `line ${line.number}: ${error.code}: ${error.message}${places.join('')}`;
}

/** The data that a program needs to fix the line and send it again with the same key. */
function recordOf(kind: FaultKind, { line, idempotencyKey }: Sent, error: EventError): string {
  const { code, message, violations } = error;
  const text = line.bytes.toString('utf8');
  const isWhole = !line.isTooLong;
  return JSON.stringify({
    line: line.number,
    status: kind,
    code,
    message,
    violations: violations.map(({ path, code, message }) => ({ path, code, message })),
    ...(idempotencyKey !== '' && { idempotency_key: idempotencyKey }),
    // Invalid UTF-8 would be lost in a text.
    ...(Buffer.from(text).equals(line.bytes)
      ? { original: text }
      : { original_base64: line.bytes.toString('base64') }),
    ...(!isWhole && { original_is_cut: true }),
  });
}

interface RejectedFile {
  write(record: string): void;
  close(): void;
}

/** Writes synchronously, 64 KiB at a time, so that memory is bounded even if all is rejected. */
function openRejectedFile(path: string): RejectedFile {
  const guarded = <Answer>(work: () => Answer): Answer => {
    try {
      return work();
    } catch (cause) {
      throw new StartError(`${path} cannot be written: ${(cause as Error).message}.`, { cause });
    }
  };
  const descriptor = guarded(() => openSync(path, 'w', 0o600));
  let buffered = '';
  const flush = (): void => {
    let bytes = Buffer.from(buffered);
    buffered = '';
    while (bytes.length > 0) bytes = bytes.subarray(writeSync(descriptor, bytes));
  };
  return {
    write: (record) => {
      buffered += `${record}\n`;
      if (buffered.length > bufferedCharactersMax) guarded(flush);
    },
    close: () =>
      guarded(() => {
        flush();
        closeSync(descriptor);
      }),
  };
}
