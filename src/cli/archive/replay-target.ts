import type { ObjectCounts } from './replay-state.ts';
import type { SelectedEvent } from './selection.ts';

/** What takes the events of a replay. */
export interface ReplayTarget {
  /** How many events `send` takes at once, at most. */
  readonly eventsMax: number;
  /** Resolves when each event was taken, filtered or refused. Rejects when the signal is aborted. */
  send(events: readonly SelectedEvent[], signal: AbortSignal): Promise<ObjectCounts>;
  close(): Promise<void>;
}

/** What a target says while it works. */
export interface TargetReport {
  /** It takes nothing now, and is tried again. */
  trouble(reason: string): void;
  /** For the person: which events the gate rejected. */
  rejected(faults: readonly string[]): void;
  /** It will never take this event. */
  refused(reason: string, payload: Uint8Array): void;
}
