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
     * A pause hides whether the destination is away: it is not called.
     */
    state: (
      dueMs: number | undefined,
      disabled: string | undefined,
      pause: PauseShown | undefined,
    ): WorkerState => {
      if (pause !== undefined && kind !== 'stopped') {
        const { why, sinceMs: pausedMs } = pause;
        return { kind: 'paused', sinceMs: pausedMs, reason: why, nextProbeMs: undefined };
      }
      if (kind === 'parked' && disabled !== undefined) {
        return { kind: 'disabled', sinceMs, reason: disabled, nextProbeMs: undefined };
      }
      const next = kind === 'parked' ? dueMs : undefined;
      const nextProbeMs = next && Math.round(Date.now() + next - performance.now());
      return { kind, sinceMs, reason, nextProbeMs };
    },
  };
}
