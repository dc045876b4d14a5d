/** The status of a worker. Times are Unix times in ms. */
export interface WorkerState {
  readonly kind: 'running' | 'parked' | 'disabled' | 'stopped';
  readonly sinceMs: number;
  /** Why the worker is parked or disabled; otherwise empty. */
  readonly reason: string;
  /** When a parked worker sends its next probe; undefined while a probe runs. */
  readonly nextProbeMs: number | undefined;
}

/** The status that a worker reports. */
export function createWorkerStatus() {
  let kind: Exclude<WorkerState['kind'], 'disabled'> = 'stopped';
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
     */
    state: (dueMs: number | undefined, disabled: string | undefined): WorkerState => {
      if (kind === 'parked' && disabled !== undefined) {
        return { kind: 'disabled', sinceMs, reason: disabled, nextProbeMs: undefined };
      }
      const next = kind === 'parked' ? dueMs : undefined;
      const nextProbeMs = next && Math.round(Date.now() + next - performance.now());
      return { kind, sinceMs, reason, nextProbeMs };
    },
  };
}
