/** The status of a worker. Times are Unix times in ms. */
export interface WorkerState {
  readonly kind: 'running' | 'parked' | 'disabled' | 'stopped';
  readonly sinceMs: number;
  /** Why it is parked or disabled; else empty. */
  readonly reason: string;
  /** When a parked one tries again; undefined while it is trying. */
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
    /**
     * `dueMs` is of the monotonic clock. `disabled`: why the destination has disabled itself. A parked
     * worker goes on probing a disabled destination, which refuses without a request.
     */
    state: (dueMs: number | undefined, disabled: string | undefined): WorkerState => {
      if (kind === 'parked' && disabled !== undefined) {
        return { kind: 'disabled', sinceMs, reason: disabled, nextProbeMs: undefined };
      }
      const next = kind === 'parked' ? dueMs : undefined;
      const nextProbeMs = next && Math.round(performance.timeOrigin + next);
      return { kind, sinceMs, reason, nextProbeMs };
    },
  };
}
