import type { Log } from '../jetstream/log.ts';
import type { Signals } from '../observability/signals.ts';
import type { RejectedEntry } from '../quarantine/rejected-entry.ts';
import { createRejectedEvents } from '../quarantine/rejected-events.ts';
import { createRejectedService } from '../operators/rejected-service.ts';
import { createReplayMarks } from '../quarantine/replay-marks.ts';
import { createReplay, type ReplayGate } from '../quarantine/replay.ts';
import { createStoredIds } from '../quarantine/stored-ids.ts';

export interface QuarantineOptions {
  readonly log: Log;
  readonly signals: Signals;
  /** gate/accept/replay.ts */
  readonly gate: ReplayGate & { textOf(entry: RejectedEntry): string };
  readonly dedupWindowMs: number;
}

/** What operators do with rejected events, ready for the admin port. */
export function createQuarantine(options: QuarantineOptions) {
  const { log, signals, gate, dedupWindowMs } = options;
  const marks = createReplayMarks(log);
  const rejected = createRejectedEvents(log, marks);
  const storedIds = createStoredIds(log);
  const replay = createReplay({ gate, rejected, marks, storedIds, dedupWindowMs });
  return createRejectedService({ rejected, replay, textOf: gate.textOf, signals });
}
