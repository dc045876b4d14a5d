/** How it stands with a worker. Times are Unix times in ms. */
export interface WorkerState {
  readonly kind: 'running' | 'parked' | 'stopped';
  readonly sinceMs: number;
  /** Why it is parked; else empty. */
  readonly reason: string;
  /** When a parked one tries again; undefined while it is trying. */
  readonly nextProbeMs: number | undefined;
}

/** What the worker tells of itself; changed by whoever knows. */
export function createTold() {
  let kind: WorkerState['kind'] = 'stopped';
  let sinceMs = Date.now();
  let reason = '';
  return {
    change: (to: WorkerState['kind'], why: string): void => {
      kind = to;
      reason = why;
      sinceMs = Date.now();
    },
    /** `dueMs` is of the monotonic clock. */
    state: (dueMs: number | undefined): WorkerState => ({
      kind,
      sinceMs,
      reason,
      nextProbeMs:
        kind === 'parked' && dueMs !== undefined
          ? Math.round(performance.timeOrigin + dueMs)
          : undefined,
    }),
  };
}
