import { followPauses, type Pauses } from '../../delivery/pause/follow-pauses.ts';
import type { DeliveryWorker } from '../../delivery/worker.ts';
import { readPausesAfter } from '../../jetstream/consume/pause/pause-entry.ts';
import type { Log } from '../../jetstream/log.ts';
import type { Signals } from '../../observability/signals.ts';
import type { Lifecycle } from '../lifecycle.ts';
import { readFirst } from './read-first.ts';

export interface PausesParts {
  readonly log: Log;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
  readonly destinations: readonly { readonly name: string }[];
  /** Undefined while the worker of the destination is not there yet. */
  readonly workerOf: (destination: string) => Pick<DeliveryWorker, 'pauseChanged'> | undefined;
}

/**
 * Knows the pauses before any worker starts, and lets the workers follow them. Throws a StartError if they
 * cannot be read: a paused destination would get events.
 */
export async function startPauses(parts: PausesParts): Promise<Pauses> {
  const { log, signals, lifecycle, workerOf } = parts;
  const names = new Set(parts.destinations.map(({ name }) => name));
  const pauses = followPauses({
    entries: { readAfter: (revision) => readPausesAfter(log, revision) },
    onChange: (name, pause) => {
      if (!names.has(name)) return;
      signals.destinationPaused(name, pause);
      workerOf(name)?.pauseChanged();
    },
    onAway: (error) => signals.trouble('reading which destinations are paused', error),
  });
  await readFirst(
    pauses.refresh,
    (failure) =>
      `It cannot be read which destinations are paused: ${failure}. Look at the stream LEDGER, and start again.`,
  );
  pauses.start();
  lifecycle.onRelease('pauses', pauses.stop);
  return pauses;
}
