import type { Config, WriteKey } from '../config/config.ts';
import { openReplayEndpoint } from '../gate/accept/replay.ts';
import { createEventStore } from '../jetstream/event-store.ts';
import type { Log } from '../jetstream/log.ts';
import type { Signals } from '../observability/signals.ts';
import type { RejectedServiceOptions } from '../operators/rejected/rejected-service.ts';
import { createCleanup } from '../quarantine/cleanup.ts';
import { createDiscard } from '../quarantine/discard.ts';
import { createInTurn } from '../quarantine/in-turn.ts';
import { decodeOriginal } from '../gate/decode/decode-original.ts';
import { createRejectedEvents } from '../quarantine/rejected-events.ts';
import { createReplay } from '../quarantine/replay.ts';
import { createReplayMarks } from '../quarantine/replay-marks.ts';
import { createStoredIds } from '../quarantine/stored-ids.ts';
import type { LiveValidation } from '../validation/live-validation.ts';
import type { Lifecycle } from './lifecycle.ts';

export interface QuarantineParts {
  readonly config: Config;
  readonly log: Log;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
  readonly validation: LiveValidation;
  /** The write keys in force now. */
  readonly keys: () => readonly WriteKey[];
}

/**
 * Opens the operators' actions on rejected events, and starts to delete old ones. Replays use an endpoint of this process, even if
 * the gate runs in several others.
 */
export async function openQuarantine(parts: QuarantineParts): Promise<RejectedServiceOptions> {
  const { config, log, signals, lifecycle, validation, keys } = parts;
  const endpoint = openReplayEndpoint(config, signals, {
    validate: validation.validate,
    nameSent: validation.nameSent,
    keys,
    ...createEventStore(log, validation.isPlanned),
  });
  lifecycle.onRelease('replay endpoint', endpoint.close);
  const { dedupWindowMs } = config.log;
  const marks = createReplayMarks(log, { dedupWindowMs });
  const rejected = createRejectedEvents(log, marks, decodeOriginal, validation.nameSent);
  const inTurn = createInTurn();
  const replay = createReplay({
    inTurn,
    endpoint,
    rejected,
    marks,
    storedIds: createStoredIds(log),
    dedupWindowMs,
  });
  await startCleanup(parts);
  return {
    rejected,
    replay,
    discard: createDiscard({ rejected, marks, inTurn }),
    textOf: endpoint.textOf,
  };
}

/** Makes room before the first event: an earlier release may have left a full stream. */
async function startCleanup({ config, log, signals, lifecycle }: QuarantineParts): Promise<void> {
  const onTrouble = (error: unknown): void => signals.trouble('deleting rejected events', error);
  const cleanup = createCleanup({
    log,
    retentionMs: config.rejected.retentionMs,
    onTrouble,
    onUsage: signals.quarantineSizes,
  });
  await cleanup.run().catch(onTrouble);
  cleanup.start();
  lifecycle.onRelease('cleanup of rejected events', cleanup.stop);
}
