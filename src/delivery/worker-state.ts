import type { Destination } from '../destinations/destination.ts';
import type { Pause } from '../jetstream/consume/pause/pause-entry.ts';

/** The status of a worker. Times are Unix times in ms. */
export interface WorkerState {
  readonly kind: 'running' | 'parked' | 'paused' | 'disabled' | 'stopped';
  readonly sinceMs: number;
  /** Why the worker is parked, paused or disabled; otherwise empty. */
  readonly reason: string;
  /** When a parked worker sends its next probe; undefined while a probe runs. */
  readonly nextProbeMs: number | undefined;
}

/** What a destination says of events that it has accepted, for as long as it says it. */
export interface TroubleWatch {
  /**
   * Asks the destination, and reports when trouble begins or ends. `isParked`: its calls have parked the worker,
   * which says so itself, and when it is back.
   */
  look(isParked: boolean): void;
  /** The worker is back after it was parked by its calls: trouble that is still there is reported again. */
  reset(): void;
  /** Undefined without trouble. `sinceMs`: a Unix time. */
  current(): { readonly reason: string; readonly sinceMs: number } | undefined;
}

/** @param report is called with the reason when trouble begins, and with undefined when it ends. */
export function watchTrouble(
  destination: Pick<Destination, 'trouble'>,
  report: (reason: string | undefined) => void,
): TroubleWatch {
  let found: { readonly reason: string; readonly sinceMs: number } | undefined;
  return {
    look: (isParked) => {
      const reason = isParked ? undefined : destination.trouble?.();
      const isOther = (reason === undefined) !== (found === undefined);
      found = reason === undefined ? undefined : { reason, sinceMs: found?.sinceMs ?? Date.now() };
      if (isOther && !isParked) report(reason);
    },
    reset: () => {
      found = undefined;
    },
    current: () => found,
  };
}

/** The part of a pause that its status shows. */
type PauseShown = Pick<Pause, 'why' | 'sinceMs'>;

/** The status that a worker reports. */
export function createWorkerStatus() {
  let kind: Exclude<WorkerState['kind'], 'disabled' | 'paused'> = 'stopped';
  let sinceMs = Date.now();
  let reason = '';
  return {
    change: (to: typeof kind, why: string): void => {
      kind = to;
      reason = why;
      sinceMs = Date.now();
    },
    /** The reason has changed, and the status has not. */
    explain: (why: string): void => {
      reason = why;
    },
    /**
     * `dueMs` is from the monotonic clock. `disabled` says why the destination has disabled itself.
     * A parked worker still probes a disabled destination, which refuses without sending a request.
     * A pause hides whether the destination is away: it is not called. `trouble` parks one that is given no
     * events, too.
     */
    state: (
      dueMs: number | undefined,
      disabled: string | undefined,
      pause: PauseShown | undefined,
      trouble: { readonly reason: string; readonly sinceMs: number } | undefined,
    ): WorkerState => {
      if (pause !== undefined && kind !== 'stopped') {
        const { why, sinceMs: pausedMs } = pause;
        return { kind: 'paused', sinceMs: pausedMs, reason: why, nextProbeMs: undefined };
      }
      if (kind === 'parked' && disabled !== undefined) {
        return { kind: 'disabled', sinceMs, reason: disabled, nextProbeMs: undefined };
      }
      if (kind === 'running' && trouble !== undefined) {
        return { kind: 'parked', ...trouble, nextProbeMs: undefined };
      }
      const next = kind === 'parked' ? dueMs : undefined;
      const nextProbeMs = next && Math.round(Date.now() + next - performance.now());
      return { kind, sinceMs, reason, nextProbeMs };
    },
  };
}
