import type { RetryReason, Verdict, VerdictError } from '../transport/transport.ts';

export interface SenderOptions {
  readonly batchEventsMax: number;
  readonly batchBytesMax: number;
  readonly inFlightMax: number;
  /** How long an event may wait for others in the same batch. */
  readonly lingerMs: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  readonly failuresMax: number;
  /** The least time between two refusals of an event by a server before the gate, if they count. */
  readonly refusalGapMs: number;
  /** Timers keep the program running. True if events are only in memory and would be lost. */
  readonly keepsAlive: boolean;
}

/** The outcome of one request. */
export interface RequestReport {
  /** 0 if the client only asked whether the gate is there. */
  readonly events: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly accepted: number;
  readonly duplicate: number;
  readonly rejected: number;
  /** Events to send again. */
  readonly retry: number;
  /** Why the request returned no verdicts; undefined if it did. */
  readonly failure: RetryReason | 'refused' | undefined;
}

export type VerdictCounts = Readonly<Record<Verdict['status'], number>>;

export interface SenderSignals {
  /** Called after events got a final verdict and were settled in the spool. */
  settled(counts: VerdictCounts): void;
  /** Events that wait were stored again at the end of the spool; their old places get settled. */
  moved(count: number): void;
  request(report: RequestReport): void;
  /** Resolves when the rejected event is stored where the owner of the program finds it. */
  rejected(record: Buffer, eventId: string, error: VerdictError): Promise<void>;
  trouble(message: string): void;
  recovered(): void;
}
