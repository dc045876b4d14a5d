import type { WhenFull } from '../../config/config.ts';
import type { Blocked, Unblocking } from '../../jetstream/consume/retention/pressure.ts';
import type { Signals } from '../../observability/signals.ts';
import type { DeliveryWorker } from '../worker.ts';
import type { RemovedMoves } from './move-removed.ts';
import type { AsideProgress } from './moves.ts';

/** A destination of this process. */
export interface UnblockedDestination {
  readonly whenFull: WhenFull;
  readonly worker: Pick<DeliveryWorker, 'state' | 'moveAside'>;
}

export interface UnblockParts {
  readonly destinationOf: (name: string) => UnblockedDestination | undefined;
  readonly removed: Pick<RemovedMoves, 'request'>;
  /** Confirms at once what only waits to be confirmed. */
  readonly confirm: () => void;
  /** Deletes what was delivered from ASIDE: the janitor comes once a minute only. */
  readonly clean: () => Promise<unknown>;
  readonly signals: Pick<Signals, 'eventsMovedAside' | 'trouble'>;
}

/**
 * A destination that takes events, but more slowly than they come, is left alone up to here: most
 * peaks end before, and each copy costs a write. Beyond it, intake would stop.
 */
const slowFrom = 0.9;

const reportIntervalMs = 600_000;
const cleanIntervalMs = 1_000;

/** Decides what makes room while the oldest events of the log are held, and begins it. */
export function createUnblock(parts: UnblockParts): (blocked: Blocked) => Unblocking {
  const reportedAtMs = new Map<string, number>();
  const report = (name: string): void => {
    if (performance.now() - (reportedAtMs.get(name) ?? -Infinity) < reportIntervalMs) return;
    reportedAtMs.set(name, performance.now());
    parts.signals.eventsMovedAside(name);
  };

  const unblockOne = (
    name: string,
    { part, full, upTo }: Blocked,
  ): AsideProgress | 'later' | undefined => {
    const destination = parts.destinationOf(name);
    if (destination === undefined) {
      const progress = parts.removed.request(name, part, upTo);
      if (progress !== undefined) report(name);
      return progress;
    }
    if (destination.whenFull === 'hold') return undefined;
    const { kind } = destination.worker.state();
    const isAway = kind === 'parked' || kind === 'paused' || kind === 'disabled';
    if (!isAway && full <= slowFrom) return 'later';
    report(name);
    return destination.worker.moveAside(upTo, !isAway);
  };

  let cleanedAtMs = -Infinity;
  const clean = (): void => {
    if (performance.now() - cleanedAtMs < cleanIntervalMs) return;
    cleanedAtMs = performance.now();
    parts.clean().catch((error: unknown) => parts.signals.trouble('cleaning ASIDE', error));
  };

  return (blocked) => {
    if (blocked.unconfirmed.length > 0) parts.confirm();
    const unblocking = new Map<string, AsideProgress | 'later'>();
    for (const name of blocked.unsettled) {
      const progress = unblockOne(name, blocked);
      if (progress !== undefined) unblocking.set(name, progress);
      if (progress === 'full') clean();
    }
    return unblocking;
  };
}
