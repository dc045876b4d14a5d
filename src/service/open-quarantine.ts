import type { Log } from '../jetstream/log.ts';
import type { Signals } from '../observability/signals.ts';
import type { RejectedEntry } from '../quarantine/rejected-entry.ts';
import { createRejectedEvents } from '../quarantine/rejected-events.ts';
import { createRejectedService } from '../operators/rejected-service.ts';
import { createReplayMarks } from '../quarantine/replay-marks.ts';
import { createReplay, type WayIn } from '../quarantine/replay.ts';
import { createStoredIds } from '../quarantine/stored-ids.ts';

export interface QuarantineOptions {
  readonly log: Log;
  readonly signals: Signals;
  /** gate/accept/replay.ts */
  readonly wayIn: WayIn & { textOf(entry: RejectedEntry): string };
  readonly dedupWindowMs: number;
}

/** What operators do with rejected events, ready for the admin port. */
export function createQuarantine(options: QuarantineOptions) {
  const { log, signals, wayIn, dedupWindowMs } = options;
  const marks = createReplayMarks(log);
  const rejected = createRejectedEvents(log, marks);
  const storedIds = createStoredIds(log);
  const replay = createReplay({ wayIn, rejected, marks, storedIds, dedupWindowMs });
  return createRejectedService({ rejected, replay, textOf: wayIn.textOf, signals });
}
